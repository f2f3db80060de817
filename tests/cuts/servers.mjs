// The servers: N (Node, stock), M (with the middleware), MR (two of those over one Redis), P (python-socketio, stock), P+
// (with the example's namespace).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../client-wasm/js/cargo.mjs";
import { Child } from "./child.mjs";

/** Debian's own, for which its packages are; or another one that has python-socketio and aiohttp. */
const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";

/** Command and script. */
const node = [process.execPath, "tests/servers/exactly-once.mjs"];
const python = [PYTHON, "tests/servers/exactly_once.py"];

/** `plain`: without what runs each event once; `nodes`: how many. */
const kinds = {
  N: { program: node, plain: true },
  M: { program: node },
  MR: { program: node, nodes: 2 },
  P: { program: python, plain: true },
  "P+": { program: python },
};

export const kindNames = Object.keys(kinds);

/** Whether the server promises that each event runs once. */
export const isOnce = (kind) => !kinds[kind].plain;

const scratch = join(root, "tests/.work/tmp");

/** A `redis-server` that keeps nothing, behind a socket of its own. */
async function startRedis() {
  // A socket's path has at most 107 bytes.
  const directory = mkdtempSync(join(scratch.length <= 80 ? scratch : tmpdir(), "redis-"));
  const path = join(directory, "socket");
  const options = { port: 0, unixsocket: path, save: "", appendonly: "no", dir: directory };
  const child = new Child("redis-server", Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]));
  const isReady = () => child.words.some((word) => /ready to accept connections/i.test(word));
  await child.next("Redis (apt-get install redis-server)", isReady, { event: "word" });
  return {
    path,
    async stop() {
      await child.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

class Node {
  /** @param {(run: object) => void} onRun is told each run of the handler */
  constructor(start, onRun) {
    this.start = start;
    this.onRun = onRun;
  }

  async up() {
    const child = this.start();
    child.on("line", ({ run }) => run && this.onRun(run));
    this.port = await child.next("its port", ({ port }) => port);
    this.child = child;
    return this;
  }

  /** SIGKILL. What it had printed has been handed on afterwards. */
  async kill() {
    this.port = undefined;
    await this.child.kill();
  }
}

/** `{ nodes, ports(), runs, stop() }`; `runs` grows: `{ n, at, node }`. */
export async function startServers(kind, { seed, handlerMs, inDoubt }) {
  const runs = [];
  const { program, plain, nodes: count = 1 } = kinds[kind];
  const redis = count > 1 ? await startRedis() : undefined;
  const env = (at) => ({
    PORT: "0",
    SEED: `${seed + at}`,
    HANDLER_MS: `${handlerMs}`,
    ...(plain && { PLAIN: "1" }),
    ...(redis && { REDIS: redis.path }),
    ...(inDoubt && { ONCE: JSON.stringify({ inDoubt }) }),
  });
  const [command, script] = program;
  const nodes = Array.from({ length: count }, (_, at) => {
    const onRun = (run) => runs.push({ node: at, ...run });
    return new Node(() => new Child(command, [join(root, script)], env(at)), onRun);
  });
  await Promise.all(nodes.map((node) => node.up()));
  return {
    nodes,
    runs,
    ports: () => nodes.map(({ port }) => port).filter(Boolean),
    async stop() {
      await Promise.all(nodes.map((node) => node.child.kill()));
      await redis?.stop();
    },
  };
}
