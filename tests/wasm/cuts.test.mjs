// Connections that are cut in the middle of plain emits, in browsers, with the Rust face: what never left goes back to its
// place, what is not known is called uncertain, and nothing is sent for a second time.
import { createServer } from "node:http";
import { basename, dirname, join } from "node:path";
import { readFileSync } from "node:fs";
import { build } from "./build.mjs";
import { cutTests } from "./cuts.mjs";

const module = build("face", "web");
const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };

/** Serves the compiled module, beside an empty page. */
async function serve(t) {
  const server = createServer((request, response) => {
    const name = basename(new URL(request.url, "http://x").pathname) || "index.html";
    const page = "<!doctype html><title>cuts</title><link rel=icon href=data:,>";
    const body = name === "index.html" ? page : readFileSync(join(dirname(module), name));
    response.writeHead(200, { "content-type": types[name.slice(name.lastIndexOf("."))] }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections() ?? server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

/** In the page. */
const rounds = async (file, size, lanes) => {
  const face = await import(file);
  await face.default();
  const rounds = await Promise.all(
    lanes.map(async ({ url, cuts }) => JSON.parse(await face.cut_off(url, Uint32Array.from(cuts), size))),
  );
  return rounds.flat();
};

cutTests({ serve, play: (tab, lanes, size) => tab.evaluate(rounds, `./${basename(module)}`, size, lanes) });
