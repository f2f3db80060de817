// Clients as child processes that print JSON lines: ours (`sio connect`), and the published one.
import { join } from "node:path";
import { cargo, root } from "../../client-wasm/js/cargo.mjs";
import { Child } from "../cuts/child.mjs";
import { until } from "../js/server.mjs";

let built;
const sio = () =>
  (built ??= cargo("cargo", ["build", "-p", "socketio-client-native", "--features", "cli", "--bin", "sio"], "sio", ""));

/** Short delays: what is measured is what a server's end costs, not how patient the client is. */
const DELAYS = { ours: ["50ms", "200ms"], published: ["50", "200"] };

export class Client {
  /** Every line, with `at`: when it came. */
  lines = [];
  #asked = 0;

  /** `kind`: `ours` or `published`; `options` are `sio`'s. */
  constructor(url, { kind = "ours", user, options = [] } = {}) {
    const [delay, most] = DELAYS[kind];
    const args = ["--reconnection-delay", delay, "--reconnection-delay-max", most, ...options];
    if (user) args.push("--auth", JSON.stringify({ user }));
    this.user = user;
    this.child =
      kind === "ours"
        ? new Child(sio(), ["connect", url, ...args])
        : new Child(process.execPath, [join(root, "tests/servers/js-client.mjs"), url, ...args]);
    this.child.on("line", (line) => this.lines.push({ ...line, at: performance.now() }));
  }

  /** Starts one, and waits until it is connected. */
  static async connect(t, url, options) {
    const client = new Client(url, options);
    t.after(() => client.child.kill());
    await client.until("its connection", () => client.of("connect").length > 0);
    return client;
  }

  /** The lines of one type. */
  of(type) {
    return this.lines.filter((line) => line.type === type);
  }

  /** The arguments of each event of that name, as far as `length`: the published client leaves offsets there. */
  events(name, length) {
    return this.of("event").filter(({ event }) => event === name).map(({ args }) => args.slice(0, length));
  }

  emit(event, ...args) {
    this.child.send({ emit: event, args });
  }

  /** The arguments of the answer. */
  async call(event, ...args) {
    const id = (this.#asked += 1);
    this.child.send({ emit: event, args, ack: true, id });
    const answer = await this.until(`the answer to ${event}`, () => this.of("ack").find((line) => line.id === id));
    if (answer.error) throw this.child.error(`${event}: ${answer.error}`);
    return answer.args;
  }

  /** `{ node, id, transport }` of where it is. */
  async who() {
    return (await this.call("who"))[0];
  }

  until(what, condition) {
    return until(() => {
      if (this.child.ended) throw this.child.error(`it ended, waiting for ${what}`);
      return condition();
    }, what).catch((error) => {
      throw this.child.error(`${error.message}; its last lines: ${JSON.stringify(this.lines.slice(-8))}`);
    });
  }

  stop() {
    return this.child.kill();
  }
}

/** A client on that node, of those that the front hands out. */
export async function connectTo(t, node, front, options) {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const client = await Client.connect(t, front, options);
    if ((await client.who()).node === node.name) return client;
    await client.stop();
  }
  throw new Error(`30 clients of ${front}, and none came to ${node.name}`);
}

/** One client on each node. */
export async function connectToEach(t, nodes, front, options = () => ({})) {
  const clients = [];
  for (const node of nodes) clients.push(await connectTo(t, node, front, options(node)));
  return clients;
}
