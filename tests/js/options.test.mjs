// What options mean at their edges, and that they are read when they are used.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connect, createManager } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { once, record, refusingServer, silentServer, sioServer, until } from "./server.mjs";

const idle = (options) => new client.Manager("http://localhost", { autoConnect: false, ...options });

test("the Manager's defaults, and what counts as none", () => {
  const read = (manager) => [
    manager.reconnection(),
    manager.reconnectionAttempts(),
    manager.reconnectionDelay(),
    manager.reconnectionDelayMax(),
    manager.randomizationFactor(),
    manager.timeout(),
  ];
  const defaults = [true, Infinity, 1000, 5000, 0.5, 20000];
  assert.deepEqual(read(idle({})), defaults);
  const none = { reconnectionAttempts: 0, reconnectionDelay: 0, reconnectionDelayMax: 0, timeout: null };
  assert.deepEqual(read(idle(none)), defaults);
  const other = { reconnection: false, reconnectionAttempts: 3, randomizationFactor: 0, timeout: 0 };
  assert.deepEqual(read(idle(other)), [false, 3, 1000, 5000, 0, 0]);
  // Only `false` is no.
  assert.equal(idle({ reconnection: 0 }).reconnection(), true);
  assert.equal(idle({ timeout: false }).timeout(), false);
});

test("the Manager's setters return it, and getters what was set", () => {
  const manager = idle({});
  const values = {
    reconnection: false,
    reconnectionAttempts: 4,
    reconnectionDelay: 0,
    reconnectionDelayMax: 7,
    randomizationFactor: 0.25,
    timeout: 9,
  };
  for (const [name, value] of Object.entries(values)) {
    assert.equal(manager[name](value), manager, name);
    assert.equal(manager[name](), value, name);
  }
});

test("the path of requests: the default, and one of the application's", async (t) => {
  assert.equal(idle({}).opts.path, "/socket.io");
  assert.equal(idle({ path: "" }).opts.path, "/socket.io");
  const { url } = await sioServer(t, { path: "/elsewhere" });
  const socket = connect(t, url, { path: "/elsewhere" });
  await once(socket, "connect");
});

test("timeout: false waits for the handshake without end", async (t) => {
  const { url } = await silentServer(t);
  const clock = Clock.install(t);
  const manager = createManager(t, url, { timeout: false });
  const log = record(manager, ["error"]);
  await clock.advance(600_000);
  assert.deepEqual(log, []);
});

test("timeout: the error comes when the time has passed, and not before", async (t) => {
  const { url } = await silentServer(t);
  const clock = Clock.install(t);
  const manager = createManager(t, url, { timeout: 300, reconnection: false });
  const log = record(manager, ["error"], [], (_event, error) => error.message);
  await clock.advance(299);
  assert.deepEqual(log, []);
  await clock.advance(1);
  assert.deepEqual(log, ["timeout"]);
});

test("transports: the first one opens, and an empty list is an error", async (t) => {
  const { url } = await sioServer(t);
  for (const name of ["polling", "websocket"]) {
    const socket = connect(t, url, { transports: [name] });
    await once(socket, "connect");
    assert.equal(socket.io.engine.transport.name, name);
  }
  const manager = createManager(t, url, { transports: [], reconnection: false });
  assert.equal((await once(manager, "error"))[0], "No transports available");
});

test("upgrade: by default to a WebSocket, and not with false", async (t) => {
  const { url } = await sioServer(t);
  const upgraded = connect(t, url);
  assert.equal(upgraded.io.engine.transport.name, "polling");
  const [transport] = await once(upgraded.io.engine, "upgrade");
  assert.equal(transport.name, "websocket");
  assert.equal(upgraded.io.engine.transport.name, "websocket");
  const manager = createManager(t, url, { upgrade: false });
  const log = record(manager.engine, ["upgrading", "upgrade", "upgradeError"]);
  const socket = manager.socket("/");
  assert.equal(await socket.emitWithAck("echo", 1), 1);
  assert.equal(manager.engine.transport.name, "polling");
  assert.deepEqual(log, []);
});

test("an upgrade that fails is told, and the session goes on", async (t) => {
  const { http, url } = await sioServer(t);
  http.removeAllListeners("upgrade");
  http.on("upgrade", (_request, stream) => stream.destroy());
  const socket = connect(t, url);
  const [error] = await once(socket.io.engine, "upgradeError");
  assert.equal(error.message, "probe error: Error: websocket error");
  assert.equal(error.transport, "websocket");
  assert.equal(await socket.emitWithAck("echo", 1), 1);
});

test("a refused WebSocket is a websocket error, and what is no answer of the protocol a server error", async (t) => {
  const { url } = await refusingServer(t);
  const socket = connect(t, url, { transports: ["websocket"] });
  const [error] = await once(socket, "connect_error");
  assert.equal(error.message, "websocket error");
  assert.equal(error.type, "TransportError");
  const plain = (_request, response) => response.end("hello");
  const { url: other } = await sioServer(t, { path: "/elsewhere", plain });
  const manager = createManager(t, other, { reconnection: false });
  const [wrong] = await once(manager, "error");
  assert.equal(wrong.message, "server error");
  assert.equal(wrong.code, "parser error");
});

test("options of the Manager are read at each attempt", async (t) => {
  const { url } = await refusingServer(t);
  const { io, url: working } = await sioServer(t);
  const queries = [];
  io.on("connection", (socket) => queries.push(socket.handshake.query.token));
  const socket = connect(t, url, { reconnectionDelay: 5, query: { token: "old" } });
  await once(socket, "connect_error");
  socket.io.uri = working;
  socket.io.opts.query = { token: "new" };
  socket.io.opts.transports = ["websocket"];
  await once(socket, "connect");
  assert.deepEqual(queries, ["new"]);
  assert.equal(socket.io.engine.transport.name, "websocket");
});

test("extraHeaders go with every request", async (t) => {
  const { io, url } = await sioServer(t);
  const seen = [];
  io.engine.on("headers", (_headers, request) => seen.push(request.headers["x-token"]));
  for (const transport of ["polling", "websocket"]) {
    const socket = connect(t, url, { transports: [transport], extraHeaders: { "X-Token": transport } });
    await once(socket, "connect");
    const { headers } = await socket.emitWithAck("getHandshake");
    assert.equal(headers["x-token"], transport);
  }
  await until(() => seen.length > 2);
  assert.deepEqual(new Set(seen), new Set(["polling", "websocket"]));
});

test("forceBase64: bytes arrive all the same", async (t) => {
  const { url } = await sioServer(t);
  for (const transport of ["polling", "websocket"]) {
    const socket = connect(t, url, { transports: [transport], forceBase64: true });
    socket.emit("tell", Uint8Array.of(7, 8));
    assert.deepEqual(await socket.emitWithAck("told"), [["bytes 0708"]]);
    socket.emit("doge");
    assert.equal((await once(socket, "doge"))[0].toString(), "asdfasdf");
  }
});

test("a namespace's options are those of its first lookup", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, { autoConnect: false });
  const socket = manager.socket("/abc", { auth: { first: true } });
  assert.equal(manager.socket("/abc", { auth: { second: true } }), socket);
  assert.deepEqual(socket.auth, { first: true });
});

test("a parser of the application reads and writes every packet", async (t) => {
  const { url } = await sioServer(t);
  const { Decoder, Encoder } = await import("socket.io-parser");
  const log = [];
  class Loud extends Encoder {
    encode(packet) {
      log.push(["encode", packet.type, packet.nsp, packet.data]);
      return super.encode(packet);
    }
  }
  class Listening extends Decoder {
    add(data) {
      log.push(["add", data]);
      super.add(data);
    }
  }
  const socket = connect(t, url, { parser: { Encoder: Loud, Decoder: Listening } });
  assert.equal(await socket.emitWithAck("echo", 5), 5);
  assert.deepEqual(log[0].slice(0, 3), ["encode", 0, "/"]);
  assert.match(log[1][1], /^0\{"sid":/);
  assert.deepEqual(log.slice(2), [
    ["encode", 2, "/", ["echo", 5]],
    ["add", "30[5]"],
  ]);
});
