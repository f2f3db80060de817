// Windows, pauses and keys of emits that are sent until they are acknowledged.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, upstream } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { WS, idle, joined, mute } from "./outbox.mjs";
import { once, sioServer, until } from "./server.mjs";

const options = { skip: upstream && "it has no window" };
const again = { reconnectionDelay: 1, reconnectionDelayMax: 1 };
const idOf = (frame) => Number(/^42(\d+)/.exec(frame)[1]);
const numberOf = (frame) => JSON.parse(frame.slice(frame.indexOf("[")))[1];

test("retryWindow: so many at a time, and the next as the oldest is settled", options, async (t) => {
  const { socket, frames, ws } = await joined(t, { retries: 3, retryWindow: 3 });
  for (let i = 0; i < 6; i += 1) socket.emit("e", i);
  await until(() => frames.length === 3);
  assert.deepEqual(frames.map(numberOf), [0, 1, 2]);
  // Out of order: the window stays where its oldest is.
  ws().send(`43${idOf(frames[1])}[]`);
  ws().send(`43${idOf(frames[0])}[]`);
  await until(() => frames.length === 5);
  assert.deepEqual(frames.map(numberOf), [0, 1, 2, 3, 4]);
});

test("after a cut sending goes on from the oldest, in order, before anything newer", options, async (t) => {
  const { socket, frames, ws } = await joined(t, { retries: Infinity, retryWindow: 4, ...again });
  for (let i = 0; i < 3; i += 1) socket.emit("e", i);
  await until(() => frames.length === 3);
  ws().send(`43${idOf(frames[1])}[]`);
  await once(socket.io.engine, "message");
  ws().terminate();
  await once(socket, "disconnect");
  socket.emit("e", 3);
  await until(() => frames.length === 6);
  assert.deepEqual(frames.slice(3).map(numberOf), [0, 2, 3]);
  // Each attempt has an id of its own.
  assert.equal(new Set(frames.map(idOf)).size, 6);
});

test("a late answer to an earlier attempt counts", options, async (t) => {
  const clock = Clock.install(t);
  const { socket, frames, ws } = await joined(t, { retries: 5, ackTimeout: 100 });
  const asked = socket.emitWithAck("e", 1);
  await until(() => frames.length === 1);
  await clock.advance(100);
  await until(() => frames.length === 2);
  ws().send(`43${idOf(frames[0])}["first"]`);
  assert.equal(await asked, "first");
});

test("retryDelay doubles up to retryDelayMax", options, async (t) => {
  const clock = Clock.install(t);
  const wanted = { retries: 4, ackTimeout: 10, retryDelay: 100, retryDelayMax: 300, randomizationFactor: 0 };
  const { socket, frames } = await joined(t, wanted);
  const delivery = socket.deliver("e");
  await until(() => frames.length === 1);
  for (const [count, pause] of [[2, 100], [3, 200], [4, 300], [5, 300]]) {
    await clock.advance(10 + pause - 1);
    assert.equal(frames.length, count - 1);
    await clock.advance(1);
    await until(() => frames.length === count);
  }
  await clock.advance(10);
  const { fate, attempts, error, lastSentAt } = await delivery.settled;
  assert.deepEqual([fate, attempts, error.message], ["uncertain", 5, "operation has timed out"]);
  assert.equal(lastSentAt, Date.now() - 10);
});

test("retries without ackTimeout: only a lost connection causes another attempt", options, async (t) => {
  const clock = Clock.install(t);
  const { socket, frames, ws } = await joined(t, { retries: 1, ...again });
  const fates = [];
  socket.onFate(({ fate, attempt }) => fates.push(attempt ? `${fate} ${attempt}` : fate));
  const delivery = socket.deliver("e");
  await until(() => frames.length === 1);
  await clock.advance(20_000);
  assert.equal(frames.length, 1);
  ws().terminate();
  await once(socket, "disconnect");
  await clock.advance(10);
  await until(() => frames.length === 2);
  ws().terminate();
  const { fate, error } = await delivery.settled;
  assert.deepEqual([fate, error.message], ["uncertain", "socket has been disconnected"]);
  assert.deepEqual(fates, ["held", "inFlight 1", "held", "inFlight 2", "uncertain"]);
});

test("exactlyOnce: the name is sent with CONNECT, and every attempt has the same id", options, async (t) => {
  const connects = [];
  const server = await mute(t, (frame, ws) => {
    const asked = /^42(\d+)\["\$delivery",\{"sync":1\}\]/.exec(frame);
    if (asked) ws.send(`43${asked[1]}[{"v":1,"ttl":600000}]`);
  });
  server.sockets.push = function (ws) {
    ws.on("message", (data) => String(data).startsWith("40") && connects.push(JSON.parse(String(data).slice(2))));
    return Array.prototype.push.call(this, ws);
  };
  const socket = connect(t, server.url, { ...WS, ...again, exactlyOnce: true, auth: { token: "t" } });
  await once(socket, "connect");
  const delivery = socket.deliver("e", 1);
  const events = () => server.frames.filter((frame) => frame.includes('"e"'));
  await until(() => events().length === 1);
  server.sockets.at(-1).terminate();
  await until(() => events().length === 2);
  const [first, second] = events();
  assert.equal(first, second);
  assert.equal(connects.length, 2);
  const [{ $delivery: one, token }, { $delivery: two }] = connects;
  assert.match(one.id, /^[\w-]{22}$/);
  assert.deepEqual([token, one.v, two.id, two.base], ["t", 1, one.id, idOf(first)]);
  server.sockets.at(-1).send(`43${idOf(first)}["done"]`);
  assert.deepEqual((await delivery.settled).args, ["done"]);
});

test("exactlyOnce: 16 at a time, without limit to the retries", options, async (t) => {
  const { socket, frames } = await joined(t, { exactlyOnce: true });
  for (let i = 0; i < 20; i += 1) socket.emit("e", i);
  await until(() => frames.length === 17);
  assert.deepEqual(frames.slice(1).map(numberOf), Array.from({ length: 16 }, (_, i) => i));
});

test("exactlyOnce with a server that has no middleware for it", options, async (t) => {
  const { url } = await sioServer(t);
  const clock = Clock.install(t);
  const socket = connect(t, url, { ...WS, exactlyOnce: true });
  let told = 0;
  socket.on("delivery_unsupported", () => (told += 1));
  await until(() => socket.connected);
  await clock.advance(5000);
  await until(() => told === 1);
  assert.equal(await socket.emitWithAck("echo", 1), 1);
});

test("exactlyOnce: auth that is no object, or has the field itself", options, async (t) => {
  for (const auth of [{ $delivery: 1 }, (give) => give([1])]) {
    const { url } = await mute(t);
    const socket = connect(t, url, { ...WS, exactlyOnce: true, auth });
    const [error] = await once(socket, "connect_error");
    assert.match(error.message, /auth/);
    assert.equal(socket.active, false);
  }
});

test("each namespace and each connection has a name of its own", options, async (t) => {
  const names = new Set();
  const server = await mute(t, () => {}, {
    answer(namespace) {
      return `40${namespace === "/" ? "" : `${namespace},`}{"sid":"s"}`;
    },
  });
  server.sockets.push = function (ws) {
    ws.on("message", (data) => /^40/.test(data) && names.add(/"id":"([^"]*)"/.exec(String(data))[1]));
    return Array.prototype.push.call(this, ws);
  };
  const first = connect(t, server.url, { ...WS, exactlyOnce: true });
  const second = first.io.socket("/other", { exactlyOnce: true });
  const third = connect(t, server.url, { ...WS, exactlyOnce: true });
  await until(() => first.connected && second.connected && third.connected);
  assert.equal(names.size, 3);
});

test("the queue of what is sent again empties in order after the server comes back", options, async (t) => {
  const socket = idle(t, { retries: 2 });
  const settled = [];
  for (let i = 0; i < 3; i += 1) socket.deliver("e", i).settled.then(({ fate }) => settled.push(fate));
  assert.equal(socket._queue.length, 3);
  socket.connect();
  await once(socket, "connect_error");
  assert.deepEqual([socket._queue.length, settled], [3, []]);
});
