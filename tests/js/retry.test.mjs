// `retries`: emits wait for each other's acknowledgement, and are sent again where none comes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { once, rawServer, sioServer, until } from "./server.mjs";

const patient = { retries: 1, ackTimeout: 20_000 };
const hasty = { retries: 3, ackTimeout: 5 };

const acked = (send) => new Promise((resolve) => send((...args) => resolve(args)));

function watch(socket) {
  const sent = [];
  socket.io.engine.on("packetCreate", ({ data }) => sent.push(data));
  return sent;
}

test("packets go one after the other, each after the last one's acknowledgement", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, patient);
  const sent = watch(socket);
  const left = [];
  socket.emit("echo", 1, () => left.push(socket._queue.length));
  socket.emit("echo", 2, () => left.push(socket._queue.length));
  const last = acked((ack) => socket.emit("echo", 3, ack));
  assert.equal(socket._queue.length, 3);
  assert.deepEqual(await last, [null, 3]);
  assert.deepEqual(left, [2, 1]);
  assert.equal(socket._queue.length, 0);
  socket.disconnect();
  await until(() => sent.at(-1) === "1");
  assert.deepEqual(sent, ["0", '20["echo",1]', '21["echo",2]', '22["echo",3]', "1"]);
});

test("a packet without acknowledgement is sent once more than its retries, each time with another id", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, hasty);
  const sent = watch(socket);
  let arrived = 0;
  socket.on("ack", () => (arrived += 1));
  const [error] = await acked((ack) => socket.emit("ack", ack));
  assert.equal(error.message, "operation has timed out");
  await until(() => arrived === 4);
  socket.disconnect();
  await until(() => sent.at(-1) === "1");
  assert.deepEqual(sent, ["0", '20["ack"]', '21["ack"]', '22["ack"]', '23["ack"]', "1"]);
});

test("no try is counted while the socket is not connected", async (t) => {
  const { url } = await sioServer(t);
  const clock = Clock.install(t);
  const socket = connect(t, url, { retries: 3, ackTimeout: 10_000, autoConnect: false });
  const answers = [];
  const outcome = acked((ack) => socket.emit("echo", 1, ack)).then((args) => answers.push(args));
  // Longer than all tries together would take.
  await clock.advance(60_000);
  assert.deepEqual(answers, []);
  assert.equal(socket._queue.length, 1);
  socket.connect();
  const sent = watch(socket);
  await outcome;
  assert.deepEqual(answers, [[null, 1]]);
  assert.deepEqual(sent, ["0", '20["echo",1]']);
});

test("what the listener of \"connect\" emits is sent once", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, patient);
  const sent = watch(socket);
  const received = [];
  socket.io.engine.on("packet", ({ type, data }) => type !== "ping" && received.push(data));
  const outcome = acked((ack) => socket.on("connect", () => socket.emit("echo", null, ack)));
  assert.deepEqual(await outcome, [null, null]);
  await acked((ack) => socket.emit("echo", "barrier", ack));
  assert.deepEqual(sent, ["0", '20["echo",null]', '21["echo","barrier"]']);
  assert.equal(received[2], "30[null]");
});

test("a disconnection is a failed try, and the next connection sends the packet again", async (t) => {
  const seen = [];
  const { url } = await rawServer(t, (ws) => {
    ws.on("message", (data) => {
      const text = `${data}`;
      if (text.startsWith("40")) return ws.send(`40{"sid":"s${seen.length}"}`);
      if (!text.startsWith("42")) return;
      seen.push(text);
      if (seen.length < 3) return ws.terminate();
      ws.send("432[]");
    });
  });
  const socket = connect(t, url, { ...patient, retries: 2, reconnectionDelay: 5, transports: ["websocket"] });
  const [error] = await acked((ack) => socket.emit("once", "x", ack));
  assert.equal(error, null);
  assert.deepEqual(seen, ['420["once","x"]', '421["once","x"]', '422["once","x"]']);
});

test("after the last try the failure is reported and the next packet is sent", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { retries: 1, ackTimeout: 5 });
  const order = [];
  const first = acked((ack) => socket.emit("unknown", ack)).then(([error]) => order.push(error.message));
  const second = acked((ack) => socket.timeout(20_000).emit("echo", 2, ack)).then(() => order.push("second"));
  await Promise.all([first, second]);
  assert.deepEqual(order, ["operation has timed out", "second"]);
});

test("a volatile emit does not wait in the queue", async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, patient);
  await once(socket, "connect");
  await until(() => socket.io.engine.transport.writable);
  const sent = watch(socket);
  socket.volatile.emit("hi");
  assert.equal(socket._queue.length, 0);
  await until(() => sent.length > 0);
  assert.deepEqual(sent, ['2["hi"]']);
});

test("retries of 0, null or false are none: emits do not wait for each other", async (t) => {
  for (const retries of [0, null, false, NaN]) {
    const { url } = await sioServer(t);
    const socket = connect(t, url, { retries, transports: ["websocket"] });
    await once(socket, "connect");
    socket.emit("nobody answers");
    assert.equal(socket._queue.length, 0);
    assert.deepEqual(await acked((ack) => socket.emit("echo", 1, ack)), [1], String(retries));
  }
});
