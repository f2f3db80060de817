// Hostile servers, the same that the native client is tested with (`tests/hostile`), in a process of their own.
import { Child } from "../../page/harness.mjs";
import { buildNative } from "../../wasm/build.mjs";

const MB = 1 << 20;

/** What the clients here allow: `maxPayload`, and what has no option, `PACKETS` of links.js and `Limits` of the core. */
export const LIMITS = { message: 2 * MB, attachments: 1000, attachmentBytes: 100 * MB, packets: 100_000 };

export class Servers {
  #child;
  #asked = 0;

  /** Ends with the test. `rows`: `{ row, name, transport, bound }`. */
  static async start(t) {
    const servers = new Servers();
    servers.#child = new Child(t, buildNative("hostile", "tests"), Object.values(LIMITS).map(String));
    await servers.#child.waitJson("the rows", (line) => line.rows);
    servers.rows = servers.#child.lines.map((line) => JSON.parse(line)).filter(({ name }) => name);
    return servers;
  }

  async #ask(...words) {
    const number = (this.#asked += 1);
    this.#child.process.stdin.write(`${[number, ...words].join(" ")}\n`);
    return (await this.#child.waitJson(words.join(" "), ({ id }) => id === number)).value;
  }

  /** A server for the row: its port. */
  start(row) {
    return this.#ask("start", row);
  }

  /** From now on it is what speaks on the port `good`, or hostile again for 0. */
  mend(port, good) {
    return this.#ask("mend", port, good);
  }

  /** How often it has written to one client. */
  writes(port) {
    return this.#ask("reach", port, 0);
  }

  /** Resolves once it has written so often to one client. */
  async reach(port, writes) {
    const reached = await this.#ask("reach", port, writes);
    if (reached < writes) throw new Error(`${reached} writes, not ${writes}`);
  }

  /** Resolves once a client has gone from what has no end. */
  async left(port) {
    if (!(await this.#ask("left", port))) throw new Error("the connection stays");
  }

  end(port) {
    return this.#ask("end", port);
  }
}
