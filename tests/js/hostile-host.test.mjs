// A host, or an application, that is not what the module expects.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./client.mjs";
import { once, refusingServer, sioServer, until } from "./server.mjs";

test("timers that call back at once do not harm", async (t) => {
  const { url } = await sioServer(t);
  const later = globalThis.setTimeout;
  let calls = 0;
  // Some mocks do this. Only a few times, for what is always due ends never.
  globalThis.setTimeout = (fn, ms) => ((calls += 1) <= 3 ? (fn(), undefined) : later(fn, ms));
  t.after(() => (globalThis.setTimeout = later));
  const socket = connect(t, url, { reconnectionDelay: 1, reconnectionDelayMax: 1 });
  globalThis.setTimeout = later;
  await until(() => socket.connected, "connected");
  assert.equal(await socket.emitWithAck("echo", 1), 1);
});

test("options that are spoilt between attempts fail the attempt, and the next one works", async (t) => {
  const { url } = await refusingServer(t);
  const socket = connect(t, url, { transports: ["websocket"], reconnectionDelay: 1, reconnectionDelayMax: 1 });
  await once(socket, "connect_error");
  socket.io.opts.transports = ["telepathy"];
  const errors = [];
  socket.on("connect_error", (error) => errors.push(error.message));
  await until(() => errors.filter((text) => /telepathy/.test(text)).length >= 2, "two attempts");
  const { url: good } = await sioServer(t);
  socket.io.uri = good;
  socket.io.opts.transports = ["websocket"];
  await once(socket, "connect");
});
