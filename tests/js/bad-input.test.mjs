// Applications that throw, values that cannot be sent, servers that lie: what ends, what lives, what is left behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pollingServer, wsServer } from "../servers/scripted.mjs";
import { connect, createManager, upstream } from "./client.mjs";
import { once, rawServer, sioServer, until } from "./server.mjs";

const websocket = { transports: ["websocket"] };
const hole = (num) => `{"_placeholder":true,"num":${num}}`;

/** Exceptions that reach the host from here to the test's end, instead of ending it. */
function uncaught(t) {
  const found = [];
  const before = process.rawListeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => found.push(error.message));
  t.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of before) process.on("uncaughtException", listener);
  });
  return found;
}

function fail(message) {
  throw new Error(message);
}

/** Both directions work: an emit is answered, and an event arrives. */
async function sound(socket) {
  assert.equal(socket.connected, true);
  assert.equal(await socket.timeout(20_000).emitWithAck("echo", "sound"), "sound");
  const back = once(socket, "hi");
  socket.emit("hi");
  await back;
}

// --- Applications that throw -----------------------------------------------------------------------------------

test("a listener that throws: the host hears of it, later listeners do not run, later events arrive", async (t) => {
  const [server, errors] = [await wsServer(t), uncaught(t)];
  const socket = connect(t, server.url, { ...websocket, reconnection: false });
  await once(socket, "connect");
  const got = [];
  socket.on("first", () => fail("in first"));
  socket.on("first", () => got.push("after the one that throws"));
  socket.on("second", (value) => got.push(value));
  for (const text of ['42["first"]', '42["second",1]', '42["first"]', '42["second",2]']) server.sockets[0].send(text);
  await until(() => got.length === 2 && errors.length === 2);
  assert.deepEqual(got, [1, 2]);
  assert.deepEqual(errors, ["in first", "in first"]);
  assert.equal(socket.connected, true);
});

test("catch-all listeners that throw keep the event from the others, and nothing else", async (t) => {
  const [{ url }, errors] = [await sioServer(t), uncaught(t)];
  const socket = connect(t, url, websocket);
  await once(socket, "connect");
  const got = [];
  socket.on("hi", () => got.push("hi"));
  socket.onAny(() => fail("in onAny"));
  socket.emit("hi");
  await until(() => errors.length === 1);
  assert.deepEqual([errors, got], [["in onAny"], []]);
  socket.offAny();
  socket.onAnyOutgoing(() => fail("in onAnyOutgoing"));
  assert.throws(() => socket.emit("hi"), /in onAnyOutgoing/);
  socket.offAnyOutgoing();
  await sound(socket);
  assert.equal(errors.length, 1);
});

test("an ack callback that throws takes no other answer with it", async (t) => {
  const [{ url }, errors] = [await sioServer(t), uncaught(t)];
  const socket = connect(t, url, websocket);
  await once(socket, "connect");
  const got = [];
  socket.emit("echo", 1, () => fail("in ack"));
  socket.emit("echo", 2, (value) => got.push(value));
  socket.timeout(1).emit("nobody answers", () => fail("in timeout"));
  await until(() => errors.length === 2 && got.length === 1);
  assert.deepEqual([errors.sort(), got], [["in ack", "in timeout"], [2]]);
  assert.deepEqual(Object.keys(socket.acks), []);
  await sound(socket);
});

test("a connect listener that throws leaves a connected socket", async (t) => {
  const [{ url }, errors] = [await sioServer(t), uncaught(t)];
  const socket = connect(t, url, websocket);
  socket.once("connect", () => fail("in connect"));
  socket.emit("echo", "held", (value) => assert.equal(value, "held"));
  await until(() => errors.length === 1);
  assert.deepEqual(errors, ["in connect"]);
  await sound(socket);
});

test("a disconnect listener that throws does not keep the connection from coming back", async (t) => {
  const [{ url, io }, errors] = [await sioServer(t), uncaught(t)];
  const socket = connect(t, url, { ...websocket, reconnectionDelay: 1 });
  await once(socket, "connect");
  socket.once("disconnect", () => fail("in disconnect"));
  io.disconnectSockets(true);
  await until(() => errors.length === 1);
  assert.deepEqual([errors, socket.connected], [["in disconnect"], false]);
  // After a disconnection by the server it is the application that connects.
  socket.connect();
  await once(socket, "connect");
  await sound(socket);

  socket.once("disconnect", () => fail("when the transport closes"));
  for (const one of Object.values(io.engine.clients)) one.transport.socket.terminate();
  await until(() => errors.length === 2);
  // The published client never comes back from this one.
  if (upstream) return;
  await once(socket, "connect");
  await sound(socket);
});

const alone = { skip: upstream && "the others never learn of it" };

test("what a listener throws keeps no other socket from the end of its connection", alone, async (t) => {
  const [{ url, io }, errors] = [await sioServer(t), uncaught(t)];
  const manager = createManager(t, url, { ...websocket, reconnectionDelay: 1 });
  const sockets = ["/", "/foo", "/asd"].map((name) => manager.socket(name));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  manager.engine.once("close", () => fail("engine"));
  manager.once("close", () => fail("manager"));
  const ended = [];
  for (const socket of sockets) {
    socket.once("disconnect", () => {
      ended.push([socket.nsp, socket.connected]);
      fail(socket.nsp);
    });
  }
  for (const one of Object.values(io.engine.clients)) one.transport.socket.terminate();
  await until(() => errors.length === 5);
  assert.deepEqual(ended, sockets.map(({ nsp }) => [nsp, false]));
  assert.deepEqual(errors, ["engine", "/", "/foo", "/asd", "manager"]);
  await until(() => sockets.every((socket) => socket.connected));
  await sound(sockets[0]);
});

const stuck = { skip: upstream && "it is stuck then" };

test("an auth function that throws: the host hears of it, other namespaces connect", stuck, async (t) => {
  const [{ url }, errors] = [await sioServer(t), uncaught(t)];
  const manager = createManager(t, url, websocket);
  const socket = manager.socket("/foo", { auth: () => fail("in auth") });
  await until(() => errors.length > 0);
  assert.equal(errors[0], "in auth");
  assert.equal(socket.connected, false);
  const other = manager.socket("/");
  await once(other, "connect");
  await sound(other);
});

test("listeners of the Manager that throw do not stop it", stuck, async (t) => {
  const [{ url, io }, errors] = [await sioServer(t), uncaught(t)];
  const socket = connect(t, url, { ...websocket, reconnectionDelay: 1 });
  await once(socket, "connect");
  const events = ["close", "reconnect_attempt", "open", "reconnect"];
  for (const event of events) socket.io.once(event, () => fail(`in ${event}`));
  for (const one of Object.values(io.engine.clients)) one.transport.socket.terminate();
  await until(() => errors.length === events.length && socket.connected);
  assert.deepEqual(errors.map((error) => error.slice(3)), events);
  await sound(socket);
});

// --- Values that cannot be sent --------------------------------------------------------------------------------

const cyclic = {};
cyclic.self = { cyclic };
const unsendable = [cyclic, 1n, { deep: [1n] }, { toJSON: () => fail("in toJSON") }, [Buffer.from("1"), cyclic]];

test("what cannot be sent throws from emit, and nothing is sent", async (t) => {
  const heard = [];
  const server = await wsServer(t, { heard: (text) => heard.push(text) });
  const socket = connect(t, server.url, websocket);
  await once(socket, "connect");
  for (const value of unsendable) {
    assert.throws(() => socket.emit("a", value));
    assert.throws(() => socket.volatile.emit("a", value));
  }
  socket.emit("last");
  await until(() => heard.length > 0);
  assert.deepEqual(heard, ['42["last"]']);
});

const tidy = { skip: upstream && "it leaves them" };

test("and nothing is left of it: no ack, no flag, no entry in a buffer", tidy, async (t) => {
  const server = await wsServer(t);
  const socket = connect(t, server.url, { ...websocket, autoConnect: false });
  const called = [];
  const refuse = () => {
    const before = [Object.keys(socket.acks), socket.sendBuffer.length];
    for (const value of unsendable) {
      assert.throws(() => socket.emit("a", value));
      assert.throws(() => socket.emit("a", value, () => called.push("ack")));
      assert.throws(() => socket.volatile.compress(false).timeout(1).emit("a", value, () => called.push("timeout")));
    }
    assert.deepEqual([Object.keys(socket.acks), socket.sendBuffer.length], before);
  };
  refuse();
  assert.deepEqual([Object.keys(socket.acks), socket.sendBuffer.length], [[], 0]);
  // Neither volatile nor with a timeout: it waits.
  socket.emit("held", () => called.push("held"));
  assert.equal(socket.sendBuffer.length, 1);
  socket.sendBuffer = [];
  socket.connect();
  await once(socket, "connect");
  refuse();
  const created = once(socket.io.engine, "packetCreate");
  socket.emit("plain", () => called.push("plain"));
  const [{ data, options }] = await created;
  assert.match(data, /^2\d+\["plain"\]$/);
  assert.equal(options.compress, true);
  assert.deepEqual(called, []);
});

test("emitWithAck throws in its promise, or at once", async (t) => {
  const server = await wsServer(t);
  const socket = connect(t, server.url, websocket);
  await once(socket, "connect");
  for (const value of unsendable) {
    await assert.rejects(async () => socket.emitWithAck("a", value));
    await assert.rejects(async () => socket.timeout(1000).emitWithAck("a", value));
  }
});

// --- Servers that lie ------------------------------------------------------------------------------------------

/** The first error of a connection to `url` that is not to come about. */
async function refused(t, url, options) {
  const socket = connect(t, url, { reconnection: false, timeout: 3000, ...options });
  socket.on("connect", () => assert.fail("connected"));
  const [error] = await once(socket, "connect_error");
  assert.ok(error instanceof Error);
  return error;
}

const rubbish = ["0", "0{", "0[]", '0"text"', "0null", "0{}", '0{"sid":7}', '0{"sid":"a","pingInterval":"soon"}'];

test("a handshake that is none is an error at once", { skip: upstream && "it throws in a callback" }, async (t) => {
  for (const opening of [...rubbish, "", "9", "{}"]) {
    const polling = await pollingServer(t, { opening });
    const error = await refused(t, polling.url, { transports: ["polling"] });
    assert.notEqual(error.message, "timeout", `polling ${opening}`);
    const server = await rawServer(t, (ws) => ws.send(opening), { handshake: null });
    assert.notEqual((await refused(t, server.url, websocket)).message, "timeout", `websocket ${opening}`);
  }
});

test("a packet before the handshake brings nobody in", async (t) => {
  for (const early of ['40{"sid":"s"}', '42["early"]', "2", Buffer.from("early")]) {
    const server = await rawServer(t, (ws) => ws.send(early), { handshake: null });
    const socket = connect(t, server.url, { ...websocket, reconnection: false, timeout: 100 });
    const seen = [];
    socket.onAny((...args) => seen.push(args));
    socket.on("connect", () => seen.push("connect"));
    await once(socket, "connect_error");
    assert.deepEqual(seen, []);
  }
});

test("answers that nobody waits for, and namespaces that nobody is in, are passed over", async (t) => {
  const server = await wsServer(t);
  const socket = connect(t, server.url, { ...websocket, reconnection: false });
  await once(socket, "connect");
  const answers = [];
  socket.emit("ask", (...args) => answers.push(args));
  const got = [];
  socket.onAny((...args) => got.push(args));
  for (const text of [
    "4399[1]",
    "43[1]",
    '430["yes"]',
    '430["again"]',
    "43999999999999999[1]",
    '42/nowhere,["x"]',
    "41/nowhere,",
    "43/nowhere,0[1]",
    '44/nowhere,{"message":"no"}',
    '40/nowhere,{"sid":"x"}',
    '42["last"]',
  ]) {
    server.sockets[0].send(text);
  }
  await until(() => got.length > 0);
  assert.deepEqual([got, answers, socket.connected], [[["last"]], [["yes"]], true]);
});

test("a second welcome changes nothing", { skip: upstream && "it takes the new id" }, async (t) => {
  const server = await wsServer(t);
  const socket = connect(t, server.url, { ...websocket, reconnection: false });
  let connected = 0;
  socket.on("connect", () => (connected += 1));
  await once(socket, "connect");
  const id = socket.id;
  server.sockets[0].send('40{"sid":"another"}');
  server.sockets[0].send('42["last"]');
  await once(socket, "last");
  assert.deepEqual([connected, socket.id, socket.connected], [1, id, true]);
});

test("a liar is left, and the connection comes back", async (t) => {
  const lies = ["45", '42["connect"]', "4[", Buffer.from("nobody asked"), `451-["e",${hole(3)}]`, '452-["e"]', "42{"];
  for (const lie of lies) {
    let said = false;
    const server = await wsServer(t, {
      welcome(ws) {
        if (said) return;
        said = true;
        ws.send(lie);
        if (String(lie).startsWith("451")) ws.send(Buffer.from("part"));
        if (String(lie).startsWith("452")) ws.send('42["out of turn"]');
      },
    });
    const socket = connect(t, server.url, { ...websocket, reconnectionDelay: 1 });
    const reasons = [];
    socket.on("disconnect", (reason) => reasons.push(reason));
    await until(() => server.sockets.length === 2 && socket.connected);
    assert.deepEqual(reasons, ["parse error"], String(lie));
  }
});
