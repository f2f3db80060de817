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

/** The list of that name, made when it is first asked for. */
function list(map, name) {
  if (!map.has(name)) map.set(name, []);
  return map.get(name);
}

export class Client {
  /** The last lines, for messages. */
  #last = [];
  /** All, by their type; `at`: when they came. */
  #lines = new Map();
  /** Events by their name: their arguments, and how often the client had connected. */
  #events = new Map();
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
    this.child.on("line", (line) => this.#keep({ ...line, at: performance.now() }));
  }

  /** Starts one, and waits until it is connected. */
  static async connect(t, url, options) {
    const client = new Client(url, options);
    t.after(() => client.child.kill());
    await client.until("its connection", () => client.of("connect").length > 0);
    return client;
  }

  #keep(line) {
    this.#last = [...this.#last.slice(-7), line];
    const { type, event, args, replayed = false } = line;
    if (type !== "event") return list(this.#lines, type).push(line);
    list(this.#events, event).push({ args, replayed, join: this.of("connect").length });
  }

  /** The lines of one type, but events. */
  of(type) {
    return list(this.#lines, type);
  }

  /** The arguments of each event of that name, as far as `length`: after them there may be an offset. */
  events(name, length) {
    return list(this.#events, name).map(({ args }) => args.slice(0, length));
  }

  /** The events of that name: `{ args, replayed, join }`, `join` being how often the client had connected. */
  received(name) {
    return list(this.#events, name);
  }

  /** How many events of that name came. */
  count(name) {
    return list(this.#events, name).length;
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
      throw this.child.error(`${error.message}; its last lines: ${JSON.stringify(this.#last)}`);
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
