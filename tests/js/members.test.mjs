// Every public member of upstream's declarations is there, and has a row in tests/parity/members.json. What no other
// test looks at is looked at here: the engine, and what is on a socket and a Manager.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { client, connect, createManager } from "./client.mjs";
import { once, record, refusingServer, sioServer, until } from "./server.mjs";

const require = createRequire(import.meta.url);
const ofClient = createRequire(require.resolve("socket.io-client/package.json"));
const folder = (name) => dirname(ofClient.resolve(`${name}/package.json`));

const declarations = {
  Socket: join(folder("socket.io-client"), "build/esm/socket.d.ts"),
  Manager: join(folder("socket.io-client"), "build/esm/manager.d.ts"),
  Engine: join(folder("engine.io-client"), "build/esm/socket.d.ts"),
};

const words = (list) => list.trim().split(/\s+/);

/** Names declared at the first level of a class or interface, without what is private. */
function declared(file, kind) {
  const [, body] = new RegExp(`${kind}[^{]*(?:\\{\\}[^{]*)*\\{\\n(.*?)\\n\\}`, "s").exec(readFileSync(file, "utf8"));
  const names = [...body.matchAll(/^ {4}(?:readonly |get |set )*(\w+)\??(?=[:(<])/gm)].map(([, name]) => name);
  return new Set(names.filter((name) => name !== "constructor" && !name.startsWith("_")));
}

function expected() {
  const names = [];
  for (const [name, file] of Object.entries(declarations)) {
    const inherits = name === "Engine" ? "Socket" : name;
    for (const member of declared(file, `class ${inherits}\\b`)) names.push(`${name}.${member}`);
    for (const event of declared(file, `interface ${inherits}ReservedEvents`)) names.push(`${name} event: ${event}`);
  }
  // The emitter declares itself in generics that are no use to read.
  const emitter = words(`on once off emit listeners hasListeners
    addEventListener removeListener removeEventListener removeAllListeners`);
  for (const member of emitter) names.push(`Emitter.${member}`);
  const exported = words(`io connect default Manager Socket protocol
    Fetch NodeXHR XHR NodeWebSocket WebSocket WebTransport`);
  for (const name of exported) names.push(`export ${name}`);
  for (const name of words("io connect Manager Socket")) names.push(`io.${name}`);
  return names;
}

test("each public member has a row in the parity table, and no row is of something else", () => {
  const file = new URL("../parity/members.json", import.meta.url);
  const rows = JSON.parse(readFileSync(file, "utf8")).map(({ member }) => member);
  assert.deepEqual([...rows].sort(), expected().sort());
});

test("each public member is there", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { auth: { a: 1 } });
  await once(socket, "connect");
  const subjects = {
    Socket: socket,
    Manager: socket.io,
    Engine: socket.io.engine,
    Emitter: socket,
    export: client,
    io: client.io,
  };
  const missing = expected().filter((name) => {
    const [subject, member] = name.split(/[. ]/);
    return member !== "event:" && !(member in subjects[subject]);
  });
  assert.deepEqual(missing, []);
});

for (const names of ["Fetch NodeXHR XHR", "NodeWebSocket WebSocket WebTransport"]) {
  test(`transports are exported as constructors: ${names}`, () => {
    for (const name of words(names)) assert.equal(typeof client[name], "function", name);
  });
}

test("a transport can be chosen by its constructor", async (t) => {
  const { url } = await sioServer(t);
  for (const [name, transport] of [
    ["polling", client.NodeXHR],
    ["polling", client.Fetch],
    ["websocket", client.NodeWebSocket],
  ]) {
    const socket = connect(t, url, { transports: [transport] });
    assert.equal(await socket.emitWithAck("echo", name), name);
    assert.equal(socket.io.engine.transport.name, name);
  }
});

// --- A socket and its Manager --------------------------------------------------------------------------------------

test("a socket's state, before, while and after it is connected", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/foo`, { autoConnect: false });
  const state = () => [socket.connected, socket.disconnected, socket.active, typeof socket.id];
  assert.deepEqual(state(), [false, true, false, "undefined"]);
  socket.connect();
  assert.deepEqual(state(), [false, true, true, "undefined"]);
  await once(socket, "connect");
  assert.deepEqual(state(), [true, false, true, "string"]);
  socket.disconnect();
  assert.deepEqual(state(), [false, true, false, "undefined"]);
});

test("open() and close() are other names of connect() and disconnect()", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { autoConnect: false });
  assert.equal(socket.open(), socket);
  await once(socket, "connect");
  const log = record(socket, ["disconnect"], [], (_event, reason) => reason);
  assert.equal(socket.close(), socket);
  assert.deepEqual(log, ["io client disconnect"]);
});

test("an application may empty the buffers", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { autoConnect: false });
  socket.emit("tell", "forgotten");
  assert.deepEqual(socket.sendBuffer.map(({ data }) => data), [["tell", "forgotten"]]);
  assert.deepEqual(socket.receiveBuffer, []);
  socket.sendBuffer = [];
  socket.receiveBuffer = [];
  socket.emit("tell", "kept");
  socket.connect();
  assert.deepEqual(await socket.emitWithAck("told"), [["kept"]]);
});

test("a Manager's state follows its engine", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, { autoConnect: false, reconnectionDelay: 10 });
  assert.equal(manager.engine, undefined);
  assert.equal(manager._readyState, "closed");
  manager.open();
  assert.equal(manager._readyState, "opening");
  await once(manager, "open");
  assert.equal(manager._readyState, "open");
  const closed = once(manager, "close");
  manager.engine.close();
  assert.equal((await closed)[0], "forced close");
  assert.equal(manager._readyState, "closed");
  assert.equal(manager._reconnecting, true);
  await once(manager, "reconnect");
  assert.equal(manager._reconnecting, false);
});

// --- The engine ------------------------------------------------------------------------------------------------------

test("the engine has its session, its address, its transport and its state", async (t) => {
  const { port, url, io } = await sioServer(t);
  const manager = createManager(t, url, { transports: ["websocket"] });
  const { engine } = manager;
  assert.equal(engine.readyState, "opening");
  await once(manager, "open");
  assert.equal(engine.readyState, "open");
  assert.ok(io.engine.clients[engine.id]);
  assert.equal(engine.transport.name, "websocket");
  assert.equal(engine.hostname, "127.0.0.1");
  assert.equal(Number(engine.port), port);
  assert.equal(engine.secure, false);
  assert.deepEqual(engine.writeBuffer, []);
  assert.equal(engine.binaryType, "nodebuffer");
  assert.equal(engine.close(), engine);
  await until(() => engine.readyState === "closed");
});

test("the engine tells of the handshake before it is open", async (t) => {
  const { url } = await sioServer(t);
  const { engine } = createManager(t, url, { transports: ["websocket"] });
  const log = record(engine, words("packet handshake open"), [], (name, packet) => `${name} ${packet?.type}`);
  const [handshake] = await once(engine, "handshake");
  assert.deepEqual(Object.keys(handshake).sort(), words("maxPayload pingInterval pingTimeout sid upgrades"));
  assert.equal(handshake.pingInterval, 2000);
  assert.deepEqual(log, ["packet open", "handshake undefined", "open undefined"]);
});

test("the engine tells of what arrives: packet, heartbeat, data, message", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, { transports: ["websocket"] });
  const { engine } = manager;
  await once(engine, "open");
  const log = record(engine, words("packet heartbeat data message"), [], (...args) => args);
  const socket = manager.socket("/foo");
  await once(socket, "connect");
  const [packet, heartbeat, data, message] = log;
  assert.equal(packet[0], "packet");
  assert.equal(packet[1].type, "message");
  assert.deepEqual(heartbeat, ["heartbeat"]);
  assert.equal(data[0], "data");
  assert.ok(data[1].startsWith(`0/foo,{"sid":"${socket.id}"`));
  assert.deepEqual(message, ["message", data[1]]);
});

test("a heartbeat is ping and pong of the engine", async (t) => {
  const { url } = await sioServer(t, { pingInterval: 30 });
  const manager = createManager(t, url, { transports: ["websocket"] });
  const log = record(manager.engine, ["packetCreate", "ping", "pong"], [], (name, packet) => packet?.type ?? name);
  await once(manager.engine, "pong");
  assert.deepEqual(log.slice(0, 3), ["pong", "ping", "pong"]);
});

test("the engine tells of what is written, of the hand-over, and when nothing is left", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, { transports: ["websocket"] });
  const { engine } = manager;
  await once(manager, "open");
  const log = record(engine, ["packetCreate", "flush", "drain"], [], (name, packet) => packet?.data ?? name);
  manager.socket("/foo");
  await until(() => log.at(-1) === "drain");
  assert.deepEqual(log, ["0/foo,", "flush", "drain"]);
});

test("write() and send() put a message on the wire, and call back when it is handed over", async (t) => {
  const { io, url } = await sioServer(t);
  const manager = createManager(t, url, { transports: ["websocket"] });
  const { engine } = manager;
  await once(manager, "open");
  const log = [];
  assert.equal(engine.write("0/foo,", {}, () => log.push("written")), engine);
  assert.equal(engine.send("0/asd,", {}, () => log.push("sent")), engine);
  await until(() => io.of("/foo").sockets.size + io.of("/asd").sockets.size === 2);
  await until(() => log.length === 2);
  assert.deepEqual(log, ["written", "sent"]);
  assert.deepEqual(engine.writeBuffer, []);
});

test("the engine tells of its upgrade, with the transport", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url);
  const { engine } = manager;
  const log = record(engine, ["upgrading", "upgrade"], [], (name, transport) => `${name} ${transport.name}`);
  await once(engine, "upgrade");
  assert.deepEqual(log, ["upgrading websocket", "upgrade websocket"]);
});

test("the engine tells of its error, and of its end with the reason", async (t) => {
  const { url } = await refusingServer(t);
  const manager = createManager(t, url, { reconnection: false });
  const log = record(manager.engine, ["error", "close"], [], (name, value) => [name, value?.message ?? value]);
  await once(manager, "error");
  await until(() => log.length === 2);
  assert.deepEqual(log, [
    ["error", "xhr poll error"],
    ["close", "transport error"],
  ]);
});
