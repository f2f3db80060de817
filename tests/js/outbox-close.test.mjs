// What is emitted right before `disconnect()` arrives.
import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test } from "node:test";
import { connect, upstream } from "./client.mjs";
import { WS, joined } from "./outbox.mjs";
import { once, sioServer, until } from "./server.mjs";

const options = { skip: upstream && "the server drops it" };
const TIMES = process.env.TESTS_FULL ? 20 : 6;

/**
 * `receipts` as the option. Without a proof the server gets a moment to read, and this one shares our event loop: what happened
 * while that stood still longer is not counted.
 */
async function emitAndLeave(t, transports, namespace, receipts) {
  const { io, url } = await sioServer(t);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  t.after(() => delay.disable());
  const arrived = [];
  io.of(namespace).on("connection", (socket) => {
    socket.on("bye", (number) => arrived.push(number));
    socket.on("disconnect", (reason) => arrived.push(reason));
  });
  for (let i = 0, tries = 0; i < TIMES; tries += 1) {
    assert.ok(tries < 20 * TIMES, "the machine is too busy");
    const socket = connect(t, url + namespace, { transports, receipts });
    await once(socket, "connect");
    const { engine } = socket.io;
    if (transports.length > 1 && engine.transport.name === "polling") await once(engine, "upgrade");
    const told = [];
    socket.on("disconnect", (reason) => told.push(reason));
    socket.emit("bye", i).disconnect();
    assert.deepEqual([socket.connected, socket.active, told], [false, false, ["io client disconnect"]], "at once");
    delay.reset();
    await until(() => arrived.includes("client namespace disconnect"), `the goodbye, behind ${arrived}`);
    const late = receipts === "auto" && delay.max > 20e6;
    if (!late) assert.deepEqual(arrived, [i, "client namespace disconnect"]);
    if (!late) i += 1;
    arrived.length = 0;
  }
}

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  for (const receipts of ["auto", "namespace"]) {
    const name = `emit, then disconnect: ${TIMES} of ${TIMES} over ${transports}, receipts: "${receipts}"`;
    test(name, options, (t) => emitAndLeave(t, transports, "/", receipts));
  }
}

test("the same in a namespace", options, (t) => emitAndLeave(t, ["websocket"], "/foo", "namespace"));

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
