// The browser's Rust face where it belongs: in a window and in a worker, in both browsers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { browsers, launch, nodeServer, open } from "../page/harness.mjs";
import { build } from "./build.mjs";

const module = build("face", "web");
const page = "<!doctype html><title>face</title><link rel=icon href=data:,>";
// A worker has no window: the same calls from there.
const worker = `
  import init, * as face from "./${basename(module)}";
  await init();
  onmessage = async ({ data: [name, ...args] }) => {
    try { postMessage({ lines: await face[name](...args) }); }
    catch (error) { postMessage({ error: String(error) }); }
  };
  postMessage("ready");
`;
const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };

/** Serves the compiled module; its origin is another than the Socket.IO server's. */
async function serve(t) {
  const server = createServer((request, response) => {
    const name = basename(new URL(request.url, "http://x").pathname) || "index.html";
    const body =
      name === "index.html" ? page : name === "worker.js" ? worker : readFileSync(join(dirname(module), name));
    response.writeHead(200, { "content-type": types[name.slice(name.lastIndexOf("."))] }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections() ?? server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

const inWindow = async (file, name, ...args) => {
  const face = await import(file);
  await face.default();
  return { lines: await face[name](...args) };
};

const inWorker = (file, ...call) =>
  new Promise((resolve, reject) => {
    const worker = new Worker("./worker.js", { type: "module" });
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data === "ready") return worker.postMessage(call);
      worker.terminate();
      resolve(data);
    };
  });

for (const name of browsers) {
  test(`${name}: in a window and in a worker, over WebSocket and polling`, async (t) => {
    const [server, url, browser] = [await nodeServer(t), await serve(t), await launch(name)];
    t.after(() => browser.close());
    const tab = await open(browser, url);
    const file = `./${basename(module)}`;
    for (const where of [inWindow, inWorker]) {
      const run = async (...call) => {
        const { lines, error } = await tab.evaluate(where, file, ...call);
        assert.equal(error, undefined);
        return lines;
      };
      assert.ok((await run("portable", server.url)).includes("left"));
      for (const transport of ["websocket", "polling"]) {
        const lines = await run("round_trip", server.url, transport);
        assert.deepEqual(lines.slice(0, 4), [
          `${transport} true`,
          'echo "é漢😀",1,[true]',
          "ack 7 x",
          "binary true true",
        ]);
        assert.deepEqual((await run("reconnect", server.url, transport)).slice(-4), ["1", "2", "3", "true"]);
        assert.equal(await run("dropped", server.url, transport), "ended true");
      }
      assert.deepEqual(await run("upgrade", server.url), ["open polling", "upgrade websocket", "websocket"]);
      const refused = await run("failure", "http://127.0.0.1:1", "websocket");
      assert.match(refused, /^websocket: cannot connect to 127\.0\.0\.1:1: the browser does not say why/);
    }
    // Browsers write refused connections to the console themselves.
    const problems = tab.problems.filter((problem) => !problem.includes("127.0.0.1:1"));
    assert.deepEqual(problems, []);
  });
}
