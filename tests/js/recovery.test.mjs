// Connection state recovery: the same session and what was missed, where the server still has it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./client.mjs";
import { once, record, sioServer, until } from "./server.mjs";

const quick = { reconnectionDelay: 10, randomizationFactor: 0 };

// Connected, and with an offset: the client has seen one event.
async function settled(t, url, options) {
  const socket = connect(t, url, { ...quick, ...options });
  socket.emit("hi");
  await once(socket, "hi");
  return socket;
}

test("a session is recovered with its id", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, quick);
  assert.equal(socket.recovered, false);
  socket.emit("hi");
  await once(socket, "hi");
  assert.equal(socket.recovered, false);
  const { id } = socket;
  socket.io.engine.close();
  await once(socket, "connect");
  assert.equal(socket.id, id);
  assert.equal(socket.recovered, true);
});

test("what was missed comes before what was buffered, and both before \"connect\"", async (t) => {
  const { io, url } = await sioServer(t);
  io.on("connection", (socket) => socket.on("buffered", () => socket.emit("reply")));
  const socket = await settled(t, url, { transports: ["websocket"] });
  const log = [];
  socket.on("missed", (number) => log.push(`missed ${number}`));
  socket.on("connect", () => log.push(`connect ${socket.recovered}`));
  socket.onAnyOutgoing((event) => log.push(event));
  record(socket.io, ["reconnect_attempt", "open", "reconnect"], log);
  const { id } = socket;
  socket.io.engine.close();
  await until(() => !io.of("/").sockets.has(id));
  io.emit("missed", 1);
  io.emit("missed", 2);
  socket.emit("buffered");
  await once(socket, "reply");
  const order = ["reconnect_attempt", "open", "reconnect", "missed 1", "missed 2", "buffered", "connect true"];
  assert.deepEqual(log, order);
});

test("CONNECT carries the session and the offset, beside what auth says", async (t) => {
  const { url } = await sioServer(t);
  const socket = await settled(t, url, { auth: { token: "t" } });
  const sent = [];
  socket.io.on("reconnect_attempt", () => {
    queueMicrotask(() => socket.io.engine.on("packetCreate", ({ data }) => sent.push(data)));
  });
  socket.io.engine.close();
  await once(socket, "connect");
  const { pid, offset, token } = JSON.parse(sent[0].slice(1));
  assert.equal(typeof pid, "string");
  assert.equal(typeof offset, "string");
  assert.equal(token, "t");
});

test("a session that the server has left is not recovered", async (t) => {
  const { io, url } = await sioServer(t);
  const socket = await settled(t, url);
  const { id } = socket;
  io.disconnectSockets();
  assert.equal((await once(socket, "disconnect"))[0], "io server disconnect");
  socket.connect();
  await once(socket, "connect");
  assert.notEqual(socket.id, id);
  assert.ok(!socket.recovered);
});
