// The durable outbox in Node, which has no database for it: in memory, and told so.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, upstream } from "./client.mjs";
import { WS, fatesOf, idle, mute, notSent } from "./outbox.mjs";
import { once, sioServer, until } from "./server.mjs";

const options = { skip: upstream && "it has no outbox" };
const again = { reconnectionDelay: 1, reconnectionDelayMax: 1 };
let names = 0;
const name = () => `test ${process.pid} ${(names += 1)}`;
const idOf = (frame) => Number(/^42(\d+)/.exec(frame)[1]);

test("without a database emits live as long as the page, which is told", options, async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { ...WS, outbox: name() });
  const [error] = await once(socket, "outbox_error");
  assert.equal(error.code, "unavailable");
  const told = fatesOf(socket);
  const delivery = socket.deliver("echo", { a: [1, new Uint8Array([1, 2])] });
  const { fate, args, id } = await delivery.settled;
  assert.deepEqual([fate, args], ["acknowledged", [{ a: [1, Buffer.from([1, 2])] }]]);
  assert.equal(await delivery.stored, true);
  assert.deepEqual(told, ["held", "inFlight", "acknowledged"].map((now) => `${id} ${now}`));
  assert.equal(await socket.emitWithAck("echo", 5), 5);
});

test("a session is kept beside an outbox only, and here neither is kept", options, async (t) => {
  const { url } = await sioServer(t);
  const recoveryStore = "outbox";
  const message = /^recoveryStore "outbox" needs the option outbox$/;
  assert.throws(() => connect(t, url, { ...WS, recoveryStore, autoConnect: false }), { name: "TypeError", message });
  const socket = connect(t, url, { ...WS, recoveryStore, outbox: name() });
  const [[error], [gap]] = await Promise.all([once(socket, "outbox_error"), once(socket, "gap")]);
  assert.deepEqual([error.code, gap.reason, socket.recovered], ["unavailable", "storage", false]);
  assert.equal(await socket.emitWithAck("echo", 5), 5);
});

test("what is emitted before it is loaded, and plain and volatile events", options, async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { ...WS, outbox: name() });
  const asked = [1, 2, 3].map((i) => socket.emitWithAck("echo", i));
  assert.deepEqual(await Promise.all(asked), [1, 2, 3]);
  const got = once(socket, "hi");
  socket.volatile.emit("hi");
  await got;
});

test("with exactlyOnce: the outbox's name, and the same id for every attempt", options, async (t) => {
  const server = await mute(t, (frame, ws) => {
    const asked = /^42(\d+)\["\$delivery",\{"sync":1\}\]/.exec(frame);
    if (asked) ws.send(`43${asked[1]}[{"v":1,"ttl":600000}]`);
  });
  const socket = connect(t, server.url, { ...WS, ...again, outbox: name(), exactlyOnce: true });
  const delivery = socket.deliver("e", 1);
  const events = () => server.frames.filter((frame) => frame.includes('"e"'));
  await until(() => events().length === 1);
  server.sockets.at(-1).terminate();
  await until(() => events().length === 2);
  assert.equal(events()[0], events()[1]);
  server.sockets.at(-1).send(`43${idOf(events()[0])}["done"]`);
  assert.deepEqual((await delivery.settled).args, ["done"]);
});

test("writeBehind", options, async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { ...WS, outbox: name(), outboxDurability: "writeBehind" });
  await once(socket, "connect");
  for (let i = 0; i < 5; i += 1) assert.equal(await socket.emitWithAck("echo", i), i);
});

test("cancelling: what is being stored, and what was stored and not sent", options, async (t) => {
  const socket = idle(t, { outbox: name() });
  const early = socket.deliver("early");
  assert.equal(early.cancel(), true, "before anything is loaded");
  await once(socket, "outbox_error");
  const [first, second] = [socket.deliver("one", 1), socket.deliver("two", 2)];
  assert.equal(first.cancel(), false, "it is not known yet");
  const { fate, value } = await first.settled;
  assert.deepEqual([fate, value], ["cancelled", ["one", 1]]);
  assert.equal(await second.stored, true);
  assert.equal(second.cancel(), true);
  assert.deepEqual((await second.settled).value, ["two", 2]);
});

test("clear", options, async (t) => {
  const socket = idle(t, { outbox: name() });
  const deliveries = [1, 2, 3].map((i) => socket.deliver("e", i));
  await Promise.all(deliveries.map(({ stored }) => stored));
  await socket.outbox.clear();
  const fates = await Promise.all(deliveries.map(({ settled }) => settled));
  assert.deepEqual(fates.map(({ fate }) => fate), ["cancelled", "cancelled", "cancelled"]);
});

test("bounds, ages and options hold here, too", options, async (t) => {
  const socket = idle(t, { outbox: name(), bufferSize: 2 });
  const told = notSent(socket);
  const kept = [socket.deliver("one"), socket.deliver("two")];
  await Promise.all(kept.map(({ stored }) => stored));
  assert.equal((await socket.deliver("three").settled).fate, "refused");
  socket.emit("four");
  assert.equal(told.length, 1);
  const aged = idle(t, { outbox: name(), outboxMaxAge: 50 });
  const { fate, value } = await aged.deliver("old", 1).settled;
  assert.deepEqual([fate, value], ["expired", ["old", 1]]);
  assert.throws(() => idle(t, { outbox: "" }), /outbox must be a name/);
  assert.throws(() => idle(t, { outbox: true }), /outbox must be a name/);
  assert.throws(() => idle(t, { outboxDurability: "never" }), /unknown outboxDurability/);
});

test("a thousand emits leave in order", options, async (t) => {
  const seen = [];
  const server = await mute(t, (frame, ws) => {
    seen.push(JSON.parse(frame.slice(frame.indexOf("[")))[1]);
    ws.send(`43${idOf(frame)}[]`);
  });
  const socket = connect(t, server.url, { ...WS, ...again, outbox: name(), retryWindow: 16 });
  const all = Array.from({ length: 3000 }, (_, i) => socket.deliver("e", i));
  for (const { settled } of all) assert.equal((await settled).fate, "acknowledged");
  assert.deepEqual(seen, all.map((_, i) => i));
});
