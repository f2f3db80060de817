// The package's middleware for servers, with results in memory: what runs, what is answered, what is told apart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { delivery, Link, onceServer, serverProcess } from "./delivery.mjs";
import { until } from "./server.mjs";

test("an event that comes again is answered from the store", async (t) => {
  const ran = [];
  const { port, once } = await onceServer(t, (socket) => {
    socket.on("op", (n, ack) => {
      ran.push(n);
      ack({ n, run: ran.length });
    });
  });
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op", 7);
  assert.deepEqual(await link.answer(0), [{ n: 7, run: 1 }]);
  link.emit(0, "op", 7);
  await until(() => link.answers(0).length === 2);
  assert.deepEqual(link.answers(0)[1], [{ n: 7, run: 1 }]);
  await link.cut();
  const next = await Link.open(t, port, delivery("one"));
  next.emit(0, "op", 7);
  next.emit(1, "op", 8);
  assert.deepEqual(await next.answer(0), [{ n: 7, run: 1 }]);
  assert.deepEqual(await next.answer(1), [{ n: 8, run: 2 }]);
  assert.deepEqual(ran, [7, 8]);
  const { run, answered } = once.stats;
  assert.deepEqual({ run, answered }, { run: 2, answered: 2 });
});

test("the test server", async (t) => {
  const { port, runs, stats } = await serverProcess(t, {});
  const link = await Link.open(t, port, delivery("x"));
  link.emit(3, "op", { client: "c", n: 3 });
  await link.answer(3);
  link.emit(3, "op", { client: "c", n: 3 });
  await until(() => link.answers(3).length === 2);
  assert.equal(runs.length, 1);
  assert.deepEqual(link.answers(3)[0], [{ n: 3, value: 22 }]);
  assert.equal((await stats()).answered, 1);
});
