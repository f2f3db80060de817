// A process with a client of its own, and a row from beginning to end in it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Child, root } from "../../page/harness.mjs";
import { options, transports } from "./rows.mjs";

/** Young garbage has at most 3 MB: what is measured is to be what the client needs. */
const flags = ["--expose-gc", "--max-semi-space-size=1"];

export const mebibytes = (bytes) => `${(bytes / (1 << 20)).toFixed(1)} MiB`;

export class Process {
  #child;
  #asked = 0;
  #faster;

  /** Warm: its client has been in use, with the good server at this port. `faster`: how its clocks go. */
  static async start(t, good, faster = 1) {
    const it = new Process();
    it.#faster = faster;
    const file = join(root, "tests/js/hostile/client.mjs");
    it.#child = new Child(t, process.execPath, [...flags, file, String(faster)]);
    for (const transport of Object.keys(transports)) {
      await it.begin(0, good, { transport });
      await it.ask("works", { number: 0 });
      await it.ask("end", { number: 0, port: good });
    }
    await it.ask("begin");
    return it;
  }

  async ask(act, rest = {}) {
    const number = (this.#asked += 1);
    this.#child.send({ id: number, act, ...rest });
    const { error, value } = await this.#child.waitJson(act, ({ id }) => id === number);
    if (error) throw new Error(`${act}: ${error}`);
    return value;
  }

  /** What it is told, up to what is awaited. */
  told(number, which) {
    return this.ask("told", { number, ...which, limit: 25_000 * this.#faster });
  }

  /** A client by number, of the server at this port. */
  begin(number, port, { transport }, more = {}) {
    const url = `http://127.0.0.1:${port}`;
    return this.ask("start", { number, url, transports: transports[transport], ...options, ...more });
  }

  kill() {
    return this.#child.kill();
  }
}

/** `{ told, peak, left, wasm, writes }` of a row. `wanted`: what is to be told. */
export async function endure(process, servers, good, row, wanted) {
  const port = await servers.start(row.row);
  await process.begin(1, port, row, wanted.text === "timeout" ? { timeout: 500 } : {});
  const { words } = await process.told(1, wanted);
  if (wanted.goesOn) {
    await process.told(1, { kind: "done" });
    const ends = words.filter(({ kind }) => kind === "open" || kind === "closed");
    assert.deepEqual(ends, [], "the session goes on");
  }
  const peak = await process.ask("peak");
  const writes = await servers.writes(port);
  await servers.mend(port, good);
  await process.ask("works", { number: 1 });
  await process.ask("end", { number: 1, port });
  await servers.end(port);
  const is = ({ kind, text }) => (!wanted.kind || kind === wanted.kind) && text.includes(wanted.text);
  return { told: words.find(is).text, peak, writes, ...(await process.ask("left")) };
}
