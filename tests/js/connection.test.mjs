// Connections as an application sees them: opening, sharing, losing and reopening them, and what travels over them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connect, createManager } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { once, rawServer, record, refusingServer, silentServer, sioServer, texts, until } from "./server.mjs";

const quick = { reconnectionDelay: 10 };
// Each attempt fails before the server answers.
const hopeless = { ...quick, timeout: 0, reconnectionAttempts: 2 };

// --- What travels ------------------------------------------------------------------------------------------------

test("an event emitted before the connection arrives, and is answered with one", async (t) => {
  const { io, url } = await sioServer(t);
  const socket = connect(t, url);
  socket.emit("hi");
  await once(socket, "hi");
  assert.equal(socket.connected, true);
  assert.equal(io.of("/").sockets.size, 1);
});

test("an acknowledgement goes to the server with its arguments", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  socket.emit("ack");
  const [answer] = await once(socket, "ack");
  assert.equal(answer(5, { test: true }), undefined);
  await once(socket, "got it");
});

test("a date comes as a string: in an acknowledgement, alone and in an object", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  const iso = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
  const acknowledged = await new Promise((resolve) => socket.emit("getAckDate", { test: true }, resolve));
  assert.match(acknowledged, iso);
  socket.emit("getDate");
  assert.match((await once(socket, "takeDate"))[0], iso);
  socket.emit("getDateObj");
  assert.match((await once(socket, "takeDateObj"))[0].date, iso);
});

test("false and text of all kinds arrive as they were sent", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  socket.emit("false");
  assert.equal((await once(socket, "false"))[0], false);
  const received = [];
  socket.on("takeUtf8", (text) => received.push(text));
  socket.emit("getUtf8");
  await until(() => received.length === texts.length);
  assert.deepEqual(received, texts);
});

for (const transport of ["polling", "websocket"]) {
  test(`${transport}: bytes are received as the kind that the engine's binaryType names`, async (t) => {
    const { url } = await sioServer(t);
    const socket = connect(t, url, { transports: [transport] });
    assert.equal(socket.io.engine.binaryType, "nodebuffer");
    socket.emit("doge");
    const [buffer] = await once(socket, "doge");
    assert.ok(Buffer.isBuffer(buffer));
    assert.equal(buffer.toString(), "asdfasdf");
    socket.io.engine.binaryType = "arraybuffer";
    socket.emit("doge");
    const [array] = await once(socket, "doge");
    assert.ok(array instanceof ArrayBuffer);
    assert.equal(Buffer.from(array).toString(), "asdfasdf");
  });

  test(`${transport}: bytes are sent alone, inside of JSON, and in their place among other events`, async (t) => {
    const { url } = await sioServer(t);
    const socket = connect(t, url, { transports: [transport] });
    const buffer = Uint8Array.of(1, 2, 255).buffer;
    socket.emit("tell", buffer);
    socket.emit("tell", { hello: "lol", message: buffer, goodbye: ["gotcha", new Uint8Array(buffer, 1, 1)] });
    socket.emit("tell", "please arrive third");
    assert.deepEqual(await socket.emitWithAck("told"), [
      ["bytes 0102ff"],
      [{ hello: "lol", message: "bytes 0102ff", goodbye: ["gotcha", "bytes 02"] }],
      ["please arrive third"],
    ]);
  });
}

// --- Which connection ----------------------------------------------------------------------------------------------

test("autoConnect: false opens nothing until connect()", async (t) => {
  const { io, url } = await sioServer(t);
  const socket = connect(t, url, { autoConnect: false });
  assert.equal(socket.io.engine, undefined);
  assert.equal(socket.active, false);
  socket.connect();
  assert.notEqual(socket.io.engine, undefined);
  await once(socket, "connect");
  assert.equal(io.engine.clientsCount, 1);
});

// Through the cache, and closed with the test.
function lookup(t, url, options) {
  const socket = client.io(url, options);
  t.after(() => socket.io._close());
  return socket;
}

test("the same namespace twice is two connections, whatever their queries", async (t) => {
  const { io, url } = await sioServer(t);
  const sockets = [`${url}/`, `${url}/`, `${url}/?woot`].map((address) => lookup(t, address));
  assert.equal(new Set(sockets.map((socket) => socket.io)).size, 3);
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  assert.equal(io.engine.clientsCount, 3);
});

test("another path of the request is another connection", async (t) => {
  const { url } = await sioServer(t);
  const one = lookup(t, `${url}/`, { path: "/foo" });
  const other = lookup(t, `${url}/`, { path: "/bar" });
  assert.notEqual(one.io, other.io);
  assert.equal(one.io.engine.opts.path, "/foo/");
});

test("namespaces share one connection", async (t) => {
  const { io, url } = await sioServer(t);
  const options = {};
  const foo = lookup(t, `${url}/foo`, options);
  const asd = lookup(t, `${url}/asd`, options);
  assert.equal(foo.io, asd.io);
  await Promise.all([once(foo, "connect"), once(asd, "connect")]);
  assert.equal(io.engine.clientsCount, 1);
});

test("a namespace joins a connection that is open, and one that was closed by the last to leave", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url);
  const socket = manager.socket("/");
  await once(socket, "connect");
  const first = manager.engine;
  const foo = manager.socket("/foo");
  await once(foo, "connect");
  assert.equal(manager.engine, first);
  foo.disconnect();
  let asd;
  socket.on("disconnect", () => (asd = manager.socket("/asd")));
  socket.disconnect();
  assert.equal(socket.disconnected, true);
  await once(asd, "connect");
  assert.notEqual(manager.engine, first);
});

test("the connection stays while one of its namespaces is joined, and closes with the last", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, { autoConnect: false });
  const foo = manager.socket("/foo").connect();
  await once(foo, "connect");
  const asd = manager.socket("/asd").connect();
  // It joins while the other leaves.
  foo.disconnect();
  await once(asd, "connect");
  const log = record(manager, ["close"], record(asd, ["disconnect"]));
  assert.equal(manager.engine.readyState, "open");
  assert.deepEqual(log, []);
  asd.disconnect();
  assert.deepEqual(log, ["close", "disconnect"]);
});

test("a namespace is asked for once, however often it is looked up", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url);
  const sent = [];
  manager.engine.on("packetCreate", ({ data }) => sent.push(data));
  await once(manager, "open");
  const socket = manager.socket("/");
  assert.equal(manager.socket("/"), socket);
  const foo = manager.socket("/foo");
  assert.equal(manager.socket("/foo"), foo);
  await Promise.all([once(socket, "connect"), once(foo, "connect")]);
  socket.disconnect();
  foo.disconnect();
  await until(() => sent.length === 4);
  assert.deepEqual(sent, ["0", "0/foo,", "1", "1/foo,"]);
});

// --- Losing it, and getting it back --------------------------------------------------------------------------------

test("a lost connection is opened again, by itself and also after connect() by hand", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, quick);
  await once(socket, "connect");
  socket.io.engine.close();
  assert.deepEqual(await once(socket.io, "reconnect"), [1]);
  await once(socket, "connect");
  socket.disconnect().connect();
  await once(socket, "connect");
  socket.io.engine.close();
  assert.deepEqual(await once(socket.io, "reconnect"), [1]);
});

test("after disconnect(), connect() and a lookup of the same socket open it again", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url);
  const socket = manager.socket("/");
  await once(socket, "connect");
  socket.disconnect();
  assert.equal(socket.active, false);
  socket.connect();
  assert.equal(socket.active, true);
  await once(socket, "connect");
  socket.disconnect();
  assert.equal(manager.socket("/"), socket);
  assert.equal(socket.active, true);
  await once(socket, "connect");
});

test("as many attempts as were asked for are made, also again after they have failed", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, hopeless);
  const socket = manager.socket("/timeout");
  const attempts = [];
  manager.on("reconnect_attempt", (attempt) => attempts.push(attempt));
  await once(manager, "reconnect_failed");
  assert.deepEqual(attempts, [1, 2]);
  socket.connect();
  await once(manager, "reconnect_failed");
  assert.deepEqual(attempts, [1, 2, 1, 2]);
});

test("the Manager tells of each attempt with its number, of its failure, and of the end", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, hopeless);
  manager.socket("/timeout_socket");
  const names = ["reconnect_attempt", "reconnect_error", "reconnect_failed"];
  const log = record(manager, names, [], (name, value) => [name, value instanceof Error ? value.message : value]);
  await once(manager, "reconnect_failed");
  await until(() => log.length === 5);
  assert.deepEqual(log, [
    ["reconnect_attempt", 1],
    ["reconnect_error", "timeout"],
    ["reconnect_attempt", 2],
    ["reconnect_failed", undefined],
    ["reconnect_error", "timeout"],
  ]);
});

test("attempts follow each other ever more slowly, up to the limit", async (t) => {
  const { url } = await silentServer(t);
  const clock = Clock.install(t);
  const manager = createManager(t, url, {
    timeout: 0,
    reconnectionAttempts: 4,
    reconnectionDelay: 100,
    reconnectionDelayMax: 500,
    randomizationFactor: 0.2,
  });
  const delays = [];
  let failed;
  manager.on("error", () => (failed = clock.elapsed));
  manager.on("reconnect_attempt", () => delays.push(clock.elapsed - failed));
  const over = once(manager, "reconnect_failed");
  manager.socket("/timeout");
  await clock.advance(5_000);
  await over;
  assert.equal(delays.length, 4);
  // 100 and 200 and 400, each 20 % more or less; then the limit.
  const bounds = [
    [80, 120],
    [160, 240],
    [320, 480],
    [400, 500],
  ];
  delays.forEach((delay, i) => {
    assert.ok(delay >= bounds[i][0] && delay <= bounds[i][1], `${delay} ms before attempt ${i + 1}`);
  });
});

for (const event of ["error", "reconnect_attempt"]) {
  test(`disconnect() in the Manager's "${event}" ends the attempts`, async (t) => {
    const { url } = await silentServer(t);
    const clock = Clock.install(t);
    const socket = connect(t, `${url}/invalid`, { ...quick, timeout: 0 });
    const happened = new Promise((resolve) => socket.io.once(event, () => resolve(socket.disconnect())));
    await clock.advance(100);
    await happened;
    const log = record(socket.io, ["reconnect_attempt", "open", "error"]);
    await clock.advance(60_000);
    assert.deepEqual(log, []);
  });
}

test("connect() after disconnect() in an attempt begins attempts anew", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/invalid`, { ...quick, timeout: 0 });
  await new Promise((resolve) => {
    socket.io.once("reconnect_attempt", () => {
      socket.io.once("reconnect_attempt", resolve);
      socket.disconnect();
      socket.connect();
    });
  });
});

test("who leaves during the attempts is not joined again; the others are", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, quick);
  const leaving = manager.socket("/");
  const staying = manager.socket("/asd");
  await Promise.all([once(leaving, "connect"), once(staying, "connect")]);
  const log = record(leaving, ["connect"]);
  manager.on("reconnect_attempt", () => leaving.disconnect());
  manager.engine.close();
  await once(staying, "connect");
  // The server has answered whatever was asked before this.
  const foo = manager.socket("/foo");
  await once(foo, "connect");
  assert.deepEqual(log, []);
  assert.equal(leaving.connected, false);
});

test("a connection that opens in time makes no attempts", async (t) => {
  const { url } = await sioServer(t, { pingInterval: 50 });
  const manager = createManager(t, url, quick);
  const log = record(manager, ["reconnect_attempt", "error", "close"]);
  const socket = manager.socket("/valid");
  await once(socket, "connect");
  await once(manager, "ping");
  assert.deepEqual(log, []);
});

test("reconnection(false) ends the attempts", async (t) => {
  const { url } = await refusingServer(t);
  const clock = Clock.install(t);
  const manager = createManager(t, url, quick);
  const attempted = new Promise((resolve) => {
    manager.once("reconnect_error", () => resolve(manager.reconnection(false)));
  });
  await once(manager, "error");
  await clock.advance(20);
  assert.equal(await attempted, manager);
  const log = record(manager, ["reconnect_attempt"]);
  await clock.advance(60_000);
  assert.deepEqual(log, []);
});

test("an address that refuses costs as many attempts as were asked for, whoever joins meanwhile", async (t) => {
  const { url } = await refusingServer(t);
  for (const joins of [false, true]) {
    const manager = createManager(t, url, { ...quick, reconnectionAttempts: 2 });
    const attempts = [];
    manager.on("reconnect_attempt", (attempt) => attempts.push(attempt));
    manager.socket("/room1");
    if (joins) manager.once("reconnect_error", () => manager.socket("/room2"));
    await once(manager, "reconnect_failed");
    assert.deepEqual(attempts, [1, 2]);
  }
});

test("reconnection: false makes no attempt", async (t) => {
  const { url } = await refusingServer(t);
  const clock = Clock.install(t);
  const manager = createManager(t, url, { ...quick, reconnection: false });
  const log = record(manager, ["reconnect_attempt", "reconnect_failed"]);
  manager.socket("/invalid");
  const [error] = await once(manager, "error");
  assert.equal(error.message, "xhr poll error");
  await clock.advance(60_000);
  assert.deepEqual(log, []);
});

// --- Timers --------------------------------------------------------------------------------------------------------

// A Manager made under another clock, whose connection is lost; and how long until it is opened again.
async function lost(t, clock, options) {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, { randomizationFactor: 0, reconnectionDelay: 100, ...options });
  manager.socket("/foo");
  await once(manager, "open");
  const times = [];
  manager.on("close", () => times.push(clock.elapsed));
  manager.on("reconnect_attempt", () => times.push(clock.elapsed));
  manager.engine.close();
  await until(() => times.length === 1);
  return times;
}

test("timers are those that are global when the Manager is made", async (t) => {
  const clock = Clock.install(t);
  const times = await lost(t, clock, {});
  await clock.advance(1_000);
  assert.equal(times[1] - times[0], 100);
});

test("useNativeTimers: timers are those from when the library was loaded", async (t) => {
  const clock = Clock.install(t);
  const times = await lost(t, clock, { useNativeTimers: true });
  const before = clock.elapsed;
  // Without the other clock ever going on.
  await until(() => times.length === 2);
  assert.equal(times[1], before);
});

// --- What a server does wrong --------------------------------------------------------------------------------------

const v2 = /^It seems you are trying to reach a Socket\.IO server in v2\.x with a v3\.x client/;

test("a server of version 2 is told by its CONNECT without an id", async (t) => {
  const { url } = await rawServer(t, (ws) => ws.send("40"));
  const socket = connect(t, url, { transports: ["websocket"] });
  const [error] = await once(socket, "connect_error");
  assert.match(error.message, v2);
  assert.equal(socket.connected, false);
  assert.equal(socket.active, true);
});

test("onpacket() with a CONNECT without an id says so too", async (t) => {
  const socket = connect(t, "http://localhost", { autoConnect: false });
  const happened = once(socket, "connect_error");
  socket.onpacket({ nsp: "/", type: 0 });
  assert.match((await happened)[0].message, v2);
});

test("a packet that cannot be read closes the engine, and another is opened", async (t) => {
  const { url, sockets } = await rawServer(t, (ws) => {
    ws.on("message", (text) => `${text}` === "40" && ws.send(`40{"sid":"s${sockets.length}"}`));
    ws.on("message", (text) => `${text}` === '42["lie"]' && ws.send("4bad"));
  });
  const socket = connect(t, url, { ...quick, transports: ["websocket"] });
  await once(socket, "connect");
  const engine = socket.io.engine;
  socket.emit("lie");
  const [reason, details] = await once(socket, "disconnect");
  assert.equal(reason, "parse error");
  assert.ok(details instanceof Error);
  assert.equal(engine.readyState, "closed");
  await once(socket, "connect");
  assert.notEqual(socket.io.engine, engine);
});

test("what the engine emits as data is read as a packet", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, quick);
  await once(manager, "open");
  const engine = manager.engine;
  const closed = once(manager, "close");
  queueMicrotask(() => engine.emit("data", "bad"));
  assert.equal((await closed)[0], "parse error");
  await once(manager, "reconnect");
  assert.notEqual(manager.engine, engine);
  assert.equal(engine.readyState, "closed");
});
