// The package's middleware for servers: what runs, what is answered, and beside what it works. Results are in memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as msgpack from "socket.io-msgpack-parser";
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { delivery, Link, onceServer, slow } from "./delivery.mjs";
import { once as emitted, until } from "./server.mjs";

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

test("over polling, and with a client that knows nothing of it", async (t) => {
  const seen = [];
  const { port } = await onceServer(t, (socket) => {
    socket.on("op", (n, bytes, ack) => {
      seen.push(n);
      ack(bytes);
    });
  });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const options = { transports: ["polling"], auth: delivery("one"), forceNew: true };
    const socket = io(`http://127.0.0.1:${port}`, options);
    t.after(() => socket.disconnect());
    for (const n of [0, 1]) assert.deepEqual(await socket.emitWithAck("op", n, Buffer.from([n, 255])), Buffer.from([n, 255]));
    socket.disconnect();
  }
  assert.deepEqual(seen, [0, 1]);
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

