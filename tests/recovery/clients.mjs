// The clients, and one of them behind a proxy of its own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../client-wasm/js/cargo.mjs";
import { Child } from "../cuts/child.mjs";
import { Proxy } from "../cuts/proxy.mjs";
import { buildNative } from "../wasm/build.mjs";

const driver = join(root, "tests/recovery/driver.mjs");

function npm() {
  const built = join(root, "client-wasm/js/dist/node.mjs");
  if (!existsSync(built)) throw new Error("client-wasm/js/dist is not built: tests/run only package");
  return { command: process.execPath, args: [driver], env: { CLIENT: "" } };
}

/** `program()`: `{ command, args, env }`; `ours`: it has promises to keep. */
export const clients = {
  ours: { ours: true, program: () => ({ command: buildNative("recovery", "tests"), args: [] }) },
  npm: { ours: true, program: npm },
  upstream: { program: () => ({ command: process.execPath, args: [driver], env: { CLIENT: "upstream" } }) },
};

/** What a client says, in order; `README.md` has the lines. */
export class Listener {
  lines = [];
  joins = 0;

  static async start(program, port, job) {
    const proxy = await new Proxy(port).listen();
    return new Listener(program, proxy, job);
  }

  constructor({ command, args, env }, proxy, job) {
    this.proxy = proxy;
    const url = `http://127.0.0.1:${proxy.port}`;
    this.child = new Child(command, [...args, JSON.stringify({ url, name: "c", transports: ["websocket"], ...job })], env);
    this.child.on("line", (line) => {
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
    return this.child.next(what, wanted, { limit });
  }

  /** Resolves once it has joined so many times. */
  async joined(times, limit) {
    if (this.joins < times) await this.child.next(`${times} joins`, () => this.joins >= times, { limit });
  }

  send(command) {
    this.child.send(command);
  }

  async stop() {
    await this.child.kill();
    this.proxy.close();
  }
}
