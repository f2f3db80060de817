// What `socket.deliver` and `socket.onFate` tell of emits, and what cancels them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pollingServer } from "../servers/scripted.mjs";
import { connect, upstream } from "./client.mjs";
import { fatesOf, idle, joined, mute, notSent, WS } from "./outbox.mjs";
import { once, sioServer, until } from "./server.mjs";

const options = { skip: upstream && "it has no fates" };

test("an acknowledged emit: held, in flight, acknowledged, with what was answered", options, async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { ...WS, autoConnect: false });
  const told = fatesOf(socket);
  let answered;
  const delivery = socket.deliver("echo", { a: 1 }, (value) => (answered = value));
  assert.equal(delivery.fate, "held");
  socket.connect();
  assert.deepEqual(await delivery.settled, { id: delivery.id, fate: "acknowledged", args: [{ a: 1 }] });
  assert.deepEqual(answered, { a: 1 });
  assert.equal(delivery.fate, "acknowledged");
  assert.equal(await delivery.stored, false);
  assert.deepEqual(told, ["held", "inFlight", "acknowledged"].map((fate) => `${delivery.id} ${fate}`));
  assert.equal(delivery.cancel(), false);
});

test("over polling the answer to the request is a receipt", options, async (t) => {
  const server = await pollingServer(t, { heard: (body, say) => body === "40" && say('40{"sid":"it"}') });
  const socket = connect(t, server.url, { transports: ["polling"] });
  await once(socket, "connect");
  const delivery = socket.deliver("plain");
  assert.deepEqual(await delivery.settled, { id: delivery.id, fate: "delivered" });
});

test("over WebSocket there is no receipt for a plain emit: with the connection it becomes uncertain", options, async (t) => {
  const { socket, frames, ws } = await joined(t, { reconnection: false });
  const delivery = socket.deliver("plain");
  await until(() => frames.length === 1);
  assert.equal(delivery.fate, "inFlight");
  ws().terminate();
  assert.deepEqual(await delivery.settled, { id: delivery.id, fate: "uncertain", attempts: 1 });
});

test("an emit that waits for its acknowledgement when the connection ends is uncertain", options, async (t) => {
  const { socket, frames, ws } = await joined(t, { reconnection: false });
  const delivery = socket.deliver("acked", () => {});
  await until(() => frames.length === 1);
  ws().terminate();
  const { fate, error } = await delivery.settled;
  assert.deepEqual([fate, error.message], ["uncertain", "socket has been disconnected"]);
});

test("receipts: \"namespace\" asks for a namespace that does not exist", options, async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, { ...WS, receipts: "namespace" });
  await once(socket, "connect");
  assert.equal((await socket.deliver("nobody listens").settled).fate, "delivered");
  assert.equal(socket.connected, true);
});

test("receipts: false", options, async (t) => {
  const server = await pollingServer(t, { heard: (body, say) => body === "40" && say('40{"sid":"it"}') });
  const socket = connect(t, server.url, { transports: ["polling"], receipts: false, reconnection: false });
  await once(socket, "connect");
  const delivery = socket.deliver("plain");
  await until(() => server.posts.length === 2);
  server.close();
  await once(socket, "disconnect");
  assert.equal((await delivery.settled).fate, "uncertain");
});

test("cancelling what is held: it is never sent, and given back", options, async (t) => {
  const server = await mute(t);
  const socket = connect(t, server.url, { ...WS, autoConnect: false });
  const [first, second] = [socket.deliver("one", 1, new Uint8Array([7])), socket.deliver("two")];
  assert.equal(first.cancel(), true);
  assert.equal(first.cancel(), true);
  const { value, ...told } = await first.settled;
  assert.deepEqual(told, { id: first.id, fate: "cancelled" });
  assert.deepEqual(value, ["one", 1, new Uint8Array([7])]);
  socket.connect();
  await until(() => server.frames.length === 1);
  assert.deepEqual(server.frames, ['42["two"]']);
  assert.equal(second.cancel(), false);
  assert.equal(second.fate, "inFlight");
});

test("cancelling what is in flight and waits for an answer", options, async (t) => {
  const { socket } = await joined(t);
  const delivery = socket.timeout(1e6).deliver("acked", (error) => assert.equal(error.message, "the event was cancelled"));
  assert.equal(delivery.cancel(), false);
  assert.equal((await delivery.settled).fate, "uncertain");
});

test("an AbortSignal cancels, also plain emits and those that wait for an answer", options, async (t) => {
  const socket = idle(t);
  const control = new AbortController();
  socket.signal(control.signal).emit("plain");
  const asked = socket.signal(control.signal).emitWithAck("asked");
  const delivery = socket.signal(control.signal).deliver("delivered");
  assert.equal(socket.sendBuffer.length, 3);
  control.abort();
  assert.equal(socket.sendBuffer.length, 0);
  await assert.rejects(asked, { name: "AbortError" });
  assert.equal((await delivery.settled).fate, "cancelled");
});

test("a signal that has been given already", options, async (t) => {
  const socket = idle(t);
  const signal = AbortSignal.abort();
  socket.signal(signal).emit("plain");
  await assert.rejects(socket.signal(signal).emitWithAck("asked"), { name: "AbortError" });
  assert.equal(socket.signal(signal).deliver("delivered").fate, "cancelled");
  assert.equal(socket.sendBuffer.length, 0);
});

test("a signal is let go once the emit is settled", options, async (t) => {
  const { url } = await sioServer(t);
  const socket = connect(t, url, WS);
  const control = new AbortController();
  let listeners = 0;
  const { signal } = control;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = (...args) => ((listeners += 1), add.apply(signal, args));
  signal.removeEventListener = (...args) => ((listeners -= 1), remove.apply(signal, args));
  await socket.signal(signal).emitWithAck("echo", 1);
  await until(() => listeners === 0);
});

test("listeners may emit, deliver and cancel", options, async (t) => {
  const socket = idle(t);
  const told = [];
  let second;
  socket.onFate(({ id, fate }) => {
    told.push(`${id} ${fate}`);
    if (id === 0 && fate === "held") second = socket.deliver("second");
    if (id === 1 && fate === "held") assert.equal(second, undefined, "within the call");
    if (id === 0 && fate === "cancelled") second.cancel();
  });
  const first = socket.deliver("first");
  first.cancel();
  assert.deepEqual([first.fate, second.fate], ["cancelled", "cancelled"]);
  assert.deepEqual(told, ["0 held", "1 held", "0 cancelled", "1 cancelled"]);
});

test("offFate ends it; what a listener throws reaches the caller, and stops nothing", options, async (t) => {
  const socket = idle(t);
  const told = [];
  const listener = ({ fate }) => told.push(fate);
  socket.onFate(listener).emit("one");
  socket.offFate(listener).emit("two");
  assert.deepEqual(told, ["held"]);
  socket.onFate(() => {
    throw new Error("mine");
  });
  assert.throws(() => socket.emit("three"), /mine/);
  socket.offFate();
  socket.emit("four");
  assert.equal(socket.sendBuffer.length, 4);
});

test("volatile", options, async (t) => {
  const delivery = idle(t).volatile.deliver("now");
  const { fate, value } = await delivery.settled;
  assert.deepEqual([fate, value], ["dropped", ["now"]]);
});

test("what was emitted before the namespace is left still gets a fate", options, async (t) => {
  const { url } = await sioServer(t);
  for (const [receipts, wanted] of [["namespace", "delivered"], ["auto", "uncertain"]]) {
    const socket = connect(t, url, { ...WS, receipts, closeTimeout: Infinity });
    await once(socket, "connect");
    const plain = socket.deliver("plain");
    const acked = socket.deliver("getId", () => {});
    socket.disconnect();
    assert.equal((await acked.settled).fate, "uncertain");
    assert.equal((await plain.settled).fate, wanted);
  }
});

test("a mistake in the arguments is thrown", options, (t) => {
  const socket = idle(t);
  assert.throws(() => socket.deliver("e", 1n), TypeError);
  assert.throws(() => socket.deliver("connect"), /reserved/);
});

test("events that are too large are refused with what was to be sent", options, async (t) => {
  const server = await mute(t, () => {}, { handshake: { maxPayload: 50 } });
  const socket = connect(t, server.url, { ...WS, autoConnect: false });
  const told = notSent(socket);
  const fates = fatesOf(socket);
  const long = "x".repeat(50);
  // Its size is no reason before the server's limit is known.
  socket.emit("early", long);
  socket.connect();
  await once(socket, "connect");
  assert.deepEqual(told.map(([, value]) => value), [["early", long]]);
  const { fate, value, error } = await socket.deliver("late", long).settled;
  assert.deepEqual([fate, value], ["refused", ["late", long]]);
  assert.match(error.message, /maxPayload/);
  assert.throws(() => socket.emit("late", long), /maxPayload/);
  assert.deepEqual(fates, ["0 held", "0 refused", "undefined refused", "undefined refused"]);
});
