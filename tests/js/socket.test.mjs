// One namespace as an application sees it: its id, its options, its emits and acknowledgements, its listeners.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { once, record, refusingServer, silentServer, sioServer, until } from "./server.mjs";

const websocket = { transports: ["websocket"] };
const timedOut = { message: "operation has timed out" };
const cutOff = { message: "socket has been disconnected" };

// --- Its id ------------------------------------------------------------------------------------------------------

test("the id is the server's, in the main namespace and in another, and not the engine's", async (t) => {
  const { io, url } = await sioServer(t);
  for (const namespace of ["/", "/foo"]) {
    const socket = connect(t, url + namespace);
    const id = await new Promise((resolve) => socket.emit("getId", resolve));
    assert.equal(socket.id, id);
    assert.ok(io.of(namespace).sockets.has(id));
    assert.notEqual(socket.id, socket.io.engine.id);
  }
});

test("the id is gone with the connection, and another one comes with the next", async (t) => {
  const { url } = await sioServer(t, { connectionStateRecovery: undefined });
  const socket = connect(t, url, { reconnectionDelay: 10 });
  await once(socket, "connect");
  const { id } = socket;
  const ids = [];
  socket.on("disconnect", () => ids.push(socket.id));
  socket.io.once("reconnect_attempt", () => ids.push(socket.id));
  socket.io.engine.close();
  await once(socket, "connect");
  assert.deepEqual(ids, [undefined, undefined]);
  assert.ok(socket.id);
  assert.notEqual(socket.id, id);
});

test("disconnect() takes the id", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  await once(socket, "connect");
  const ids = [];
  socket.on("disconnect", () => ids.push(socket.id));
  socket.disconnect();
  assert.deepEqual(ids, [undefined]);
});

// --- When it does not connect --------------------------------------------------------------------------------------

test("disconnect() while opening is no error, also after the time for opening", async (t) => {
  const { url } = await silentServer(t);
  const clock = Clock.install(t);
  const socket = connect(t, url, { timeout: 100 });
  const log = record(socket.io, ["error", "reconnect_attempt"], record(socket, ["connect_error", "connect"]));
  socket.disconnect();
  await clock.advance(60_000);
  assert.deepEqual(log, []);
});

test("an address that refuses is a connect_error, and the socket stays active", async (t) => {
  const { url } = await refusingServer(t);
  const socket = connect(t, url);
  const [error] = await once(socket, "connect_error");
  assert.ok(error instanceof Error);
  assert.equal(error.message, "xhr poll error");
  assert.equal(error.type, "TransportError");
  assert.equal(socket.active, true);
});

for (const transport of ["polling", "websocket"]) {
  test(`${transport}: a server that does not answer in time is a connect_error`, async (t) => {
    const { url } = await sioServer(t);
    const socket = connect(t, url, { transports: [transport], timeout: 0 });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.message, "timeout");
  });
}

test("losing a connection is a disconnect and no connect_error", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { reconnectionDelay: 10 });
  const log = record(socket, ["connect", "connect_error", "disconnect"]);
  await once(socket, "connect");
  socket.io.engine.close();
  await once(socket, "connect");
  assert.deepEqual(log, ["connect", "disconnect", "connect"]);
});

test("who is refused by a middleware gets its error with its data, and is not tried again", async (t) => {
  const { io, url } = await sioServer(t);
  const data = { code: 4, list: ["why"] };
  let asked = 0;
  io.of("/with-data").use((_socket, next) => {
    asked += 1;
    next(Object.assign(new Error("not you"), { data }));
  });
  const plain = connect(t, `${url}/no`);
  const [error] = await once(plain, "connect_error");
  assert.ok(error instanceof Error);
  assert.equal(error.message, "Auth failed (custom namespace)");
  assert.equal(error.data, undefined);
  const clock = Clock.install(t);
  const socket = connect(t, `${url}/with-data`, { reconnectionDelay: 10 });
  const log = record(socket, ["connect_error"]);
  const [withData] = await once(socket, "connect_error");
  assert.equal(withData.message, "not you");
  assert.deepEqual(withData.data, data);
  assert.equal(socket.active, false);
  socket.io.engine.close();
  await clock.advance(60_000);
  assert.deepEqual(log, ["connect_error"]);
  assert.equal(asked, 1);
});

test("disconnect().connect() is one disconnect and a new connection", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, websocket);
  const log = record(socket, ["connect", "disconnect"]);
  await once(socket, "connect");
  assert.equal(socket.disconnect().connect(), socket);
  await once(socket, "connect");
  assert.deepEqual(log, ["connect", "disconnect", "connect"]);
});

// --- What it tells the server --------------------------------------------------------------------------------------

test("query: an object reaches the server, from each namespace", async (t) => {
  const { url } = await sioServer(t);
  const main = connect(t, `${url}/`, { query: { e: "f" } });
  const { query } = await main.emitWithAck("getHandshake");
  assert.equal(query.e, "f");
  assert.equal(query.EIO, "4");
  const abc = connect(t, `${url}/abc`, { query: { a: "b" } });
  assert.equal((await once(abc, "handshake"))[0].query.a, "b");
});

test("query: a string in the address reaches the server, from each namespace", async (t) => {
  const { url } = await sioServer(t);
  const main = connect(t, `${url}/?c=d`);
  assert.equal((await main.emitWithAck("getHandshake")).query.c, "d");
  const abc = connect(t, `${url}/abc?b=c&d=e`);
  const [{ query }] = await once(abc, "handshake");
  assert.equal(query.b, "c");
  assert.equal(query.d, "e");
});

test("query: what has a meaning in an address is escaped", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/abc`, { query: { "&a": "&=?a", plus: "a+b c", letter: "ü" } });
  const [{ query }] = await once(socket, "handshake");
  assert.equal(query["&a"], "&=?a");
  assert.equal(query.plus, "a+b c");
  assert.equal(query.letter, "ü");
});

test("auth: an object goes with the CONNECT and not into the query", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/abc`, { auth: { a: "b", c: "d" } });
  const [{ auth, query }] = await once(socket, "handshake");
  assert.deepEqual(auth, { a: "b", c: "d" });
  assert.equal(query.a, undefined);
});

test("auth: a function is asked at each CONNECT, and what is on the socket counts", async (t) => {
  const { url } = await sioServer(t);
  let asked = 0;
  const socket = connect(t, `${url}/abc`, { auth: (done) => done({ e: "f", time: (asked += 1) }) });
  const [{ auth, query }] = await once(socket, "handshake");
  assert.deepEqual(auth, { e: "f", time: 1 });
  assert.equal(query.e, undefined);
  socket.disconnect().connect();
  assert.equal((await once(socket, "handshake"))[0].auth.time, 2);
  socket.auth = { changed: true };
  socket.disconnect().connect();
  const [{ auth: changed }] = await once(socket, "handshake");
  assert.equal(changed.changed, true);
  assert.equal(changed.e, undefined);
});

for (const compress of [true, false]) {
  test(`compression is ${compress ? "on by default" : "off after compress(false), for one packet"}`, async (t) => {
    const { url } = await sioServer(t);
    const socket = connect(t, url);
    await once(socket, "connect");
    const options = [];
    socket.io.engine.on("packetCreate", (packet) => options.push(packet.options.compress));
    (compress ? socket : socket.compress(false)).emit("hi");
    socket.emit("hi");
    // Over polling the second one waits until the first has been taken.
    await until(() => options.length === 2, "two packets");
    assert.deepEqual(options, [compress, true]);
  });
}

// --- Emits ---------------------------------------------------------------------------------------------------------

test("names that mean something to the library cannot be emitted", async (t) => {
  const socket = connect(t, "http://localhost", { autoConnect: false });
  for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
    assert.throws(() => socket.emit(name, "goodbye"), { message: `"${name}" is a reserved event name` });
  }
  assert.deepEqual(socket.sendBuffer, []);
});

test("what was emitted before the connection arrives before what its listener emits", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { autoConnect: false });
  const answers = [];
  const both = new Promise((resolve) => {
    socket.on("connect", () => socket.emit("echo", "second", (value) => resolve(answers.push(value))));
  });
  socket.emit("echo", "first", (value) => answers.push(value));
  assert.equal(socket.sendBuffer.length, 1);
  socket.connect();
  await both;
  assert.deepEqual(answers, ["first", "second"]);
  assert.deepEqual(socket.sendBuffer, []);
});

test("emitWithAck() resolves to what the server acknowledges, with and without a limit", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  assert.equal(await socket.emitWithAck("echo", 123), 123);
  assert.equal(await socket.timeout(20_000).emitWithAck("echo", 42), 42);
});

test("send() is an emit of \"message\"", async (t) => {
  const { io, url } = await sioServer(t);
  const message = new Promise((resolve) => {
    io.on("connection", (socket) => socket.on("message", (...args) => resolve(args)));
  });
  const socket = connect(t, url);
  assert.equal(socket.send("a", 1), socket);
  assert.deepEqual(await message, ["a", 1]);
});

test("volatile: dropped while not connected", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { autoConnect: false });
  const log = [];
  socket.volatile.emit("getId", () => log.push("volatile"));
  assert.deepEqual(socket.sendBuffer, []);
  socket.emit("getId", () => log.push("plain"));
  socket.connect();
  await socket.emitWithAck("echo", 1);
  assert.deepEqual(log, ["plain"]);
});

test("volatile: dropped behind another packet of the same moment, sent when the transport is idle", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  const log = [];
  socket.once("connect", () => {
    socket.emit("getId", () => log.push("plain"));
    socket.volatile.emit("getId", () => log.push("dropped"));
  });
  await once(socket, "connect");
  await socket.emitWithAck("echo", 1);
  assert.deepEqual(log, ["plain"]);
  await until(() => socket.io.engine.transport.writable);
  await new Promise((resolve) => socket.volatile.emit("getId", resolve));
});

// --- Listeners for everything ----------------------------------------------------------------------------------------

test("onAny() hears every event before its own listeners, those that are prepended first", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/abc`);
  const log = [];
  socket.on("handshake", () => log.push("on"));
  socket.onAny((event, handshake) => log.push(["last", event, typeof handshake.query]));
  socket.prependAny(() => log.push("second"));
  assert.equal(socket.prependAny(() => log.push("first")), socket);
  await once(socket, "handshake");
  assert.deepEqual(log, ["first", "second", ["last", "handshake", "object"], "on"]);
});

test("offAny() removes one listener, or all", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/abc`);
  assert.deepEqual(socket.listenersAny(), []);
  const log = [];
  const [a, b] = ["a", "b"].map((name) => () => log.push(name));
  socket.onAny(a).onAny(b);
  assert.deepEqual(socket.listenersAny(), [a, b]);
  assert.equal(socket.offAny(a), socket);
  assert.deepEqual(socket.listenersAny(), [b]);
  await once(socket, "handshake");
  assert.deepEqual(log, ["b"]);
  socket.offAny();
  assert.deepEqual(socket.listenersAny(), []);
  assert.equal(socket.listenersAny.length, 0);
});

test("onAnyOutgoing() hears what is sent, when it is sent, those that are prepended first", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/abc`);
  const log = [];
  socket.onAnyOutgoing((...args) => log.push(["last", ...args]));
  socket.prependAnyOutgoing(() => log.push("second"));
  assert.equal(socket.prependAnyOutgoing(() => log.push("first")), socket);
  socket.emit("my-event", "123", () => {});
  assert.deepEqual(log, []);
  await once(socket, "connect");
  assert.deepEqual(log, ["first", "second", ["last", "my-event", "123"]]);
});

test("onAnyOutgoing() gets bytes as they are", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/abc`);
  await once(socket, "connect");
  const heard = [];
  const bytes = Uint8Array.of(1, 2, 3);
  socket.onAnyOutgoing((...args) => heard.push(args));
  socket.emit("my-event", bytes);
  await until(() => heard.length > 0);
  assert.equal(heard[0][0], "my-event");
  assert.equal(heard[0][1], bytes);
});

test("offAnyOutgoing() removes one listener, or all", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  await once(socket, "connect");
  assert.deepEqual(socket.listenersAnyOutgoing(), []);
  const log = [];
  const [a, b] = ["a", "b"].map((name) => () => log.push(name));
  socket.onAnyOutgoing(a).onAnyOutgoing(b);
  assert.equal(socket.offAnyOutgoing(a), socket);
  assert.deepEqual(socket.listenersAnyOutgoing(), [b]);
  socket.emit("hi");
  await until(() => log.length > 0);
  assert.deepEqual(log, ["b"]);
  socket.offAnyOutgoing();
  assert.deepEqual(socket.listenersAnyOutgoing(), []);
  assert.equal(socket.listenersAnyOutgoing.length, 0);
});

// --- Acknowledgements with a limit -----------------------------------------------------------------------------------

const acked = (send) => new Promise((resolve) => send((...args) => resolve(args)));

test("timeout(): runs while not connected too, and takes the packet out of the buffer", async (t) => {
  const socket = connect(t, "http://localhost", { autoConnect: false });
  const outcome = acked((ack) => socket.timeout(5).emit("event", ack));
  assert.equal(socket.sendBuffer.length, 1);
  const [error] = await outcome;
  assert.ok(error instanceof Error);
  assert.equal(error.message, timedOut.message);
  assert.deepEqual(socket.sendBuffer, []);
});

test("timeout(): ends in an error where the server does not acknowledge, for a callback and a promise", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  await once(socket, "connect");
  const [error] = await acked((ack) => socket.timeout(5).emit("unknown", ack));
  assert.equal(error.message, timedOut.message);
  await assert.rejects(socket.timeout(5).emitWithAck("unknown"), timedOut);
});

test("timeout(): an acknowledgement that comes too late is not heard", async (t) => {
  const { io, url } = await sioServer(t);
  let answer;
  io.on("connection", (socket) => socket.on("late", (ack) => (answer = ack)));
  const socket = connect(t, url);
  await once(socket, "connect");
  const outcomes = [];
  socket.timeout(0).emit("late", (...args) => outcomes.push(args));
  await until(() => answer && outcomes.length > 0);
  answer("late");
  await socket.emitWithAck("echo", 43);
  assert.equal(outcomes.length, 1);
  assert.equal(outcomes[0].length, 1);
  assert.equal(outcomes[0][0].message, timedOut.message);
});

test("timeout(): null and the answer where the server acknowledges, for one emit", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  assert.deepEqual(await acked((ack) => socket.timeout(20_000).emit("echo", 42, ack)), [null, 42]);
  assert.deepEqual(await acked((ack) => socket.emit("echo", 43, ack)), [43]);
});

test("ackTimeout is the limit of every emit that has no other", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { ackTimeout: 5 });
  const [error] = await acked((ack) => socket.emit("unknown", ack));
  assert.equal(error.message, timedOut.message);
  assert.deepEqual(await acked((ack) => socket.timeout(20_000).emit("echo", 1, ack)), [null, 1]);
});

test("a disconnection forgets plain callbacks", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  await once(socket, "connect");
  const called = [];
  socket.emit("echo", "a", () => called.push("a"));
  assert.equal(Object.keys(socket.acks).length, 1);
  socket.disconnect();
  assert.equal(Object.keys(socket.acks).length, 0);
  socket.connect();
  await socket.emitWithAck("echo", "b");
  assert.deepEqual(called, []);
});

test("a disconnection is the error of callbacks with a limit, own or default", async (t) => {
  const { url } = await sioServer(t);
  for (const ackTimeout of [undefined, 20_000]) {
    const socket = connect(t, url, { ackTimeout });
    await once(socket, "connect");
    const emitter = ackTimeout ? socket : socket.timeout(20_000);
    const outcome = acked((ack) => emitter.emit("echo", "a", ack));
    socket.disconnect();
    assert.equal(Object.keys(socket.acks).length, 0);
    const [error] = await outcome;
    assert.ok(error instanceof Error);
    assert.equal(error.message, cutOff.message);
  }
});

test("a disconnection is the error of promises, with a limit or without", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  await once(socket, "connect");
  const plain = assert.rejects(socket.emitWithAck("echo", "a"), cutOff);
  const limited = assert.rejects(socket.timeout(20_000).emitWithAck("echo", "a"), cutOff);
  socket.disconnect();
  await Promise.all([plain, limited]);
});

test("an emit after a disconnection is sent with the next connection, and acknowledged", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  await once(socket, "connect");
  socket.disconnect();
  const outcome = acked((ack) => socket.emit("echo", "a", ack));
  assert.equal(socket.sendBuffer.length, 1);
  socket.connect();
  assert.deepEqual(await outcome, ["a"]);
});

// --- A timer that did not run ----------------------------------------------------------------------------------------

test("an emit after the time for a ping has passed is sent on the next connection", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { reconnectionDelay: 10 });
  await once(socket, "connect");
  const log = record(socket, ["disconnect"], record(socket.io, ["reconnect"]), (_event, reason) => reason);
  socket.io.engine._pingTimeoutTime = Date.now() - 1;
  const outcome = acked((ack) => socket.emit("echo", "123", ack));
  assert.equal(socket.sendBuffer.length, 1);
  assert.deepEqual(await outcome, ["123"]);
  assert.deepEqual(log, ["ping timeout", "reconnect"]);
});
