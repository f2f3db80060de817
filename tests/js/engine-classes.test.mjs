// Transports given as classes, where the runtime's own fetch and WebSocket are what carries them.
import { WebSocket as Dialler } from "ws";

const dialled = [];
// Node 20 has none. Before the client is loaded: it may look then.
globalThis.WebSocket = class WebSocket extends Dialler {
  constructor(url, ...rest) {
    super(url, ...rest);
    dialled.push(url);
  }
};

const { client, connect } = await import("./client.mjs");
const { once, sioServer, within } = await import("./server.mjs");
const { watch } = await import("./wire.mjs");
const { default: assert } = await import("node:assert/strict");
const { test } = await import("node:test");

const { Fetch, NodeWebSocket, NodeXHR, WebSocket } = client;

const echo = (socket, value) => within(socket.emitWithAck("echo", value), "an echo");

test("NodeXHR as the only transport", async (t) => {
  const server = await sioServer(t);
  const { requests } = watch(server);
  const socket = connect(t, server.url, { transports: [NodeXHR] });
  assert.equal(await echo(socket, "é"), "é");
  assert.equal(socket.io.engine.transport.name, "polling");
  assert.ok(requests.every(({ transport }) => transport === "polling"));
});

test("NodeWebSocket as the only transport", async (t) => {
  const server = await sioServer(t);
  const { requests } = watch(server);
  const socket = connect(t, server.url, { transports: [NodeWebSocket] });
  assert.equal(await echo(socket, "é"), "é");
  assert.equal(socket.io.engine.transport.name, "websocket");
  assert.equal(requests.length, 1);
  assert.deepEqual(dialled, []);
});

test("Fetch and WebSocket: the runtime's own carry the session, the upgrade too", async (t) => {
  const server = await sioServer(t);
  const fetch = t.mock.method(globalThis, "fetch");
  const socket = connect(t, server.url, { transports: [Fetch, WebSocket] });
  assert.equal(socket.io.engine.transport.name, "polling");
  await once(socket.io.engine, "upgrade");
  assert.equal(await echo(socket, "é"), "é");
  assert.equal(socket.io.engine.transport.name, "websocket");
  assert.ok(fetch.mock.callCount() >= 2);
  assert.equal(dialled.length, 1);
  assert.match(dialled[0], /^ws:.*transport=websocket&sid=/);
});

test("a transport class can be derived", async (t) => {
  const server = await sioServer(t);
  class Mine extends Fetch {}
  const fetch = t.mock.method(globalThis, "fetch");
  const socket = connect(t, server.url, { transports: [Mine] });
  assert.equal(await echo(socket, 1), 1);
  assert.equal(socket.io.engine.transport.name, "polling");
  assert.ok(fetch.mock.callCount() >= 2);
});
