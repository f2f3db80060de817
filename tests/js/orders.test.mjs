// The order of events on socket and Manager, and the state that a listener finds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, createManager } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { once, rawServer, record, refusingServer, sioServer, until } from "./server.mjs";

const quick = { reconnectionDelay: 10, randomizationFactor: 0 };
const websocket = { transports: ["websocket"] };

// Both write into one log. The socket's own listeners on the Manager came first.
function logAll(socket) {
  const log = [];
  const events = ["open", "error", "close", "reconnect_attempt", "reconnect_error", "reconnect_failed", "reconnect"];
  record(socket.io, events, log, (name, value) => (typeof value === "object" ? `${name} ${value.message}` : name));
  const own = ["connect", "connect_error", "disconnect"];
  record(socket, own, log, (name, value) => [name, value?.message ?? value].filter(Boolean).join(" "));
  return log;
}

test("connecting: open, then what was buffered, then connect", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  const log = logAll(socket);
  socket.onAnyOutgoing((event) => log.push(`sent ${event} ${socket.connected} ${typeof socket.id}`));
  socket.emit("hi");
  socket.on("connect", () => log.push(`${socket.connected} ${socket.sendBuffer.length}`));
  await once(socket, "connect");
  assert.deepEqual(log, ["open", "sent hi true string", "connect", "true 0"]);
});

test("reconnecting: attempt, open, reconnect, connect", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { ...quick, ...websocket });
  await once(socket, "connect");
  const log = logAll(socket);
  socket.io.engine.close();
  await once(socket, "connect");
  assert.deepEqual(log, ["disconnect forced close", "close", "reconnect_attempt", "open", "reconnect", "connect"]);
});

test("a failed attempt: connect_error, error, reconnect_error; reconnect_failed comes before the last", async (t) => {
  const { url } = await refusingServer(t);
  const socket = connect(t, url, { ...quick, reconnectionAttempts: 2 });
  const log = logAll(socket);
  await once(socket.io, "reconnect_failed");
  await until(() => log.at(-1).startsWith("reconnect_error"));
  const failure = ["connect_error xhr poll error", "error xhr poll error"];
  assert.deepEqual(log, [
    ...failure,
    ...["reconnect_attempt", ...failure, "reconnect_error xhr poll error"],
    ...["reconnect_attempt", ...failure, "reconnect_failed", "reconnect_error xhr poll error"],
  ]);
});

test("disconnect() of the last namespace: the Manager's close comes first, and both before it returns", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  await once(socket, "connect");
  const log = logAll(socket);
  const reasons = [];
  socket.io.on("close", (reason) => reasons.push(reason));
  socket.disconnect();
  assert.deepEqual(log, ["close", "disconnect io client disconnect"]);
  assert.deepEqual(reasons, ["forced close"]);
});

test("disconnect() of one of two namespaces closes nothing", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url);
  const [one, two] = [manager.socket("/"), manager.socket("/foo")];
  await Promise.all([once(one, "connect"), once(two, "connect")]);
  const log = logAll(one);
  one.disconnect();
  assert.deepEqual(log, ["disconnect io client disconnect"]);
  assert.equal(two.connected, true);
});

test("the server's disconnect: the reason, no reconnection, and inactive", async (t) => {
  const { io, url } = await sioServer(t);
  const socket = connect(t, url, quick);
  await once(socket, "connect");
  const log = logAll(socket);
  io.disconnectSockets();
  await once(socket, "disconnect");
  assert.deepEqual(log, ["close", "disconnect io server disconnect"]);
  assert.equal(socket.active, false);
});

test("refused by the server: closed first, then connect_error, and inactive in its listener", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, `${url}/no`, quick);
  const log = logAll(socket);
  const active = [];
  socket.on("connect_error", () => active.push(socket.active));
  await once(socket, "connect_error");
  assert.deepEqual(log, ["open", "close", "connect_error Auth failed (custom namespace)"]);
  assert.deepEqual(active, [false]);
});

test("a listener of disconnect finds the socket not connected, and acknowledgements fail afterwards", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url);
  await once(socket, "connect");
  const log = [];
  socket.timeout(20_000).emit("unknown", (error) => log.push(error.message));
  socket.on("disconnect", () => log.push([socket.connected, socket.disconnected, socket.id]));
  socket.io.engine.close();
  await until(() => log.length === 2);
  assert.deepEqual(log, [[false, true, undefined], "socket has been disconnected"]);
});

test("namespaces are joined again in the order in which they were opened", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url, { ...quick, ...websocket });
  const sockets = ["/foo", "/", "/asd"].map((name) => manager.socket(name));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const sent = [];
  manager.on("reconnect_attempt", () => {
    queueMicrotask(() => manager.engine.on("packetCreate", ({ data }) => sent.push(/^0[^,{]*/.exec(data)[0])));
  });
  const joined = Promise.all(sockets.map((socket) => once(socket, "connect")));
  manager.engine.close();
  await joined;
  assert.deepEqual(sent, ["0/foo", "0", "0/asd"]);
});

// --- Reasons -------------------------------------------------------------------------------------------------------

test("the server closes: transport close, with what the transport knows of it", async (t) => {
  const { io, url } = await sioServer(t);
  const polling = connect(t, url, { transports: ["polling"], reconnection: false });
  const ws = connect(t, url, { ...websocket, reconnection: false });
  await Promise.all([once(polling, "connect"), once(ws, "connect")]);
  const closed = Promise.all([once(polling, "disconnect"), once(ws, "disconnect")]);
  io.of("/").sockets.forEach((socket) => socket.conn.close());
  const [[pollingReason, pollingDetails], [wsReason, wsDetails]] = await closed;
  assert.equal(pollingReason, "transport close");
  assert.equal(pollingDetails.description, "transport closed by the server");
  assert.equal(wsReason, "transport close");
  assert.equal(wsDetails.description, "websocket connection closed");
  assert.equal(wsDetails.context.code, 1005);
});

test("a request that fails on an open session: transport error, with the status", async (t) => {
  const { http, url } = await sioServer(t);
  const socket = connect(t, url, { transports: ["polling"], reconnection: false });
  await once(socket, "connect");
  http.removeAllListeners("request");
  http.on("request", (request, response) => request.method === "POST" && response.writeHead(413).end());
  socket.emit("tell", "refused");
  const [reason, details] = await once(socket, "disconnect");
  assert.equal(reason, "transport error");
  assert.equal(details.message, "xhr post error");
  assert.equal(details.type, "TransportError");
  assert.equal(details.description, 413);
});

test("a server that stops pinging: ping timeout", async (t) => {
  const { url } = await rawServer(t, (ws) => ws.on("message", () => ws.send('40{"sid":"s"}')));
  const clock = Clock.install(t);
  const socket = connect(t, url, { ...websocket, reconnection: false });
  await once(socket, "connect");
  const log = record(socket, ["disconnect"], [], (_event, ...args) => args);
  // pingInterval and pingTimeout.
  await clock.advance(44_000);
  assert.deepEqual(log, []);
  await clock.advance(2_000);
  assert.equal(log.length, 1);
  assert.equal(log[0][0], "ping timeout");
  assert.equal(log[0][1], undefined);
});

test("_close() of the Manager: forced close on all its namespaces, which stay active", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url);
  const sockets = [manager.socket("/"), manager.socket("/foo")];
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const log = [];
  sockets.forEach((socket) => socket.on("disconnect", (reason) => log.push(`${socket.nsp} ${reason}`)));
  manager._close();
  assert.deepEqual(log, ["/ forced close", "/foo forced close"]);
  assert.deepEqual(sockets.map((socket) => socket.active), [true, true]);
});

test("a heartbeat is the Manager's ping, and its packets the Manager's packet", async (t) => {
  const { url } = await sioServer(t, { pingInterval: 30 });
  const manager = createManager(t, url);
  const socket = manager.socket("/");
  const [packet] = await once(manager, "packet");
  assert.equal(packet.type, 0);
  assert.equal(packet.nsp, "/");
  await once(manager, "ping");
  assert.equal(socket.connected, true);
});

test("a connection that ends while a namespace is being joined is a disconnect, without a connect before", async (t) => {
  let asked = 0;
  const { url } = await rawServer(t, (ws) => {
    ws.on("message", () => ((asked += 1) === 1 ? ws.terminate() : ws.send('40{"sid":"s"}')));
  });
  const socket = connect(t, url, { ...quick, ...websocket });
  const log = logAll(socket);
  await once(socket, "connect");
  const again = ["reconnect_attempt", "open", "reconnect", "connect"];
  assert.deepEqual(log, ["open", "disconnect transport close", "close", ...again]);
});

test("closing a Manager that is opening is a disconnect of its namespaces, once", async (t) => {
  const { url } = await refusingServer(t);
  const socket = connect(t, url, { ...quick, ...websocket });
  const log = logAll(socket);
  socket.io._close();
  assert.deepEqual(log, ["disconnect forced close", "close"]);
  assert.equal(socket.active, true);
});
