// The client under test: ours as built in client-wasm/js/dist, or with CLIENT=upstream the published socket.io-client.
// A test that both pass is a test of parity.
import { existsSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

/** Whether the published client is under test. For what ours does differently on purpose. */
export const upstream = process.env.CLIENT === "upstream";

/** The package's folder. */
export const packageRoot = upstream
  ? dirname(require.resolve("socket.io-client/package.json"))
  : join(here, "../../client-wasm/js");

// Node 20 has no WebSocket of its own. An application installs `ws` beside the package; here it lies among the tests'.
process.env.NODE_PATH = join(here, "../node_modules");
Module._initPaths();

const file = (path) => pathToFileURL(join(packageRoot, path)).href;

/** The package's ES module for browsers, in its `dist`. */
export const browserModule = upstream ? "socket.io.esm.min.js" : "index.mjs";

/** What `import` of the package gives in Node, as a specifier that child processes can import too. */
export const entry = upstream ? import.meta.resolve("socket.io-client") : file("dist/node.mjs");

async function load() {
  if (upstream || existsSync(fileURLToPath(entry))) return import(entry);
  throw new Error("client-wasm/js/dist is not built: tests/run only package");
}

/** The package's named exports, and `default`. */
export const client = await load();

/** The internal `url(uri, path, location)`. */
export async function loadUrl() {
  const path = ["build/cjs/url.js", "src/url.js"].find((path) => existsSync(join(packageRoot, path)));
  return (await import(file(path))).url;
}

/**
 * A socket on a connection of its own (`io` with `forceNew`), or with `options.manager` on that Manager.
 * Closed with the test.
 */
export function connect(t, url, options = {}) {
  const { manager, namespace = "/", ...rest } = options;
  const socket = manager ? manager.socket(namespace, rest) : client.io(url, { forceNew: true, ...rest });
  t.after(() => {
    socket.disconnect();
    socket.io._close();
  });
  return socket;
}

/** A Manager that is closed with the test. */
export function createManager(t, url, options) {
  const manager = new client.Manager(url, options);
  t.after(() => manager._close());
  return manager;
}
