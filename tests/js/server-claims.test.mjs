// Events that are claimed and do not run, that run for long, or never end.
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { delivery, Link, onceServer, slow } from "./delivery.mjs";
import { once as emitted, until } from "./server.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

test("an event that is dropped because its socket closed is not taken for one that ran", async (t) => {
  const { runs, behave } = slow();
  const { port, once, sockets } = await onceServer(t, behave);
  const link = await Link.open(t, port, delivery("one"));
  // Both are read at once. The server has the first one in hand when the second ends the socket.
  link.ws._socket.cork();
  link.emit(0, "op", 1);
  link.ws.send("41");
  link.ws._socket.uncork();
  await until(() => sockets[0].disconnected);
  assert.equal(runs.length, 0);
  const next = await Link.open(t, port, delivery("one"));
  next.emit(0, "op", 1);
  await until(() => runs.length === 1);
  assert.equal(once.stats.undone, 1);
});

test("an event that was dropped with one link is run for another that has brought it meanwhile", async (t) => {
  const seen = [];
  // Keeps the first link's event from its handlers until that link is gone.
  let free;
  const { port, once, sockets } = await onceServer(t, (socket) => {
    socket.use(([, n], next) => (free === undefined && n === 5 ? (free = next) : next()));
    socket.on("op", (n, ack) => {
      seen.push(n);
      ack(n);
    });
  });
  const first = await Link.open(t, port, delivery("one"));
  first.emit(5, "op", 5);
  await until(() => free);
  const second = await Link.open(t, port, delivery("one"));
  second.emit(5, "op", 5);
  second.emit(6, "op", 6);
  await second.ws.ping();
  await emitted(second.ws, "pong");
  // What follows waits, so that order is kept.
  assert.deepEqual(seen, []);
  await first.cut();
  assert.deepEqual(await second.answer(5), [5]);
  assert.deepEqual(await second.answer(6), [6]);
  assert.ok(sockets[0].disconnected);
  free();
  await second.sync();
  assert.deepEqual(seen, [5, 6]);
  assert.equal(once.stats.undone, 1);
});

test("an event that another middleware refuses has not run", async (t) => {
  const { runs, behave } = slow();
  let refuse = true;
  const { port, once, sockets } = await onceServer(t, (socket) => {
    socket.use((_event, next) => next(refuse ? new Error("not now") : undefined));
    behave(socket);
  });
  const link = await Link.open(t, port, delivery("one"));
  // Without the error: its stack trace would keep the event alive.
  const refused = new Promise((resolve) => sockets[0].once("error", () => resolve()));
  link.emit(0, "op", 1);
  await refused;
  refuse = false;
  // Once nobody can answer it any more.
  await until(() => (collect(), once.stats.undone === 1));
  assert.equal(sockets[0].listenerCount("op"), 1, "ours is gone");
  link.emit(0, "op", 1);
  await until(() => runs.length === 1);
});

test("a middleware may put its own function around the acknowledgement, or answer in a handler's place", async (t) => {
  const { port, once } = await onceServer(t, (socket) => {
    socket.use((event, next) => {
      const ack = event.at(-1);
      if (event[1] === "forbidden") return ack("no");
      event[event.length - 1] = (value) => ack(`wrapped ${value}`);
      next();
    });
    socket.on("op", (value, ack) => ack(value));
  });
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op", "a");
  link.emit(1, "op", "forbidden");
  assert.deepEqual(await link.answer(0), ["wrapped a"]);
  assert.deepEqual(await link.answer(1), ["no"]);
  link.emit(0, "op", "a");
  link.emit(1, "op", "forbidden");
  await until(() => link.acks.length === 4);
  assert.deepEqual([link.answers(0), link.answers(1)], [[["wrapped a"], ["wrapped a"]], [["no"], ["no"]]]);
  assert.equal(once.stats.answered, 2);
});

test("a lease is extended while the handler runs", async (t) => {
  const { runs, behave } = slow();
  const { port, once } = await onceServer(t, behave, { lease: 60 });
  const link = await Link.open(t, port, delivery("one"));
  const begin = performance.now();
  link.emit(0, "op", 1);
  await until(() => runs.length === 1 && performance.now() - begin > 400);
  const next = await Link.open(t, port, delivery("one"));
  next.emit(0, "op", 1);
  assert.deepEqual(await next.sync(), [{ v: 1, ttl: 600_000 }]);
  runs[0].ack("late");
  assert.deepEqual(await next.answer(0), ["late"]);
  assert.equal(runs.length, 1);
  assert.equal(once.stats.inDoubt, 0);
});

test("a handler that lost its acknowledgement is in doubt when the lease has ended, and runs again", async (t) => {
  let runs = 0;
  const { port, once } = await onceServer(
    t,
    (socket) => {
      socket.on("op", (n, ack) => {
        runs += 1;
        if (runs > 1) ack(runs);
      });
    },
    { lease: 60 },
  );
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op", 1);
  await until(() => runs === 1);
  const next = await Link.open(t, port, delivery("one"));
  next.emit(0, "op", 1);
  await until(() => (collect(), runs === 2));
  assert.deepEqual(await next.answer(0), [2]);
  assert.equal(once.stats.inDoubt, 1);
});

test("a handler that holds on to its acknowledgement for too long is in doubt, and what it says late counts", async (t) => {
  const { runs, behave } = slow();
  const { port, once } = await onceServer(t, behave, { lease: 60, handlerTimeout: 120 });
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op", 1);
  await until(() => runs.length === 1);
  const next = await Link.open(t, port, delivery("one"));
  next.emit(0, "op", 1);
  await until(() => runs.length === 2);
  runs[0].ack("first");
  runs[1].ack("second");
  // One answer for all.
  assert.deepEqual(await next.answer(0), ["first"]);
  assert.equal(once.stats.inDoubt, 1);
});

test('inDoubt: "fail" answers an error instead', async (t) => {
  const { runs, behave } = slow();
  const { port } = await onceServer(t, behave, { lease: 60, handlerTimeout: 120, inDoubt: "fail" });
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op", 1);
  await until(() => runs.length === 1);
  const next = await Link.open(t, port, delivery("one"));
  next.emit(0, "op", 1);
  assert.deepEqual(await next.answer(0), [{ $delivery: { error: "inDoubt" } }]);
  next.emit(0, "op", 1);
  await until(() => next.answers(0).length === 2);
  assert.equal(runs.length, 1);
});

