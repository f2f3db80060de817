// One script, run against the published client and against ours in the same run: what the first does wrong, and that
// ours does not. With CLIENT=upstream only the first half runs.
import assert from "node:assert/strict";
import { Module } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as published from "socket.io-client";
import { until } from "../servers/puppet.mjs";
import { Clock } from "./clock.mjs";

// Node 20 has no WebSocket of its own. An application installs `ws` beside the package; here it lies among the tests'.
process.env.NODE_PATH = fileURLToPath(new URL("../node_modules", import.meta.url));
Module._initPaths();

const packages = { upstream: published };
if (process.env.CLIENT !== "upstream") packages.ours = await import("../../client-wasm/js/dist/node.mjs");

/**
 * Defect `number` of the published client. `script(context)` returns what was seen; `expected.upstream` and
 * `expected.ours` are what it has to be, or functions that check it.
 */
export function defect(number, what, script, expected) {
  test(`defect ${number}: ${what}`, async (t) => {
    for (const [name, client] of Object.entries(packages)) {
      await t.test(name, async (t) => {
        const seen = await script(context(t, client));
        const wanted = expected[name];
        if (typeof wanted === "function") wanted(seen);
        else assert.deepEqual(seen, wanted);
      });
    }
  });
}

function context(t, client) {
  const end = (manager) => {
    manager.reconnection(false);
    manager._close();
  };
  return {
    t,
    client,
    /** A socket on a connection of its own, closed with the test. */
    connect(url, options = {}) {
      const socket = client.io(url, { forceNew: true, ...options });
      t.after(() => {
        socket.disconnect();
        end(socket.io);
      });
      return socket;
    },
    /** Time that the script moves. */
    clock: (options) => Clock.install(t, options),
    /** What is thrown in nobody's presence from now on, as texts. */
    uncaught() {
      const problems = [];
      process.setUncaughtExceptionCaptureCallback((error) => problems.push(String(error)));
      t.after(() => process.setUncaughtExceptionCaptureCallback(null));
      return problems;
    },
  };
}

/** The Manager of a cached connection to a scripted server, used and left, held weakly. */
export async function usedAndLeft(client, server) {
  const socket = client.io(server.url, { transports: ["websocket"] });
  const wire = await server.websocket();
  await wire.join("S");
  await until(() => socket.connected);
  socket.disconnect();
  await until(() => wire.closed);
  return new WeakRef(socket.io);
}

/** Collects garbage until `ref` is empty; false if it never is. */
export async function collected(ref) {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  for (let i = 0; i < 20 && ref.deref(); i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return ref.deref() === undefined;
}

/** The first true value of `condition()`; undefined where everything that could lead to it has happened before. */
export async function unless(server, condition) {
  for (let i = 0; i < 5; i += 1) {
    const value = condition();
    if (value) return value;
    await server.fence();
  }
  return condition() || undefined;
}
