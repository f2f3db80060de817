// Which timers an engine uses: the global ones as they are when it is made, or with useNativeTimers those from before.
import { connect, createManager } from "./client.mjs";
import { once, record, sioServer } from "./server.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

/** The client is at work: nothing of it is still being loaded. */
async function warm(t) {
  const server = await sioServer(t);
  await once(connect(t, server.url, { transports: ["websocket"] }), "connect");
  // It stops its timers while the functions that do are the real ones.
  await server.close();
}

/** The errors of a Manager without transports, made while time stands still. */
function withoutTransports(t, options) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const manager = createManager(t, "http://localhost:1", { transports: [], reconnection: false, ...options });
  const errors = record(manager, ["error"], [], (_, error) => error);
  return { manager, errors };
}

test("timers replaced before the engine is made are used", async (t) => {
  await warm(t);
  const { errors } = withoutTransports(t);
  assert.deepEqual(errors, []);
  t.mock.timers.tick(1);
  assert.deepEqual(errors, ["No transports available"]);
});

test("useNativeTimers: replaced timers are not used", async (t) => {
  await warm(t);
  const { manager, errors } = withoutTransports(t, { useNativeTimers: true });
  t.mock.timers.tick(1000);
  assert.deepEqual(errors, []);
  t.mock.timers.reset();
  if (errors.length === 0) await once(manager, "error");
  assert.deepEqual(errors, ["No transports available"]);
});
