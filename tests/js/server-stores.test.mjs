// The stores of the middleware: one contract, in memory and in Redis by either client package.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@redis/client";
import { Redis } from "ioredis";
import { memoryStore, redisStore } from "../../client-wasm/js/server/index.js";
import { redisServer } from "./delivery.mjs";
import { until } from "./server.mjs";

/** `{ store, keys() }` of each kind; `keys` are those in Redis. */
const kinds = {
  memory: async () => ({ make: memoryStore, keys: async () => [] }),
  ioredis: async (t) => {
    const redis = new Redis(await redisServer(t));
    redis.on("error", () => {});
    t.after(() => redis.disconnect());
    return { make: (options) => redisStore(redis, options), redis, keys: () => redis.keys("*") };
  },
  "@redis/client": async (t) => {
    const redis = createClient({ socket: { path: await redisServer(t) } });
    // The server may end first.
    redis.on("error", () => {});
    await redis.connect();
    t.after(() => redis.destroy());
    return { make: (options) => redisStore(redis, options), redis, keys: () => redis.keys("*") };
  },
};

const limits = { ttl: 600_000, lease: 2_000, results: 1024 };
const hash = (letter) => letter.repeat(22);
const [A, B, C] = ["A", "B", "C"].map(hash);
const S = "user|id|/";

for (const [kind, prepare] of Object.entries(kinds)) {
  test(kind, async (t) => {
    const { make, keys, redis } = await prepare(t);
    let scopes = 0;
    /** Two nodes on one store, and a scope of their own. */
    function nodes(settings, options) {
      const store = make(options);
      const [one, two] = ["one", "two"].map((node) => store.open({ ...limits, ...settings, node }));
      return { one, two, s: `${S}${(scopes += 1)}` };
    }

    await t.test("claim, result, and the same result ever after", async () => {
      const { one, two, s } = nodes();
      assert.deepEqual(await one.begin(s, 5, A), { state: "new", field: "5", mismatch: false });
      for (const node of [one, two]) {
        assert.deepEqual(await node.begin(s, 5, A), { state: "running", field: "5", alive: false });
      }
      const frames = ['461-5[{"_placeholder":true,"num":0}]', Buffer.from([0, 1, 0x80, 255])];
      assert.equal(await one.finish(s, "5", A, frames), undefined);
      for (const node of [one, two]) {
        assert.deepEqual(await node.begin(s, 5, A), { state: "done", field: "5", frames });
        assert.deepEqual(await node.finish(s, "5", A, ["another"]), frames);
      }
      assert.equal((await one.begin(`${s}0`, 5, A)).state, "new", "another scope");
    });

    await t.test("one of many gets the claim", async () => {
      const { one, two, s } = nodes();
      const states = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).begin(s, 1, A)));
      assert.equal(states.filter(({ state }) => state === "new").length, 1);
    });

    await t.test("a claim is taken back by its own node only", async () => {
      const { one, two, s } = nodes();
      await one.begin(s, 0, A);
      await two.undo(s, "0");
      assert.equal((await two.begin(s, 0, A)).state, "running");
      await one.undo(s, "0");
      assert.equal((await two.begin(s, 0, A)).state, "new");
      await two.finish(s, "0", A, ["x"]);
      await two.undo(s, "0");
      assert.equal((await one.begin(s, 0, A)).state, "done");
    });

    await t.test("a lease ends, or is extended", async () => {
      const { one, two, s } = nodes({ lease: 1_000 });
      const begin = performance.now();
      await one.begin(s, 0, A);
      await one.begin(s, 1, A);
      await two.extend(s, ["1"]);
      assert.equal((await two.begin(s, 1, A)).alive, false, "not by another node");
      await one.extend(s, ["1", "7"]);
      assert.equal((await two.begin(s, 1, A)).alive, true);
      const state = await until(async () => {
        const [{ state }] = await Promise.all([two.begin(s, 0, A), one.extend(s, ["1"])]);
        return state !== "running" && state;
      });
      assert.equal(state, "doubt");
      assert.ok(performance.now() - begin > 990);
      assert.equal((await two.begin(s, 1, A)).state, "running");
      // What the first run says at last counts.
      await one.finish(s, "0", A, ["first"]);
      assert.deepEqual(await two.finish(s, "0", A, ["second"]), ["first"]);
    });

    await t.test("another event of the same number", async () => {
      const { one, two, s } = nodes();
      await one.begin(s, 3, A);
      assert.deepEqual(await two.begin(s, 3, B), { state: "new", field: `3#${B}`, mismatch: true });
      assert.deepEqual(await two.begin(s, 3, C), { state: "new", field: `3#${C}`, mismatch: true });
      assert.deepEqual(await one.begin(s, 3, B), { state: "running", field: `3#${B}`, alive: false });
      await one.finish(s, `3#${B}`, B, ["b"]);
      await one.finish(s, "3", A, ["a"]);
      assert.deepEqual((await two.begin(s, 3, A)).frames, ["a"]);
      assert.deepEqual((await two.begin(s, 3, B)).frames, ["b"]);
    });

    await t.test("base", async () => {
      const { one, two, s } = nodes();
      assert.equal(await one.join(s, 0), false);
      for (const n of [8, 9, 10, 11]) await one.begin(s, n, A);
      await one.begin(s, 9, B);
      for (const n of [8, 9, 10]) await one.finish(s, String(n), A, [`${n}`]);
      assert.equal(await two.join(s, 10), false);
      assert.deepEqual(await one.begin(s, 8, A), { state: "stale" });
      assert.equal((await one.begin(s, 10, A)).state, "done");
      assert.equal((await one.begin(s, 11, A)).state, "running");
      // A result that nobody asks for any more.
      assert.equal(await one.finish(s, `9#${B}`, B, ["late"]), undefined);
      assert.equal(await two.join(s, 10), false);
      assert.equal(await two.join(s, 7), true);
      for (const n of [8, 9]) assert.equal((await one.begin(s, n, B)).state, "new", "forgotten");
      assert.equal((await one.begin(s, 10, A)).state, "done");
    });

    await t.test("the largest number", async () => {
      const { one, s } = nodes();
      const last = Number.MAX_SAFE_INTEGER;
      await one.join(s, last - 1);
      assert.equal((await one.begin(s, last - 2, A)).state, "stale");
      assert.equal((await one.begin(s, last - 1, A)).field, "9007199254740990");
      await one.begin(s, last, A);
      await one.finish(s, String(last), A, ["x"]);
      await one.join(s, last);
      assert.equal((await one.begin(s, last - 1, A)).state, "stale");
      assert.equal((await one.begin(s, last, A)).state, "done");
    });

    await t.test("so many results, so many claims", async () => {
      const { one, s } = nodes({ results: 4 });
      for (let n = 0; n < 6; n += 1) {
        await one.begin(s, n, A);
        await one.finish(s, String(n), A, [String(n)]);
      }
      const states = async (...of) => {
        const found = [];
        for (const n of of) found.push((await one.begin(s, n, A)).state);
        return found.join();
      };
      assert.equal(await states(2, 3, 4, 5), "done,done,done,done");
      assert.equal(await states(0, 1, 10, 11, 12, 13), "new,new,new,new,new,new");
      assert.equal(await states(13, 12, 11, 10, 2), "running,running,running,running,done");
      assert.equal(await states(0), "new", "its claim was the oldest");
    });

    await t.test("so many bytes, but the last one always", async () => {
      const { one, s } = nodes({}, { clientBytes: 1000 });
      for (let n = 0; n < 3; n += 1) await one.finish(s, String(n), A, ["x".repeat(400)]);
      assert.equal((await one.begin(s, 2, A)).state, "done");
      assert.equal((await one.begin(s, 0, A)).state, "new");
      await one.finish(s, "9", A, ["x".repeat(5000)]);
      assert.equal((await one.begin(s, 2, A)).state, "new");
      assert.equal((await one.begin(s, 9, A)).state, "done");
      await one.finish(s, "10", A, ["x"]);
      assert.equal((await one.begin(s, 9, A)).state, "new");
      assert.equal((await one.begin(s, 10, A)).state, "done");
    });

    await t.test("all is forgotten after `ttl`", async () => {
      const { one, s } = nodes({ ttl: 500, lease: 50 });
      await one.finish(s, "0", A, ["x"]);
      assert.equal((await one.begin(s, 0, A)).state, "done");
      const begin = performance.now();
      await until(() => performance.now() - begin > 520);
      assert.equal((await one.begin(s, 0, A)).state, "new");
    });

    if (!redis) return;

    await t.test("keys lie together in a cluster, end by themselves, and have the prefix", async () => {
      const { one } = nodes({ ttl: 123_000 }, { prefix: "app:" });
      await one.join("u%7b|i|/", 1);
      await one.begin("u%7b|i|/", 1, A);
      await one.begin("u%7b|i|/", 2, A);
      await one.finish("u%7b|i|/", "1", A, ["x"]);
      const found = (await keys()).filter((key) => key.startsWith("app:")).sort();
      assert.deepEqual(found, ["done", "entries", "open"].map((name) => `app:{u%7b|i|/}:${name}`));
      for (const key of found) {
        const left = await redis.ttl(key);
        assert.ok(left > 110 && left <= 123, `${key}: ${left}`);
      }
    });

    await t.test("a Redis that has forgotten the scripts", async () => {
      const { one, s } = nodes();
      await one.begin(s, 0, A);
      await (redis.script?.("FLUSH") ?? redis.scriptFlush());
      assert.equal((await one.begin(s, 0, A)).state, "running");
    });

    await t.test("the numbers of bytes that Redis keeps are those it has", async () => {
      const { one, s } = nodes({ results: 3 });
      for (let n = 0; n < 9; n += 1) await one.finish(s, String(n), A, ["x".repeat(n)]);
      await one.join(s, 8);
      const hgetall = (await (redis.hgetall?.(`sio:once:{${s}}:entries`) ?? redis.hGetAll(`sio:once:{${s}}:entries`)));
      assert.deepEqual(Object.keys(hgetall).sort(), ["8", "base", "bytes"]);
      assert.equal(Number(hgetall.bytes), hgetall[8].length);
    });
  });
}

test("what is no client of Redis", () => {
  for (const redis of [undefined, null, {}, "redis://localhost"]) assert.throws(() => redisStore(redis), /ioredis, or of redis/);
});
