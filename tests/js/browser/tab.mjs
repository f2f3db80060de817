// A tab of a real browser with the client under test, on the origin of a Socket.IO server in this process.
import { createReadStream } from "node:fs";
import { join, normalize } from "node:path";
import { open } from "../../page/harness.mjs";
import { browserModule, packageRoot } from "../client.mjs";
import { sioServer } from "../server.mjs";

const types = { mjs: "text/javascript", js: "text/javascript", wasm: "application/wasm", map: "application/json" };

/** `/blank`, and the package below `/client/`. */
export function servePackage(request, response) {
  const { pathname } = new URL(request.url, "http://host");
  if (pathname === "/blank") {
    response.writeHead(200, { "content-type": "text/html" });
    return response.end("<!doctype html><title>blank</title><link rel=icon href=data:,>");
  }
  const file = normalize(pathname).replace(/^\/client\//, "");
  createReadStream(join(packageRoot, "dist", file))
    .on("error", () => response.writeHead(404).end())
    .on("open", () => response.writeHead(200, { "content-type": types[file.split(".").at(-1)] ?? "text/plain" }))
    .pipe(response);
}

/** `{ page, io, url }`, closed with the test; in the page, `await load()` gives the client's exports. */
export async function openTab(t, browser, options = {}) {
  const server = await sioServer(t, { plain: servePackage, ...options });
  const page = await open(browser, `${server.url}/blank`);
  t.after(() => page.close());
  await page.evaluate((path) => {
    globalThis.clientUrl = new URL(path, location).href;
    globalThis.load = () => import(path);
  }, `/client/${browserModule}`);
  return { page, ...server };
}
