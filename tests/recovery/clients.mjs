// The clients, and one of them behind a proxy of its own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../client-wasm/js/cargo.mjs";
import { Child } from "../cuts/child.mjs";
import { Proxy } from "../cuts/proxy.mjs";
import { browsers } from "../page/harness.mjs";
import { build, buildNative } from "../wasm/build.mjs";
import { Browser } from "./pages.mjs";

const driver = join(root, "tests/recovery/driver.mjs");

/** A program that is started for each client. */
const processes = (command, args, env) => ({
  start: async (job) => new Child(command, [...args, JSON.stringify(job)], env),
  close() {},
});

/** What a client needs before it can be started. */
const builds = {
  ours() {
    const built = join(root, "client-wasm/js/dist/node.mjs");
    if (!existsSync(built)) throw new Error("client-wasm/js/dist is not built: tests/run only package");
  },
  upstream() {},
  rust: () => void build("recover", "web"),
};

const inNode = (kind) => {
  builds[kind]();
  return processes(process.execPath, [driver], { CLIENT: kind === "ours" ? "" : kind });
};

const inBrowser = (name, kind, full) => {
  builds[kind]();
  return Browser.launch(name, kind, full);
};

/**
 * Rows that are worth a browser: the others are the server's times. Firefox takes its time to connect again, and row 2 has the
 * cuts of row 1 too.
 */
const inPages = { rows: [1, 2, 3, 4, 5, 7], most: { 1: 300 }, share: { cuts: 20 } };
const inPagesToo = { ...inPages, share: { rows: [1, 2], cuts: 20 } };

const pages = browsers.flatMap((browser) => [
  [browser, { ours: true, stores: true, ...inPages, program: (full) => inBrowser(browser, "ours", full) }],
  [`${browser}-rust`, { ours: true, ...inPagesToo, program: (full) => inBrowser(browser, "rust", full) }],
  [`${browser}-upstream`, { ...inPages, program: (full) => inBrowser(browser, "upstream", full) }],
]);

/**
 * `program(full)`: a promise of `{ start(job), close(), host() }`, where a host of its own is for each proxy; `ours`: it has
 * promises to keep; `stores`: sessions can outlive it; `rows`: those that are for it, if not all; `share`: rows and cuts, where
 * not everything is played at its full length; `most`: cuts, by row. `ours` is the native client, `npm` our package in Node, and
 * the browsers have our package in a page, our Rust face there, and the published client.
 */
export const clients = {
  ours: { ours: true, stores: true, program: async () => processes(buildNative("recovery", "tests"), []) },
  npm: { ours: true, program: async () => inNode("ours") },
  upstream: { program: async () => inNode("upstream") },
  ...Object.fromEntries(pages),
};

/** What a client says, in order; `README.md` has the lines. */
export class Listener {
  lines = [];
  joins = 0;

  /** Of a program, to a server at `port`. */
  static async start(program, port, job) {
    return Listener.behind(await new Proxy(port).listen(program.host?.()), program, job);
  }

  static async behind(proxy, program, job) {
    const client = await program.start({ url: proxy.url, name: "c", transports: ["websocket"], ...job });
    return new Listener(client, proxy);
  }

  constructor(client, proxy) {
    this.client = client;
    this.proxy = proxy;
    client.on("line", (line) => {
      this.lines.push(line);
      if (line.joined) this.joins += 1;
    });
  }

  /** Resolves once a line is there for which `wanted` gives something true: that. From the first line on, or from `from`. */
  async until(what, wanted, { from = 0, limit } = {}) {
    for (const line of this.lines.slice(from)) {
      const found = wanted(line);
      if (found) return found;
    }
    return this.client.next(what, wanted, { limit });
  }

  /** Resolves once it has joined so many times. */
  async joined(times, limit) {
    if (this.joins < times) await this.client.next(`${times} joins`, () => this.joins >= times, { limit });
  }

  send(command) {
    this.client.send(command);
  }

  async stop() {
    await this.client.kill();
    this.proxy.close();
  }
}
