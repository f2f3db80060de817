// What clients may say to the middleware: numbers that were settled, or used before, other users' ids, nonsense, too much.
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../../client-wasm/js/server/index.js";
import { delivery, Link, onceServer, slow } from "./delivery.mjs";
import { until } from "./server.mjs";

test("`base`: what is below is forgotten, and is not run when it comes late", async (t) => {
  const { runs, behave } = slow();
  const { port, once } = await onceServer(t, behave);
  const old = await Link.open(t, port, delivery("one"));
  old.emit(7, "op", 1);
  await until(() => runs.length === 1);
  runs[0].ack("x");
  await old.answer(7);
  const link = await Link.open(t, port, delivery("one", 8));
  await link.sync();
  // Its client has gone on.
  old.emit(7, "op", 1);
  await old.closed;
  assert.equal(runs.length, 1);
  assert.equal(once.stats.stale, 1);
  link.emit(8, "op", 2);
  await until(() => runs.length === 2);
});

test("a number below the link's own `base` is left alone", async (t) => {
  const { runs, behave } = slow();
  const { port, once } = await onceServer(t, behave);
  const link = await Link.open(t, port, delivery("one", 8));
  for (let i = 0; i < 2; i += 1) link.emit(7, "op", "x");
  await until(() => runs.length === 2);
  for (const { ack } of runs) ack("y");
  await until(() => link.answers(7).length === 2);
  const { run, belowBase } = once.stats;
  assert.deepEqual({ run, belowBase }, { run: 0, belowBase: 2 });
});

test("a client whose store is older than ours: other events under numbers that were used run", async (t) => {
  const { runs, behave } = slow();
  const { port, once } = await onceServer(t, behave);
  const link = await Link.open(t, port, delivery("one", 3));
  link.emit(3, "op", "new");
  await until(() => runs.length === 1);
  runs[0].ack("new");
  await link.answer(3);
  await link.cut();
  const restored = await Link.open(t, port, delivery("one", 1));
  for (const [n, value] of [[1, "a"], [2, "b"], [3, "other"], [3, "new"]]) restored.emit(n, "op", value);
  await until(() => runs.length === 4);
  assert.deepEqual(await restored.answer(3), ["new"]);
  for (const run of runs.slice(1)) run.ack(run.value);
  await until(() => restored.answers(3).length === 2);
  // From now on it is known as well.
  restored.emit(3, "op", "other");
  await until(() => restored.answers(3).length === 3);
  assert.deepEqual(runs.map(({ value }) => value), ["new", "a", "b", "other"]);
  assert.deepEqual(restored.answers(3), [["new"], ["other"], ["other"]]);
  const { restored: found, mismatched } = once.stats;
  assert.deepEqual({ found, mismatched }, { found: 1, mismatched: 1 });
});

test("the delivery id belongs to a user", async (t) => {
  const keys = [];
  const { port } = await onceServer(
    t,
    (socket) => {
      socket.on("op", (ack) => {
        keys.push(ack.deliveryKey);
        ack(`secret of ${socket.handshake.auth.name}`);
      });
    },
    { user: (socket) => socket.handshake.auth.name },
  );
  for (const name of ["ann", "bob", "a|b%", undefined]) {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const link = await Link.open(t, port, { name, ...delivery("same") });
      link.emit(0, "op");
      assert.deepEqual(await link.answer(0), [`secret of ${name}`]);
    }
  }
  assert.deepEqual(keys, ["ann|same|/|0", "bob|same|/|0", "a%7cb%25|same|/|0", "|same|/|0"]);
});

test("a user that cannot be told: the client is on its own, and is not answered for it", async (t) => {
  const { runs, behave } = slow();
  const { port, errors } = await onceServer(t, behave, { user: (socket) => socket.handshake.auth.user.name });
  for (const auth of [{}, { user: { name: {} } }]) {
    const link = await Link.open(t, port, { ...auth, ...delivery("one") });
    link.emit(1, "$delivery", { sync: 1 });
    link.emit(0, "op", 1);
    await until(() => runs.length === 1);
    runs.pop().ack();
    await link.answer(0);
    assert.deepEqual(link.answers(1), []);
  }
  assert.match(errors.join("\n"), /reading 'name'[^]*neither a string nor a number/);
});

const wrong = [
  null, 1, "x", [], {}, { v: 2, id: "a" }, { v: "1", id: "a" }, { v: 1 }, { v: 1, id: "" }, { v: 1, id: "a".repeat(65) },
  { v: 1, id: "a|b" }, { v: 1, id: "ä" }, { v: 1, id: ["a"] }, { v: 1, id: { toString: "x" } }, { v: 1, id: "a", base: -1 },
  { v: 1, id: "a", base: 0.5 }, { v: 1, id: "a", base: "0" }, { v: 1, id: "a", base: 1e300 }, { v: 1, id: "a", base: null },
];

test("clients without a valid `$delivery` are left alone", async (t) => {
  const seen = [];
  const { port, once } = await onceServer(t, (socket) => {
    socket.on("op", (...args) => {
      seen.push(args.length);
      args.at(-1)?.("answer");
    });
    socket.on("$delivery", (_what, ack) => ack("the application's"));
  });
  const auths = [...wrong.map(($delivery) => ({ $delivery })), {}, { token: "t" }];
  for (const auth of auths) {
    const link = await Link.open(t, port, auth);
    link.emit(0, "op", 1);
    link.emit(0, "op", 1);
    link.emit(1, "$delivery", { sync: 1 });
    assert.deepEqual(await link.answer(1), ["the application's"]);
    assert.deepEqual(link.answers(0), [["answer"], ["answer"]]);
    await link.cut();
  }
  assert.deepEqual(seen, Array(auths.length * 2).fill(2));
  assert.equal(once.stats.invalid, wrong.length);
  assert.equal(once.stats.run, 0);
});

test("events without ack id, or with one that is not exact, are left alone", async (t) => {
  const seen = [];
  const { port, once } = await onceServer(t, (socket) => {
    socket.on("op", (...args) => {
      seen.push(args.length);
      args[1]?.("answer");
    });
  });
  const link = await Link.open(t, port, delivery("one"));
  link.emit(null, "op", 1);
  for (let i = 0; i < 2; i += 1) link.emit("9007199254740993", "op", 1);
  await until(() => link.acks.length === 2);
  assert.deepEqual(seen, [1, 2, 2]);
  link.emit(Number.MAX_SAFE_INTEGER, "op", 1);
  link.emit(Number.MAX_SAFE_INTEGER, "op", 1);
  await link.sync();
  assert.equal(once.stats.run, 1);
});

test("event names that objects have of themselves, or that nobody listens to", async (t) => {
  const { port, sockets } = await onceServer(t, (socket) => socket.on("error", () => {}));
  const link = await Link.open(t, port, delivery("one"));
  const names = ["__proto__", "constructor", "hasOwnProperty", "error", "", "*", "nobody", 0, -1.5];
  names.forEach((name, index) => link.emit(index, name, { toJSON: 1, __proto__: null }));
  for (let i = 0; i < 1000; i += 1) link.emit(100 + i, `name ${i}`);
  await link.sync();
  // Nothing of them stays at the socket.
  assert.deepEqual(sockets[0].eventNames().sort(), ["disconnect", "error"]);
});

test("bounds: 1,024 results of a client, of those with the most bytes fewer", async (t) => {
  let runs = 0;
  const store = memoryStore({ clientBytes: 300_000 });
  const { port } = await onceServer(
    t,
    (socket) => {
      socket.on("op", (size, ack) => {
        runs += 1;
        ack("x".repeat(size));
      });
    },
    { store },
  );
  const link = await Link.open(t, port, delivery("one"));
  const send = async (from, to, size) => {
    const before = runs;
    for (let n = from; n < to; n += 1) link.emit(n, "op", size);
    await link.sync(10_000 + from + link.acks.length);
    return runs - before;
  };
  assert.equal(await send(0, 1100, 1), 1100);
  assert.equal(await send(76, 1100, 1), 0, "all 1,024 are there");
  assert.equal(await send(75, 76, 1), 1, "no more");
  assert.equal(await send(2000, 2010, 50_000), 10);
  assert.equal(await send(2005, 2010, 50_000), 0);
  assert.equal(await send(2004, 2005, 50_000), 1);
  assert.ok(store.bytes < 301_000, String(store.bytes));
});

test("bounds: all clients together, those not seen for longest first", async (t) => {
  let runs = 0;
  const store = memoryStore({ maxBytes: 1_000_000 });
  const { port } = await onceServer(t, (socket) => socket.on("op", (ack) => ack("x".repeat((runs += 1) && 10_000))), { store });
  const visit = async (id) => {
    const link = await Link.open(t, port, delivery(id));
    link.emit(0, "op");
    await link.answer(0);
    await link.cut();
  };
  for (let i = 0; i < 200; i += 1) await visit(`client-${i}`);
  assert.ok(store.bytes <= 1_000_000 && store.bytes > 900_000, String(store.bytes));
  await visit("client-199");
  await visit("client-110");
  assert.equal(runs, 200);
  await visit("client-0");
  assert.equal(runs, 201);
});

test("bounds: `ttl`", async (t) => {
  const store = memoryStore();
  const { port } = await onceServer(t, (socket) => socket.on("op", (size, ack) => ack("x".repeat(size))), { store, ttl: 60, lease: 60 });
  const [one, two] = [await Link.open(t, port, delivery("one")), await Link.open(t, port, delivery("two"))];
  one.emit(0, "op", 100_000);
  await one.answer(0);
  const begin = performance.now();
  two.emit(0, "op", 50_000);
  await two.answer(0);
  await until(() => performance.now() - begin > 70);
  // One that is there loses its old results, one that is silent is forgotten.
  two.emit(1, "op", 1);
  await two.answer(1);
  assert.ok(store.bytes < 2_000, String(store.bytes));
});

test("bounds: handlers that never answer hold up their own client only, which is cut off in the end", async (t) => {
  let runs = 0;
  const acks = [];
  const { port, once } = await onceServer(t, (socket) => {
    socket.on("never", (ack) => acks.push(ack) && (runs += 1));
    socket.on("op", (ack) => ack());
  });
  const link = await Link.open(t, port, delivery("one"));
  const other = await Link.open(t, port, delivery("two"));
  for (let n = 0; n < 1030; n += 1) link.emit(n, "never");
  await until(() => runs === 1024);
  other.emit(0, "op");
  await other.answer(0);
  assert.equal(runs, 1024);
  acks[0]();
  await until(() => runs === 1025);
  for (let n = 0; n < 10_020; n += 1) link.emit(2000 + n, "never");
  await link.closed;
  assert.equal(once.stats.overflow, 1);
});
