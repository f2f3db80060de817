// How much may wait, how long, and what happens to the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, upstream } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { DISPLACED, FULL, OLD, WS, fatesOf, idle, joined, mute, notSent } from "./outbox.mjs";
import { once, until } from "./server.mjs";

const options = { skip: upstream && "it has no bounds" };
const names = (socket) => socket.sendBuffer.map(({ data }) => data[0]);

test("without options nothing is bounded", options, (t) => {
  const socket = idle(t);
  for (let i = 0; i < 20_000; i += 1) socket.emit("e", "some text");
  assert.equal(socket.sendBuffer.length, 20_000);
});

test("bufferSize: a plain emit is told as an event, a handle as refused, a callback by its error", options, async (t) => {
  const socket = idle(t, { bufferSize: 2 });
  const told = notSent(socket);
  socket.emit("one").emit("two").emit("three", 3);
  assert.deepEqual(told, [[FULL, ["three", 3]]]);
  const { fate, error, value, id } = await socket.deliver("four", 4).settled;
  assert.deepEqual([fate, error.message, value, id], ["refused", FULL, ["four", 4], undefined]);
  await assert.rejects(socket.emitWithAck("five"), { message: FULL });
  let error6;
  socket.timeout(1000).emit("six", (error) => (error6 = error.message));
  assert.equal(error6, FULL);
  // A callback that has no place for an error.
  socket.emit("seven", () => assert.fail("called"));
  assert.deepEqual(told.at(-1), [FULL, ["seven"]]);
  assert.deepEqual(names(socket), ["one", "two"]);
});

test("bufferBytes: very many emits stay below it, and each of the others is told", options, (t) => {
  const many = process.env.TESTS_FULL ? 1_000_000 : 200_000;
  const socket = idle(t, { bufferBytes: 100_000 });
  let refused = 0;
  socket.on("not_sent", () => (refused += 1));
  for (let i = 0; i < many; i += 1) socket.emit("e", i);
  const held = socket.sendBuffer;
  assert.equal(held.length + refused, many);
  const bytes = held.reduce((sum, { data }) => sum + JSON.stringify(data).length, 0);
  assert.ok(bytes <= 100_000 && bytes > 99_000, String(bytes));
});

test("bufferPolicy: \"dropOldest\"", options, async (t) => {
  const socket = idle(t, { bufferSize: 2, bufferPolicy: "dropOldest" });
  const told = notSent(socket);
  const first = socket.deliver("one", 1);
  socket.emit("two", 2).emit("three", 3);
  const { fate, error, value } = await first.settled;
  assert.deepEqual([fate, error.message, value], ["dropped", DISPLACED, ["one", 1]]);
  assert.deepEqual(told, []);
  socket.emit("four");
  assert.deepEqual(told, [[DISPLACED, ["two", 2]]]);
  assert.deepEqual(names(socket), ["three", "four"]);
});

test("bufferPolicy: \"dropNewest\"", options, async (t) => {
  const socket = idle(t, { bufferSize: 2, bufferPolicy: "dropNewest" });
  const told = notSent(socket);
  socket.emit("one").emit("two").emit("three");
  assert.deepEqual(told, [[DISPLACED, ["three"]]]);
  assert.equal((await socket.deliver("four").settled).fate, "dropped");
  await assert.rejects(socket.emitWithAck("five"), { message: DISPLACED });
  assert.deepEqual(names(socket), ["one", "two"]);
});

test("the policies hold for reliable emits, too", options, async (t) => {
  const socket = idle(t, { bufferSize: 2, bufferPolicy: "dropOldest", retries: 3 });
  const errors = [];
  for (const name of ["one", "two", "three"]) socket.emit(name, (error) => errors.push([name, error.message]));
  assert.deepEqual(errors, [["one", DISPLACED]]);
  socket.emit("four");
  socket.emit("five");
  assert.equal(socket._queue.length, 2);
});

test("bufferMaxAge, and maxAge of one emit", options, async (t) => {
  const clock = Clock.install(t);
  const socket = idle(t, { bufferMaxAge: 1000 });
  const told = notSent(socket);
  const short = socket.maxAge(100).deliver("short");
  socket.emit("common", 1);
  socket.maxAge(5000).emit("long");
  const acked = socket.emitWithAck("acked");
  acked.catch(() => {});
  await clock.advance(99);
  assert.equal(short.fate, "held");
  await clock.advance(1);
  assert.deepEqual(await short.settled.then(({ fate, value }) => [fate, value]), ["expired", ["short"]]);
  await clock.advance(900);
  await assert.rejects(acked, { message: OLD });
  assert.deepEqual(told, [[OLD, ["common", 1]]]);
  assert.deepEqual(names(socket), ["long"]);
});

test("what was sent does not expire", options, async (t) => {
  const { socket, frames } = await joined(t);
  const clock = Clock.install(t);
  const delivery = socket.maxAge(10).deliver("e", () => {});
  await until(() => frames.length === 1);
  await clock.advance(1000);
  assert.equal(delivery.fate, "inFlight");
});

test("coalesce: a newer one takes the place of the older with the same key", options, async (t) => {
  const server = await mute(t);
  const socket = connect(t, server.url, { ...WS, autoConnect: false });
  const told = fatesOf(socket);
  const old = socket.coalesce("cursor").deliver("cursor", 1);
  socket.emit("between");
  socket.coalesce("other").emit("cursor", "another key");
  const young = socket.coalesce("cursor").deliver("cursor", 2);
  const { fate, value } = await old.settled;
  assert.deepEqual([fate, value], ["dropped", ["cursor", 1]]);
  assert.equal(young.fate, "held");
  assert.deepEqual(told, ["0 held", "1 held", "2 held", "3 held", "0 dropped"]);
  socket.connect();
  await until(() => server.frames.length === 3);
  assert.deepEqual(server.frames, ['42["cursor",2]', '42["between"]', '42["cursor","another key"]']);
});

test("the flags are those of one emit", options, async (t) => {
  const clock = Clock.install(t);
  const socket = idle(t);
  socket.maxAge(10).coalesce("k").emit("one").emit("two");
  socket.coalesce("k").emit("three");
  await clock.advance(1000);
  assert.deepEqual(names(socket), ["three", "two"]);
});

test("acknowledgements of what waits in flight count", options, async (t) => {
  const { socket, frames } = await joined(t, { bufferSize: 1 });
  socket.emit("asked", () => {});
  await until(() => frames.length === 1);
  const { fate } = await socket.deliver("more").settled;
  assert.equal(fate, "refused");
});

test("values that are none", options, (t) => {
  for (const [name, value, error] of [
    ["bufferPolicy", "drop", /unknown bufferPolicy drop/],
    ["receipts", "maybe", /unknown receipts maybe/],
    ["bufferSize", -1, /bufferSize must be/],
    ["bufferBytes", "1000", /bufferBytes must be/],
    ["bufferMaxAge", NaN, /bufferMaxAge must be/],
    ["retryWindow", 0, /retryWindow must be a number from 1 to 1024/],
    ["retryWindow", 2000, /retryWindow/],
    ["retryDelay", -1, /retryDelay/],
    ["retryDelayMax", {}, /retryDelayMax/],
    ["closeTimeout", "soon", /closeTimeout/],
  ]) {
    assert.throws(() => idle(t, { [name]: value }), error, name);
  }
});

test("refused within a listener that was told of a refusal", options, async (t) => {
  const socket = idle(t, { bufferSize: 1 });
  let told = 0;
  socket.on("not_sent", () => {
    told += 1;
    if (told < 10) socket.emit("again");
  });
  socket.emit("one").emit("two");
  assert.equal(told, 10);
  socket.connect();
  socket.disconnect();
});

test("a buffer that was full has room again", options, async (t) => {
  const { socket } = await joined(t, { bufferSize: 1, autoConnect: true });
  const told = notSent(socket);
  for (let i = 0; i < 100; i += 1) socket.emit("e", i);
  assert.deepEqual(told, [], "each leaves at once");
  socket.disconnect();
  socket.emit("held").emit("too much");
  assert.equal(told.length, 1);
  socket.connect();
  await once(socket, "connect");
  socket.emit("more");
  assert.equal(told.length, 1);
});
