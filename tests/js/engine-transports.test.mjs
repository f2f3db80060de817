// Which transport is used: as listed, as remembered, as left when others fail, as given as a class.
import { client, connect, createManager } from "./client.mjs";
import { once, record, sioServer, within } from "./server.mjs";
import { watch } from "./wire.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const echo = (socket, value) => within(socket.emitWithAck("echo", value), "an echo");

/** The transports of what was requested, each once. */
const used = ({ requests }) => [...new Set(requests.map(({ transport }) => transport))];

/** A server that refuses handshakes with `?deny`. */
async function denyingServer(t) {
  const server = await sioServer(t, {
    allowRequest: (request, decide) => decide(null, !request._query.deny),
  });
  return { ...server, ...watch(server) };
}

const denied = (transport) => ({ transportOptions: { [transport]: { query: { deny: 1 } } } });

test("only listed transports are upgraded to", async (t) => {
  const server = await sioServer(t);
  const watched = watch(server);
  const socket = connect(t, server.url, { transports: ["polling"] });
  const log = record(socket.io.engine, ["handshake", "upgrading", "upgrade", "upgradeError"], [], (name, data) =>
    name === "handshake" ? data.upgrades : name,
  );
  for (const value of [1, 2, 3]) assert.equal(await echo(socket, value), value);
  // The server offers one.
  assert.deepEqual(log, [["websocket"]]);
  assert.deepEqual(used(watched), ["polling"]);
});

test("the caller's list of transports stays as it is", async (t) => {
  const server = await denyingServer(t);
  const withUri = { transports: ["websocket", "polling"], tryAllTransports: true, ...denied("websocket") };
  const withoutUri = { transports: ["polling"], host: "127.0.0.1", port: String(server.port) };
  const managers = [createManager(t, server.url, withUri), createManager(t, withoutUri)];
  await Promise.all(managers.map((manager) => once(manager, "open")));
  assert.deepEqual(
    managers.map(({ engine }) => engine.transport.name),
    ["polling", "polling"],
  );
  assert.deepEqual(withUri.transports, ["websocket", "polling"]);
  assert.deepEqual(withoutUri.transports, ["polling"]);
});

test("an empty list of transports: an error, later", async (t) => {
  const manager = createManager(t, "http://localhost:1", { transports: [], reconnection: false });
  const log = record(manager, ["error"], [], (_, error) => error);
  const failed = once(manager, "error");
  assert.deepEqual(log, []);
  await failed;
  assert.deepEqual(log, ["No transports available"]);
});

test("tryAllTransports: from a refused WebSocket to polling", async (t) => {
  const server = await denyingServer(t);
  const { engine } = connect(t, server.url, {
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    upgrade: false,
    ...denied("websocket"),
  }).io;
  const errors = record(engine, ["error"]);
  await once(engine, "open");
  assert.equal(engine.transport.name, "polling");
  assert.deepEqual(errors, []);
  assert.equal(server.requests[0].headers.upgrade, "websocket");
});

test("tryAllTransports: from refused polling to WebSocket", async (t) => {
  const server = await denyingServer(t);
  const { engine } = connect(t, server.url, {
    transports: ["polling", "websocket"],
    tryAllTransports: true,
    ...denied("polling"),
  }).io;
  const errors = record(engine, ["error"]);
  await once(engine, "open");
  assert.equal(engine.transport.name, "websocket");
  assert.deepEqual(errors, []);
  assert.equal(server.requests[0].headers.upgrade, undefined);
});

test("without tryAllTransports the first failure ends the attempt", async (t) => {
  const server = await denyingServer(t);
  const socket = connect(t, server.url, {
    transports: ["polling", "websocket"],
    reconnection: false,
    ...denied("polling"),
  });
  const [error] = await once(socket, "connect_error");
  assert.equal(error.message, "xhr poll error");
  assert.equal(socket.io.engine.readyState, "closed");
  assert.equal(server.requests.length, 1);
});

/** A connection that moves to WebSocket; then the transport of the first request of another one. */
async function afterUpgrade(t, rememberUpgrade) {
  const server = await sioServer(t);
  const first = connect(t, server.url).io.engine;
  assert.equal(first.transport.name, "polling");
  const [transport] = await once(first, "upgrade");
  assert.equal(transport.name, "websocket");
  first.close();

  const { requests } = watch(server);
  const second = connect(t, server.url, { rememberUpgrade, upgrade: false }).io.engine;
  const { name } = second.transport;
  await once(second, "open");
  assert.equal(second.transport.name, name);
  return [name, requests[0].transport];
}

test("rememberUpgrade: after an upgrade the next session starts with WebSocket", async (t) => {
  assert.deepEqual(await afterUpgrade(t, true), ["websocket", "websocket"]);
});

test("without rememberUpgrade the next session starts with polling again", async (t) => {
  assert.deepEqual(await afterUpgrade(t, false), ["polling", "polling"]);
});

test("a class for each transport is exported, with the transport's name", () => {
  const names = ["Fetch", "XHR", "NodeXHR", "WebSocket", "NodeWebSocket", "WebTransport"];
  assert.deepEqual(
    names.map((name) => [typeof client[name], client[name].prototype.name]),
    [
      ["function", "polling"],
      ["function", "polling"],
      ["function", "polling"],
      ["function", "websocket"],
      ["function", "websocket"],
      ["function", "webtransport"],
    ],
  );
});
