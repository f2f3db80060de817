// Listeners that call the client: what they ask for is done at once, and nothing else happens meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pollingServer, wsServer } from "../servers/scripted.mjs";
import { connect, createManager, upstream } from "./client.mjs";
import { once, record, until } from "./server.mjs";

const websocket = { transports: ["websocket"], reconnection: false };

/** Exceptions that reach the host from here to the test's end, instead of ending it. */
function uncaught(t) {
  const found = [];
  process.setUncaughtExceptionCaptureCallback((error) => found.push(error.message));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  return found;
}

function fail(message) {
  throw new Error(message);
}

/** A socket that is in, over polling, where one body brings many events. */
async function polling(t) {
  const server = await pollingServer(t, { heard: (body, say) => body === "40" && say('40{"sid":"s"}') });
  const socket = connect(t, server.url, { transports: ["polling"], reconnection: false });
  await once(socket, "connect");
  return { server, socket };
}

const three = ['42["a",1]', '42["a",2]', '42["a",3]'].join("\x1e");

test("an emit in a listener does not bring the next event, nor its exception", async (t) => {
  const errors = uncaught(t);
  const { server, socket } = await polling(t);
  const log = [];
  socket.on("a", (n) => {
    log.push(`begin ${n}`);
    socket.emit("x");
    log.push(`end ${n}`);
    if (n === 2) fail("in the second");
  });
  server.say(three);
  await until(() => log.length === 6);
  assert.deepEqual(log, ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]);
  assert.deepEqual(errors, ["in the second"]);
});

test("an answer in a listener brings no other acknowledgement", async (t) => {
  const { server, socket } = await polling(t);
  const log = [];
  socket.emit("q", () => log.push("acknowledged"));
  socket.on("ask", (answer) => {
    answer("yes");
    log.push("answered");
  });
  await until(() => server.posts.includes('420["q"]'));
  server.say(['427["ask"]', "430[]"].join("\x1e"));
  await until(() => log.length === 2);
  assert.deepEqual(log, ["answered", "acknowledged"]);
});

test("after disconnect() in a listener nothing of that namespace is heard", async (t) => {
  const { server, socket } = await polling(t);
  const log = record(socket, ["disconnect"]);
  socket.on("a", (n) => {
    log.push(n);
    socket.disconnect();
    log.push("disconnect() has returned");
  });
  const closed = once(socket.io, "close");
  server.say(three);
  await closed;
  await until(() => server.posts.at(-1) === "1");
  assert.deepEqual(log, [1, "disconnect", "disconnect() has returned"]);
});

test("a namespace that is left while its welcome waits is not connected", async (t) => {
  const server = await pollingServer(t, { heard: (body, say) => body === "40" && say('40{"sid":"s"}') });
  const manager = createManager(t, server.url, { transports: ["polling"], reconnection: false });
  const socket = manager.socket("/");
  await once(socket, "connect");
  const other = manager.socket("/other");
  const log = record(other, ["connect", "disconnect", "connect_error"]);
  await until(() => server.posts.includes("40/other,"));
  socket.on("a", () => other.disconnect());
  server.say(['42["a"]', '40/other,{"sid":"o"}', '42/other,["b"]', '42["last"]'].join("\x1e"));
  await once(socket, "last");
  assert.deepEqual([log, other.connected, other.active], [[], false, false]);
});

test("a Manager's \"packet\" listener that throws keeps nothing from the sockets", async (t) => {
  const [server, errors] = [await wsServer(t), uncaught(t)];
  const socket = connect(t, server.url, websocket);
  socket.io.on("packet", () => fail("in packet"));
  await once(socket, "connect");
  const event = once(socket, "a");
  const answer = new Promise((resolve) => socket.emit("q", resolve));
  for (const text of ['42["a"]', '430["answer"]']) server.sockets[0].send(text);
  await event;
  assert.equal(await answer, "answer");
  await until(() => errors.length === 3);
});

const told = { skip: upstream && "it tells nobody" };

test("who waits for open() is told, whatever a listener did before", told, async (t) => {
  const [server, errors] = [await wsServer(t), uncaught(t)];
  const manager = createManager(t, server.url, { ...websocket, autoConnect: false });
  manager.on("open", () => fail("in open"));
  await new Promise((resolve) => manager.open(resolve));
  await until(() => errors.length === 1);
  assert.deepEqual(errors, ["in open"]);
});

test("what is emitted in packetCreate goes out behind that packet and its binary parts", async (t) => {
  const frames = [];
  const server = await wsServer(t, { heard: (frame) => frames.push(frame) });
  const socket = connect(t, server.url, websocket);
  await once(socket, "connect");
  socket.io.engine.once("packetCreate", () => socket.emit("nested"));
  socket.emit("bytes", Buffer.from("abc"));
  await until(() => frames.length === 3);
  const parts = frames.filter((frame) => frame !== '42["nested"]');
  assert.deepEqual(parts, ['451-["bytes",{"_placeholder":true,"num":0}]', Buffer.from("abc")]);
  // Never between the two.
  assert.notEqual(frames[1], '42["nested"]');
});

test("drain comes when nothing is left, and what it emits is told to catch-all listeners like the rest", async (t) => {
  const { server, socket } = await polling(t);
  await until(() => socket.io.engine.transport.writable);
  const log = [];
  socket.onAnyOutgoing((name) => log.push(name));
  let drained = 0;
  socket.io.engine.on("drain", () => {
    log.push("drain");
    drained += 1;
    if (drained === 1) socket.emit("d");
  });
  for (const name of ["a", "b", "c"]) socket.emit(name);
  await until(() => drained === 2);
  assert.deepEqual(log.filter((entry) => entry !== "drain").sort(), ["a", "b", "c", "d"]);
  assert.deepEqual(log.slice(-3), ["drain", "d", "drain"]);
  assert.deepEqual(server.posts.at(-1), '42["d"]');
});

test("a name that is a number is the same as its text", async (t) => {
  const server = await wsServer(t);
  const socket = connect(t, server.url, websocket);
  await once(socket, "connect");
  const log = [];
  const listener = () => log.push("text");
  socket.on("1", listener);
  socket.on(1, () => log.push("number"));
  assert.equal(socket.listeners(1).length, 2);
  for (const text of ["42[1]", '42["1"]']) server.sockets[0].send(text);
  await until(() => log.length === 4);
  socket.off(1, listener);
  assert.equal(socket.listeners("1").length, 1);
  assert.deepEqual(log, ["text", "number", "text", "number"]);
});

test("disconnect() in a Manager's \"packet\" listener leaves nobody connected", async (t) => {
  const server = await wsServer(t);
  const socket = connect(t, server.url, websocket);
  const log = record(socket, ["connect", "disconnect"]);
  const left = new Promise((resolve) => socket.io.once("packet", () => resolve(socket.disconnect())));
  await left;
  assert.deepEqual([socket.connected, socket.active, log.at(-1)], [false, false, "disconnect"]);
});

test("disconnect() while what was held goes out: all that went out is told to catch-all listeners", told, async (t) => {
  const server = await wsServer(t);
  const socket = connect(t, server.url, websocket);
  const log = record(socket, ["connect", "disconnect"]);
  socket.onAnyOutgoing((name) => {
    log.push(name);
    if (name === "first") socket.disconnect();
  });
  for (const name of ["first", "second"]) socket.emit(name);
  await until(() => server.sockets[0]?.texts.includes("41"));
  assert.deepEqual(server.sockets[0].texts, ["40", '42["first"]', '42["second"]', "41"]);
  assert.deepEqual(log, ["first", "connect", "disconnect", "second"]);
});
