// The packed package in Node: by import and by require, with and without `ws`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeServer } from "../page/harness.mjs";
import { ours, project, run } from "./project.mjs";
import { expected } from "./scenario.js";

const load = {
  "import.mjs": 'import { io } from "PACKAGE";',
  "default.mjs": 'import io from "PACKAGE";',
  "require.cjs": 'const { io } = require("PACKAGE");',
  "function.cjs": 'const io = require("PACKAGE");',
};

const main = `
  const [url, options, final] = JSON.parse(process.argv[2]);
  import("./scenario.mjs")
    .then(({ scenario }) => scenario(io, url, options, final))
    .then((report) => console.log(JSON.stringify({ report })))
    .catch((error) => console.log(JSON.stringify({ error: error.message, cause: String(error.description?.message) })));
`;
const files = Object.fromEntries(Object.entries(load).map(([name, line]) => [name, line + main]));

/** Runs one of the project's files; a program that does not end by itself fails the test. */
async function play({ folder, before = [] }, file, ...args) {
  const command = [...before, file, JSON.stringify(args)];
  const { status, out, err } = await run(process.execPath, command, { cwd: folder, timeout: 60_000 });
  assert.equal(status, 0, out + err);
  return JSON.parse(out);
}

test("Node, with ws", async (t) => {
  const place = await project(t, files, ["ws"]);
  const server = await nodeServer(t);
  for (const file of Object.keys(load)) {
    assert.deepEqual(await play(place, file, server.url), { report: expected() }, file);
  }
  for (const transport of ["websocket", "polling"]) {
    for (const file of ["import.mjs", "require.cjs"]) {
      const report = await play(place, file, server.url, { transports: [transport] }, transport);
      assert.deepEqual(report, { report: expected(transport) }, file);
    }
  }
});

test("what import and require give", async (t) => {
  const { folder } = await project(t, {
    "import.mjs": 'import * as all from "PACKAGE"; console.log(Object.keys(all).sort().join());',
    "require.cjs": `const io = require("PACKAGE");
      console.log(typeof io, Object.keys(io).sort().join(), io === io.io);`,
    "version.cjs": 'console.log(require("PACKAGE/package.json").name === "PACKAGE");',
  });
  const said = async (file) => (await run(process.execPath, [file], { cwd: folder })).out.trim();
  const names = ["Fetch", "Manager", "NodeWebSocket", "NodeXHR", "Socket", "WebSocket", "WebTransport", "XHR"];
  // `lookup` is what `io` is called within the published client; here it can be imported, too.
  names.push("connect", "default", "io", ...(ours ? ["lookup"] : []), "protocol");
  assert.equal(await said("import.mjs"), names.join());
  assert.equal(await said("require.cjs"), "function Manager,Socket,connect,io true");
  assert.equal(await said("version.cjs"), "true");
});

// The published client brings `ws` itself, and has no module.
if (ours) {
  test("an engine that compiles nothing at once: the module is one more thing that is not connected yet", async (t) => {
    const refuse = 'WebAssembly.Module = function () { throw new RangeError("too large for the main thread"); };';
    const place = await project(t, { ...files, "refuse.cjs": refuse }, ["ws"]);
    place.before = ["--require", "./refuse.cjs"];
    const server = await nodeServer(t);
    for (const file of Object.keys(load)) {
      assert.deepEqual(await play(place, file, server.url), { report: expected() }, file);
    }
  });

  test("Node, without ws and without a WebSocket of its own", async (t) => {
    // Later versions of Node have one.
    const place = await project(t, { ...files, "none.cjs": "delete globalThis.WebSocket;" });
    place.before = ["--require", "./none.cjs"];
    const server = await nodeServer(t);
    for (const file of ["import.mjs", "require.cjs"]) {
      assert.deepEqual(await play(place, file, server.url, {}, "polling"), { report: expected("polling") }, file);
      const { error, cause } = await play(place, file, server.url, { transports: ["websocket"], reconnection: false });
      assert.match(`${error} ${cause}`, /npm install ws/, file);
    }
  });
}
