// What is emitted right before `disconnect()` arrives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, upstream } from "./client.mjs";
import { WS, joined } from "./outbox.mjs";
import { once, sioServer, until } from "./server.mjs";

const options = { skip: upstream && "the server drops it" };
const TIMES = 20;

async function emitAndLeave(t, transports, namespace) {
  const { io, url } = await sioServer(t);
  const arrived = [];
  io.of(namespace).on("connection", (socket) => {
    socket.on("bye", (number) => arrived.push(number));
    socket.on("disconnect", (reason) => arrived.push(reason));
  });
  for (let i = 0; i < TIMES; i += 1) {
    const socket = connect(t, url + namespace, { transports });
    await once(socket, "connect");
    const { engine } = socket.io;
    if (transports.length > 1 && engine.transport.name === "polling") await once(engine, "upgrade");
    const told = [];
    socket.on("disconnect", (reason) => told.push(reason));
    socket.emit("bye", i).disconnect();
    assert.deepEqual([socket.connected, socket.active, told], [false, false, ["io client disconnect"]], "at once");
  }
  await until(() => arrived.length === 2 * TIMES, `${arrived.length} of ${2 * TIMES}`);
  const numbers = arrived.filter((item) => typeof item === "number").sort((a, b) => a - b);
  assert.deepEqual(numbers, Array.from({ length: TIMES }, (_, i) => i));
}

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  test(`emit, then disconnect: ${TIMES} of ${TIMES} over ${transports}`, options, (t) => emitAndLeave(t, transports, "/"));
}

test("the same in a namespace", options, (t) => emitAndLeave(t, ["websocket"], "/foo"));

test("disconnect({ force: true }) does not wait", options, async (t) => {
  const { socket, frames, ws } = await joined(t);
  const closed = once(ws(), "close");
  socket.emit("bye").disconnect({ force: true });
  await closed;
  assert.deepEqual(frames, ['42["bye"]', "41"]);
});

test("a listener's arguments are no option", options, async (t) => {
  const { socket, frames } = await joined(t);
  // As in `button.onclick = socket.disconnect`.
  socket.emit("bye").disconnect(true);
  await until(() => frames.length === 2);
});

test("closeTimeout bounds how long a server that does not read is waited for", options, async (t) => {
  const { io, url } = await sioServer(t);
  io.of("/").on("connection", () => {});
  const socket = connect(t, url, { ...WS, closeTimeout: 0 });
  await once(socket, "connect");
  const { engine } = socket.io;
  socket.emit("bye").disconnect();
  assert.equal(engine.readyState, "closed");
});
