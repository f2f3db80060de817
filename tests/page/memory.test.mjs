// Connections come and go in a page, and leave nothing behind: no timer, no listener, no object, no WebAssembly page.
//
// 51 of each kind; with TESTS_FULL=1 1,020. CLIENT=upstream: the published client, to see that the test can see.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { Server } from "socket.io";
import { PATIENCE, browsers, launch, open, root } from "./harness.mjs";

// So many that each batch ends with the same kind of transport.
const BATCH = 51;
const BATCHES = process.env.TESTS_FULL ? 20 : 1;
const CYCLES = BATCH * BATCHES;
const WAYS = [["websocket"], ["polling"], ["polling", "websocket"]];

const files = {
  "/": ["tests/page/memory.html", "text/html"],
  "/watch.js": ["tests/page/memory-watch.js", "text/javascript"],
  "/memory.mjs": ["tests/page/memory.mjs", "text/javascript"],
  "/client.js":
    process.env.CLIENT === "upstream"
      ? ["tests/node_modules/socket.io-client/dist/socket.io.esm.min.js", "text/javascript"]
      : ["client-wasm/js/dist/socket.io.esm.min.js", "text/javascript"],
};

async function serve(t) {
  const http = createServer((request, response) => {
    const [file, type] = files[new URL(request.url, "http://host").pathname] ?? [];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type });
    createReadStream(join(root, file)).pipe(response);
  });
  const io = new Server(http);
  const behave = (socket) => {
    socket.on("echo", (value) => socket.emit("echo", value));
    socket.on("call", (value, answer) => answer(value));
  };
  io.on("connection", behave);
  io.of(/^\/dynamic-\d+$/).on("connection", behave);
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    // Browsers keep connections that nobody uses.
    http.closeAllConnections();
    return io.close();
  });
  return { io, url: `http://127.0.0.1:${http.address().port}/` };
}

/** What the page holds: `counts`, which are to be the same before and after, and Chromium's `heap`. */
async function inspect(page, devtools) {
  await devtools?.send("HeapProfiler.collectGarbage");
  const { timers, listeners, wasm, alive, cycles } = await page.evaluate(() => ({
    ...window.held(),
    cycles: window.memory.alive(),
  }));
  // Only Chromium collects and tells when asked.
  if (!devtools) return { counts: { timers, listeners, wasm } };
  const { metrics } = await devtools.send("Performance.getMetrics");
  const metric = (wanted) => metrics.find(({ name }) => name === wanted).value;
  const counts = { timers, listeners, wasm, alive, cycles, eventListeners: metric("JSEventListeners") };
  return { counts, heap: metric("JSHeapUsedSize") };
}

/** The same once farewells have been said and finalizers have run: when it stays as it is. */
async function settled(io, page, devtools) {
  let seen = await inspect(page, devtools);
  const begin = performance.now();
  for (let same = 0; same < 5 && performance.now() - begin < PATIENCE; ) {
    const next = await inspect(page, devtools);
    const still = io.engine.clientsCount === 0 && isDeepStrictEqual(next.counts, seen.counts);
    same = still ? same + 1 : 0;
    seen = next;
  }
  return seen;
}

const kinds = [
  ["connections of their own", "fresh"],
  ["one socket, connected and left", "again"],
  ["connections through the cache, each with a namespace of its own name", "cached"],
  ["a server that refuses", "refused"],
];

/** An address where nobody listens. */
async function deserted() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

for (const name of browsers) {
  for (const [what, kind] of kinds) {
    test(`${name}: ${what}, ${CYCLES} times: nothing is left`, { timeout: 280_000 }, async (t) => {
      const { io, url } = await serve(t);
      const browser = await launch(name);
      t.after(() => browser.close());
      const page = await open(browser, url);
      await page.waitForFunction("window.memory", { polling: 50 });
      const devtools = name === "chromium" ? await page.createCDPSession() : undefined;
      await devtools?.send("Performance.enable");
      const nobody = await deserted();
      const run = (count) =>
        page.evaluate((kind, ...args) => window.memory[kind](...args), kind, count, { ways: WAYS, nobody });
      await run(BATCH);
      const before = await settled(io, page, devtools);
      for (let batch = 0; batch < BATCHES; batch += 1) {
        await run(BATCH);
        // What a manager has in WebAssembly is freed with it, by the garbage collector.
        await devtools?.send("HeapProfiler.collectGarbage");
      }
      const after = await settled(io, page, devtools);

      assert.equal(io.engine.clientsCount, 0, "connections");
      // Nobody collects in Firefox when a test asks, so only one manager's memory can be told there.
      if (!devtools && kind !== "again") delete after.counts.wasm, delete before.counts.wasm;
      assert.deepEqual(after.counts, before.counts);
      assert.equal(after.counts.timers, 0);
      assert.deepEqual(after.counts.cycles ?? {}, {});
      if (devtools) {
        // Of a few cycles it is mostly what the engine compiles and keeps for itself.
        const growth = (after.heap - before.heap) / CYCLES;
        t.diagnostic(`heap: ${Math.round(before.heap / 1024)} KiB, ${Math.round(growth)} bytes more per cycle`);
        assert.ok(growth < 4096, `${growth} bytes per cycle`);
      }
      const problems = page.problems.filter((problem) => !/refused|Cross-Origin Request Blocked/i.test(problem));
      assert.deepEqual(problems, []);
    });
  }
}
