// What of a connection is given back to the garbage collector, and what is not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { scripted, until } from "../servers/puppet.mjs";
import { client, connect } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { collected, usedAndLeft } from "./defects.mjs";

/** A connection that stays, and its WebSocket. */
async function joined(t) {
  const server = await scripted(t);
  const { io: manager } = connect(t, server.url, { transports: ["websocket"] });
  const wire = await server.websocket();
  await wire.join("main");
  return { manager, wire };
}

async function joins(socket, wire) {
  const connect = await wire.packet("40/other,");
  wire.packets.splice(wire.packets.indexOf(connect), 1);
  wire.send('40/other,{"sid":"other"}');
  await until(() => socket.connected);
}

async function left(manager, wire, options) {
  const socket = manager.socket("/other", options);
  await joins(socket, wire);
  socket.disconnect();
  await wire.packet("41/other,");
  return new WeakRef(socket);
}

test("a namespace that was left is the same again for who still holds it", async (t) => {
  const { manager, wire } = await joined(t);
  const socket = (await left(manager, wire)).deref();
  const heard = [];
  socket.on("connect", () => heard.push("connect"));
  assert.equal(manager.socket("/other"), socket);
  await joins(socket, wire);
  assert.deepEqual(heard, ["connect"]);
});

test("a namespace for which an emit waits is kept", async (t) => {
  const { manager, wire } = await joined(t);
  const ref = await left(manager, wire);
  (() => ref.deref().emit("held"))();
  assert.equal(await collected(ref), false);
  const socket = manager.socket("/other");
  await joins(socket, wire);
  await wire.packet('42/other,["held"]');
});

test("a callback that waits is called, although nobody holds its namespace", async (t) => {
  const time = Clock.install(t);
  const { manager, wire } = await joined(t);
  const ref = await left(manager, wire);
  const called = new Promise((resolve) => ref.deref().timeout(200).emit("held", resolve));
  await collected(ref);
  await time.advance(200);
  assert.equal((await called).message, "operation has timed out");
});

test("a namespace that was freed begins anew, with options of its own", async (t) => {
  const { manager, wire } = await joined(t);
  assert.equal(await collected(await left(manager, wire)), true);
  const socket = manager.socket("/other", { retries: 1, ackTimeout: 10_000 });
  await joins(socket, wire);
  socket.emit("first");
  socket.emit("second");
  const first = await wire.packet("42/other,");
  assert.match(first, /"first"/);
  assert.equal(socket._queue.length, 2);
  wire.send(first.replace("42/other,", "43/other,").replace(/\[.*/, "[]"));
  await wire.packet((packet) => packet.includes('"second"'));
});

test("the cache forgets a connection that was left, not one that somebody holds", async (t) => {
  const server = await scripted(t);
  assert.equal(await collected(await usedAndLeft(client, server)), true);
  const manager = (await usedAndLeft(client, server)).deref();
  const other = client.io(`${server.url}/other`, { transports: ["websocket"] });
  t.after(() => other.disconnect());
  assert.equal(other.io, manager);
});
