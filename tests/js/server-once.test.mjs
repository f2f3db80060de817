// The package's middleware for servers, with results in memory: what runs, what is answered, what is told apart. Redis has
// the same list in server-redis.test.mjs, as far as a store matters.
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import * as msgpack from "socket.io-msgpack-parser";
import { WebSocket } from "ws";
import { memoryStore } from "../../client-wasm/js/server/index.js";
import { delivery, Link, onceServer } from "./delivery.mjs";
import { once as emitted, until } from "./server.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

/** A handler that notes its runs, and keeps their acknowledgements until the test calls them. */
function slow() {
  const runs = [];
  return { runs, behave: (socket) => socket.on("op", (value, ack) => runs.push({ value, ack, socket })) };
}

test("an event that comes again is answered from the store", async (t) => {
  const { runs, behave } = slow();
  const { port, once } = await onceServer(t, behave);
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op", 7);
  await until(() => runs.length === 1);
  runs[0].ack({ n: 7 }, "more");
  assert.deepEqual(await link.answer(0), [{ n: 7 }, "more"]);
  link.emit(0, "op", 7);
  await until(() => link.answers(0).length === 2);
  await link.cut();
  const next = await Link.open(t, port, delivery("one"));
  next.emit(0, "op", 7);
  next.emit(1, "op", 7);
  assert.deepEqual(await next.answer(0), [{ n: 7 }, "more"]);
  await until(() => runs.length === 2);
  const { run, answered } = once.stats;
  assert.deepEqual({ run, answered }, { run: 2, answered: 2 });
});

test("an acknowledgement that was lost with its link is given on the next", async (t) => {
  const { runs, behave } = slow();
  const { port, sockets } = await onceServer(t, behave);
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op", 1);
  await until(() => runs.length === 1);
  await link.cut();
  await until(() => sockets[0].disconnected);
  runs[0].ack("too late for the first link");
  const next = await Link.open(t, port, delivery("one"));
  next.emit(0, "op", 1);
  assert.deepEqual(await next.answer(0), ["too late for the first link"]);
  assert.equal(runs.length, 1);
});

test("a second attempt waits while the first one runs, and every living link is answered", async (t) => {
  const { runs, behave } = slow();
  const { port } = await onceServer(t, behave);
  const links = [];
  for (let i = 0; i < 3; i += 1) links.push(await Link.open(t, port, delivery("one")));
  for (const link of links) {
    link.emit(4, "op", "x");
    await link.sync();
  }
  await links[1].cut();
  assert.equal(runs.length, 1);
  runs[0].ack("done");
  assert.deepEqual(await links[0].answer(4), ["done"]);
  assert.deepEqual(await links[2].answer(4), ["done"]);
  assert.equal(runs.length, 1);
});

test("the first acknowledgement counts", async (t) => {
  const { port } = await onceServer(t, (socket) => {
    socket.on("op", (ack) => {
      ack(1);
      ack(2);
    });
  });
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op");
  link.emit(1, "op");
  await link.answer(1);
  link.emit(0, "op");
  await until(() => link.answers(0).length === 2);
  assert.deepEqual(link.acks.map(([, args]) => args), [[1], [1], [1]]);
});

test("what an acknowledgement holds that cannot be written is thrown at the handler, and it may answer again", async (t) => {
  let thrown;
  const { port } = await onceServer(t, (socket) => {
    socket.on("op", (ack) => {
      try {
        ack(1n);
      } catch (error) {
        thrown = error;
        ack("instead");
      }
    });
  });
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op");
  assert.deepEqual(await link.answer(0), ["instead"]);
  assert.ok(thrown instanceof TypeError);
});

test("a kept result is what was answered, whatever the handler does with its values afterwards", async (t) => {
  const { port } = await onceServer(t, (socket) => {
    socket.on("op", (ack) => {
      const [list, bytes] = [[1, 2], Buffer.from([1, 2, 255])];
      ack(list, { bytes });
      list.push(3);
      bytes.fill(0);
    });
  });
  // A second link: the first one's answer may be in the server's own buffers still.
  for (let i = 0; i < 2; i += 1) {
    const link = await Link.open(t, port, delivery("one"));
    link.emit(0, "op");
    assert.deepEqual(await link.answer(0), [[1, 2], { bytes: { _placeholder: true, num: 0 } }]);
    await until(() => link.acks[0][2].length === 1);
    if (i > 0) assert.deepEqual(link.acks[0][2], [Buffer.from([1, 2, 255])]);
  }
});

test("binary arguments are part of what an event is", async (t) => {
  const seen = [];
  const { port, once } = await onceServer(t, (socket) => {
    socket.on("op", (bytes, ack) => {
      seen.push([...bytes]);
      ack(seen.length);
    });
  });
  const link = await Link.open(t, port, delivery("one"));
  const args = ["op", { _placeholder: true, num: 0 }];
  for (const [bytes, count] of [[[1], 1], [[1], 1], [[2], 2], [[2], 2]]) {
    link.acks.length = 0;
    link.emitBinary(0, args, Buffer.from(bytes));
    assert.deepEqual(await link.answer(0), [count]);
  }
  assert.deepEqual(seen, [[1], [2]]);
  assert.equal(once.stats.mismatched, 1);
});

test("order is kept, among events of both kinds", async (t) => {
  const seen = [];
  const { port } = await onceServer(t, (socket) => {
    socket.onAny((name) => assert.equal(name, "op"));
    socket.on("op", (n, ack) => {
      seen.push(n);
      ack?.(n);
    });
  });
  const link = await Link.open(t, port, delivery("one"));
  for (let n = 0; n < 100; n += 1) link.emit(n % 3 === 0 ? null : n, "op", n);
  await link.answer(98);
  assert.deepEqual(seen, [...Array(100).keys()]);
});

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

test("`$delivery` is answered by the middleware alone, after what came before it", async (t) => {
  const seen = [];
  const { port } = await onceServer(
    t,
    (socket) => {
      socket.on("$delivery", () => seen.push("$delivery"));
      socket.on("op", () => seen.push("op"));
    },
    { ttl: 5_000 },
  );
  const link = await Link.open(t, port, delivery("one"));
  link.emit(null, "op");
  assert.deepEqual(await link.sync(), [{ v: 1, ttl: 5_000 }]);
  assert.deepEqual(seen, ["op"]);
});

test("every namespace, also one that is made later, and dynamic ones", async (t) => {
  const keys = [];
  const behave = (socket) => socket.on("op", (ack) => (keys.push(ack.deliveryKey), ack()));
  const { io, port } = await onceServer(t);
  io.of("/later").on("connection", behave);
  io.of(/^\/room-\d+$/).on("connection", behave);
  io.of((name, _auth, next) => next(null, name.startsWith("/by|"))).on("connection", behave);
  for (const namespace of ["/later", "/room-1", "/room-2", "/by|{name}"]) {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const link = await Link.open(t, port, delivery("one"), { namespace });
      link.emit(0, "op");
      await link.answer(0);
    }
  }
  assert.deepEqual(keys, ["|one|/later|0", "|one|/room-1|0", "|one|/room-2|0", "|one|/by%7c%7bname%7d|0"]);
});

test("beside connection state recovery", async (t) => {
  const { runs, behave } = slow();
  const { port, sockets } = await onceServer(t, behave, { server: { connectionStateRecovery: {} } });
  const link = await Link.open(t, port, delivery("one"));
  link.emit(0, "op", 1);
  await until(() => runs.length === 1);
  const offset = new Promise((resolve) => {
    link.ws.on("message", (data) => resolve(JSON.parse(data.toString().slice(2)).at(-1)));
  });
  sockets[0].emit("hello");
  const auth = { ...delivery("one"), pid: link.joined.pid, offset: await offset };
  await link.cut();
  await until(() => sockets[0].disconnected);
  const next = await Link.open(t, port, auth);
  assert.equal(next.joined.sid, link.joined.sid);
  assert.ok(sockets[1].recovered);
  next.emit(0, "op", 1);
  next.emit(1, "op", 2);
  await until(() => runs.length === 2);
  runs[0].ack("first");
  assert.deepEqual(await next.answer(0), ["first"]);
});

test("over another parser", async (t) => {
  let runs = 0;
  const { port, sockets } = await onceServer(
    t,
    (socket) => {
      socket.on("op", (when, ack) => {
        runs += 1;
        ack(Buffer.from([1, 2]), runs);
      });
    },
    { parser: msgpack },
  );
  const { Encoder, Decoder } = msgpack;
  const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  t.after(() => ws.terminate());
  const packets = [];
  const decoder = new Decoder();
  decoder.on("decoded", (packet) => packets.push(packet));
  ws.on("message", (data, binary) => binary && decoder.add(data));
  const say = (packet) => ws.send(new Encoder().encode({ nsp: "/", ...packet })[0]);
  await emitted(ws, "open");
  say({ type: 0, data: delivery("one") });
  await until(() => packets.length === 1);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    say({ type: 2, id: 3, data: ["op", { at: 1 }] });
    await until(() => packets.length === 2 + attempt);
    const { type, id, data } = packets.at(-1);
    assert.deepEqual({ type, id, data }, { type: 3, id: 3, data: [Buffer.from([1, 2]), 1] });
  }
  // What this parser lets through.
  for (const name of ["disconnect", "newListener", "connect", {}, null, [1]]) say({ type: 2, id: 9, data: [name] });
  for (const id of [-1, Number.MAX_SAFE_INTEGER + 1]) say({ type: 2, id, data: ["op", {}] });
  say({ type: 2, id: 10, data: [] });
  say({ type: 2, id: 11, data: ["$delivery", { sync: 1 }] });
  await until(() => packets.at(-1).id === 11);
  assert.equal(runs, 3);
  assert.ok(sockets[0].connected);
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
  assert.ok(store.bytes > 150_000);
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
