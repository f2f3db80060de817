// The middleware on several servers that share a Redis.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { redisStore } from "../../client-wasm/js/server/index.js";
import { delivery, Link, onceServer, redisServer, slow } from "./delivery.mjs";
import { until } from "./server.mjs";

/** Servers on one Redis, with what `behave` gives for each: `{ one, two, redis }`. */
async function servers(t, behave, options) {
  const path = await redisServer(t);
  const node = async () => {
    const redis = new Redis(path, { maxRetriesPerRequest: 0 });
    redis.on("error", () => {});
    t.after(() => redis.disconnect());
    const handlers = behave();
    return { ...handlers, redis, ...(await onceServer(t, handlers.behave, { store: redisStore(redis), ...options })) };
  };
  return { one: await node(), two: await node() };
}

test("an event is answered by any server", async (t) => {
  const { one, two } = await servers(t, slow);
  const link = await Link.open(t, one.port, delivery("c"));
  link.emit(0, "op", 1);
  await until(() => one.runs.length === 1);
  one.runs[0].ack({ text: "ä" }, Buffer.from([0, 255]));
  const expected = [{ text: "ä" }, { _placeholder: true, num: 0 }];
  assert.deepEqual(await link.answer(0), expected);
  const other = await Link.open(t, two.port, delivery("c"));
  other.emit(0, "op", 1);
  assert.deepEqual(await other.answer(0), expected);
  await until(() => other.acks[0][2].length === 1);
  assert.deepEqual(other.acks[0][2], [Buffer.from([0, 255])]);
  assert.equal(two.runs.length, 0);
});

test("a second attempt waits while another server runs the first", async (t) => {
  const { one, two } = await servers(t, slow);
  const link = await Link.open(t, one.port, delivery("c"));
  link.emit(0, "op", 1);
  await until(() => one.runs.length === 1);
  const other = await Link.open(t, two.port, delivery("c"));
  other.emit(0, "op", 1);
  await until(() => two.once.stats.waited === 1);
  one.runs[0].ack("there");
  assert.deepEqual(await other.answer(0), ["there"]);
  assert.deepEqual([one.runs.length, two.runs.length], [1, 0]);
});

test("what follows waits until the other server is known to live", async (t) => {
  const { one, two } = await servers(t, slow, { lease: 1_500 });
  const link = await Link.open(t, one.port, delivery("c"));
  link.emit(0, "op", 1);
  await until(() => one.runs.length === 1);
  const begin = performance.now();
  const other = await Link.open(t, two.port, delivery("c"));
  other.emit(0, "op", 1);
  other.emit(1, "op", 2);
  // It has extended its lease.
  await until(() => two.runs.length === 1);
  assert.equal(two.runs[0].value, 2);
  two.runs[0].ack();
  await until(() => performance.now() - begin > 2_500);
  assert.deepEqual(other.answers(0), []);
  one.runs[0].ack("at last");
  assert.deepEqual(await other.answer(0), ["at last"]);
});

test("order is kept when the server that had the first events is gone", async (t) => {
  const { one, two } = await servers(t, slow, { lease: 300 });
  const link = await Link.open(t, one.port, delivery("c"));
  link.emit(0, "op", 0);
  await until(() => one.runs.length === 1);
  // As if it was killed: it extends no lease.
  one.redis.disconnect();
  const other = await Link.open(t, two.port, delivery("c"));
  for (let n = 0; n < 3; n += 1) other.emit(n, "op", n);
  await until(() => two.runs.length === 3);
  assert.deepEqual(two.runs.map(({ value }) => value), [0, 1, 2]);
  assert.equal(two.once.stats.inDoubt, 1);
});

test("an event that was dropped here is run there, in its place", async (t) => {
  const seen = [];
  let held;
  const behave = () => ({
    behave(socket) {
      socket.use(([, n], next) => (held ? next() : (held = { n, socket })));
      socket.on("op", (n, ack) => {
        seen.push(n);
        ack(n);
      });
    },
  });
  const { one, two } = await servers(t, behave, { lease: 20_000 });
  const link = await Link.open(t, one.port, delivery("c"));
  link.emit(0, "op", 0);
  await until(() => held);
  const other = await Link.open(t, two.port, delivery("c"));
  other.emit(0, "op", 0);
  other.emit(1, "op", 1);
  await until(() => two.once.stats.waited === 1);
  await link.cut();
  assert.deepEqual(await other.answer(1), [1]);
  assert.deepEqual(seen, [0, 1]);
});

test("while Redis is away nothing runs, and clients are told to come again", async (t) => {
  const { one } = await servers(t, slow);
  const link = await Link.open(t, one.port, delivery("c"));
  await link.sync();
  one.redis.disconnect();
  link.emit(0, "op", 1);
  await link.closed;
  assert.equal(one.runs.length, 0);
  assert.equal(one.errors.length, 1);
  const early = await Link.open(t, one.port, delivery("c"));
  await early.closed;
  await one.redis.connect();
  const next = await Link.open(t, one.port, delivery("c"));
  next.emit(0, "op", 1);
  await until(() => one.runs.length === 1);
  // Its result cannot be kept. It is given all the same.
  one.redis.disconnect();
  one.runs[0].ack("unkept");
  assert.deepEqual(await next.answer(0), ["unkept"]);
});
