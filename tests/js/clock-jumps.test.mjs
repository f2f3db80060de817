// The wall clock is set a day forward or back. A page has no other clock that goes on while the computer sleeps, so a
// clock set forward is taken for sleep; one set back changes nothing.
import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";

const DAY = 24 * 3600 * 1000;
const { now } = Date;
let jumped = 0;
let asked = 0;
Date.now = () => now() + jumped;
const { setTimeout: later } = globalThis;
// Clients take it when they are loaded.
globalThis.setTimeout = (...args) => {
  asked += 1;
  return later(...args);
};
after(() => Object.assign(globalThis, { setTimeout: later }) && Object.assign(Date, { now }));
afterEach(() => (jumped = 0));

const { upstream } = await import("./client.mjs");
const { OLD, WS, idle, joined, mute, notSent } = await import("./outbox.mjs");
const { connect } = await import("./client.mjs");
const { once, sioServer, until } = await import("./server.mjs");

const options = { skip: upstream && "it reads the same clock in other places" };
const again = { reconnectionDelay: 1, reconnectionDelayMax: 1 };
const idOf = (frame) => Number(/^42(\d+)/.exec(frame)[1]);

/** The server's heartbeats, which come each few milliseconds. */
async function beats(socket, count) {
  for (let i = 0; i < count; i += 1) await once(socket.io, "ping");
}

for (const [name, jumps] of [
  ["a day forward", [DAY]],
  ["a day back", [-DAY]],
  ["a day back, and again to what is right", [-DAY, 0]],
  ["a day forward, and again to what is right", [DAY, 0]],
]) {
  test(`${name}: one reconnect at most, nothing is lost, no hot loop`, options, async (t) => {
    const { url } = await sioServer(t, { pingInterval: 20, pingTimeout: 20_000 });
    const socket = connect(t, url, { ...WS, ...again, retries: 3, ackTimeout: 3600 * 1000 });
    await once(socket, "connect");
    await beats(socket, 2);
    let left = 0;
    socket.io.on("close", () => (left += 1));
    for (const jump of jumps) {
      const said = [1, 2, 3].map((i) => socket.emitWithAck("echo", i));
      jumped = jump;
      assert.deepEqual(await Promise.all(said), [1, 2, 3]);
      const before = asked;
      await beats(socket, 10);
      assert.equal(await socket.emitWithAck("echo", "then"), "then");
      // The server's own are among them.
      assert.ok(asked - before < 200, `${asked - before} timers`);
    }
    assert.ok(left <= 1, `${left} closed`);
    if (jumps.every((jump) => jump < 0)) assert.equal(left, 0);
  });
}

test("a day back: ages and timeouts are as long as they are", options, async (t) => {
  const socket = idle(t);
  const told = notSent(socket);
  const begin = performance.now();
  const young = socket.maxAge(60_000).deliver("young");
  socket.maxAge(300).emit("old");
  jumped = -DAY;
  await until(() => told.length > 0);
  const took = performance.now() - begin;
  assert.deepEqual(told, [[OLD, ["old"]]]);
  assert.ok(took >= 299, `after ${took} ms`);
  const asking = performance.now();
  await assert.rejects(socket.timeout(300).emitWithAck("asked"), /timed out/);
  assert.ok(performance.now() - asking >= 299);
  assert.equal(socket.sendBuffer.length, 1);
  // Until it is too old it would keep this process.
  assert.equal(young.cancel(), true);
});

test("a day forward: what has aged meanwhile is too old, as after sleep; what has no age waits on", options, async (t) => {
  const server = await mute(t);
  const socket = connect(t, server.url, { ...WS, autoConnect: false });
  const told = notSent(socket);
  socket.maxAge(60_000).emit("old");
  socket.maxAge(2 * DAY).emit("young");
  socket.emit("ageless");
  jumped = DAY;
  socket.maxAge(60_000).emit("new");
  assert.deepEqual(told, []);
  socket.connect();
  await until(() => server.frames.some((frame) => frame.includes("new")));
  assert.deepEqual(told, [[OLD, ["old"]]]);
  const events = server.frames.filter((frame) => frame.startsWith("42"));
  assert.deepEqual(events, ['42["young"]', '42["ageless"]', '42["new"]']);
});

test("a day forward while the answer is on its way: it is read before anything is judged", options, async (t) => {
  const { socket, ws } = await joined(t, { ...again, ackTimeout: 60_000 }, (frame, ws) => {
    if (!frame.includes("asked")) return;
    jumped = DAY;
    ws.send(`43${idOf(frame)}["in time"]`);
  });
  assert.equal(await socket.emitWithAck("asked"), "in time");
  assert.ok(ws());
});

test("outboxMaxAge: a day back is not a day longer", options, async (t) => {
  const socket = idle(t, { outbox: `jumps ${process.pid}`, outboxMaxAge: 300 });
  await once(socket, "outbox_error");
  const begin = performance.now();
  const aged = socket.deliver("aged");
  await aged.stored;
  jumped = -DAY;
  assert.equal((await aged.settled).fate, "expired");
  assert.ok(performance.now() - begin >= 299);
});
