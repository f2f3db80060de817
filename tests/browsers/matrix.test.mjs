// Every scenario on every face in every engine, and natively; judged by what client and server say of it.
//
// CLIENT=upstream takes the published socket.io-client for the JavaScript face.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Child, root } from "../page/harness.mjs";
import { startControl } from "../servers/control.mjs";
import { build, buildNative } from "../wasm/build.mjs";
import { engines } from "./engines.mjs";
import { names } from "./scenarios.mjs";
import { columnsOf, faultsOf, missing, table } from "./table.mjs";

const upstream = process.env.CLIENT === "upstream";
const clientFile = join(
  root,
  upstream ? "tests/node_modules/socket.io-client/dist" : "client-wasm/js/dist",
  "socket.io.esm.min.js",
);
// The native client sends what its shell gives it.
const native = { userAgent: /^socketio-client-native\/\d/ };
const all = { ...engines, native };
const columns = columnsOf(all);
const versions = {};
const cells = [];

const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves the page with both clients; another origin than the Socket.IO server's. */
async function servePage(wasm) {
  const fileOf = (path) => {
    if (path === "/client/socket.io.js") return clientFile;
    if (path.startsWith("/wasm/")) return join(dirname(wasm), path.slice("/wasm/".length));
    return join(root, "tests/browsers", path);
  };
  const server = createServer((request, response) => {
    const file = fileOf(new URL(request.url, "http://x").pathname);
    // Source maps are looked for by some.
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(file)], "cache-control": "no-store" });
    response.end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/page.html`,
    close: () => (server.closeAllConnections(), server.close()),
  };
}

let control;
let page;

before(async () => {
  assert.ok(existsSync(clientFile), `${clientFile} is not built: tests/run only package`);
  page = await servePage(build("matrix", "web"));
  control = await startControl();
});
after(async () => {
  await control?.close();
  page?.close();
});

/** One cell: `play` gives what the client has to say. */
async function cell(scenario, { engine, face }, play) {
  const run = `${scenario}, ${face}, ${engine}`;
  const account = control.account(run);
  const result = await play(face, scenario, control.url, run);
  // Nothing may be left open, also by one that failed.
  const open = await account.ended().then(
    () => [],
    (error) => [error.message],
  );
  const entry = { scenario, engine, face, result, view: account.view() };
  entry.faults = [...faultsOf(entry, all[engine].userAgent), ...open];
  cells.push(entry);
  assert.deepEqual(entry.faults, [], JSON.stringify(entry.view, null, 2));
}

for (const [engine, { start }] of Object.entries(engines)) {
  describe(engine, () => {
    let browser;
    before(async () => {
      browser = await start();
      versions[engine] = browser.version;
    });
    after(() => browser?.close());
    for (const column of columns.filter((column) => column.engine === engine)) {
      for (const scenario of names) {
        test(`${engine}, ${column.face}: ${scenario}`, async (t) => {
          // Open until the server has seen the end of the connections.
          const tab = await browser.open(page.url);
          t.after(() => tab.close());
          await cell(scenario, column, tab.run);
        });
      }
    }
  });
}

describe("native", () => {
  let executable;
  before(() => {
    executable = buildNative("matrix", "tests");
  });
  for (const scenario of names) {
    test(`native, rust: ${scenario}`, (t) =>
      cell(scenario, { engine: "native", face: "rust" }, async (_face, ...call) => {
        const child = new Child(t, executable, call);
        const result = await child.waitJson("its result", (line) => line.lines);
        await child.exit;
        return { problems: [], ...result };
      }));
  }
});

test("the matrix is complete", () => {
  const text = table(cells, columns);
  const client = upstream ? "socket.io-client" : "socketio-client-wasm";
  const work = join(root, "tests/.work");
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, "browsers.json"), `${JSON.stringify({ client, versions, columns, cells }, null, 1)}\n`);
  writeFileSync(join(work, "browsers.md"), `${text}\n`);
  console.log(text);
  assert.deepEqual(missing(cells, columns), []);
  assert.ok(cells.every(({ faults }) => faults.length === 0), "cells failed: see the table");
});
