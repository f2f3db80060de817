// A cluster: Redis, Socket.IO servers on it, HAProxy and nginx in front. All are child processes that die with this one, and
// keep what they write in one temporary directory that goes with them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { Child } from "../cuts/child.mjs";
import { until } from "../js/server.mjs";
import { mortal, startHaproxy, startNginx } from "./balancers.mjs";

const here = dirname(fileURLToPath(import.meta.url));

/** A Unix socket's path has 107 bytes at most. */
const LONGEST = 80;

class Node {
  constructor(name, redis, options) {
    this.name = name;
    const job = JSON.stringify({ name, redis, options });
    this.child = new Child(process.execPath, [join(here, "node.mjs"), job]);
  }

  async up() {
    this.port = await this.child.next("its port", ({ port }) => port);
    this.url = `http://127.0.0.1:${this.port}/`;
  }

  send(command) {
    this.child.send(command);
  }

  /** Ends its traffic: how much it was. */
  still() {
    return this.#ask("still");
  }

  /** How many sockets it has. */
  count() {
    return this.#ask("count");
  }

  async #ask(what) {
    const answer = this.child.next(what, (line) => what in line && line);
    this.send({ [what]: true });
    return (await answer)[what];
  }

  /** SIGTERM: it says goodbye to its clients. */
  term() {
    this.child.process.kill("SIGTERM");
    return this.child.exit;
  }

  kill() {
    return this.child.kill();
  }

  /** SIGSTOP: its connections stay, and nothing comes. */
  freeze() {
    this.child.process.kill("SIGSTOP");
  }

  thaw() {
    this.child.process.kill("SIGCONT");
  }
}

async function startRedis(directory) {
  const path = join(directory, "redis");
  const options = { port: 0, unixsocket: path, save: "", appendonly: "no", dir: directory };
  const child = mortal("redis-server", Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]));
  const isReady = () => child.words.some((word) => /ready to accept connections/i.test(word));
  await child.next("Redis", isReady, { event: "word" });
  return { child, path };
}

/** Until every server reads the stream and hears the others. */
async function isWhole(path, count) {
  const redis = new Redis(path);
  try {
    const begin = performance.now();
    for (;;) {
      const reading = (await redis.client("LIST")).split("\n").filter((line) => /\bcmd=xread\b/.test(line)).length;
      const [, hearing] = await redis.pubsub("NUMSUB", "socket.io#/#");
      if (reading >= count && Number(hearing) >= count) return;
      if (performance.now() - begin > 20_000) throw new Error(`${reading} of ${count} servers read, ${hearing} hear`);
    }
  } finally {
    redis.disconnect();
  }
}

/** Until a balancer has handed out every server. */
async function isBalanced(child, url, names) {
  const seen = new Set();
  let failure;
  const ask = async () => {
    if (child.ended) throw child.error("it ended");
    try {
      const response = await fetch(`${url}health`, { headers: { connection: "close" } });
      seen.add(response.headers.get("x-node"));
    } catch (error) {
      failure = error;
    }
    return names.every((name) => seen.has(name));
  };
  await until(ask, () => `${url} gives all of ${names}, not only ${[...seen]}: ${failure}`);
}

/**
 * `{ nodes, fronts, stop() }`; `fronts`: the URLs of both balancers, in turn and by cookie. `options`: of socket.io's server;
 * `patience`: how long the balancers wait for a server, in ms.
 */
export async function startCluster({ count = 2, options = {}, patience = 2_000 } = {}) {
  const directory = mkdtempSync(join(tmpdir().length < LONGEST ? tmpdir() : "/tmp", "cluster-"));
  const children = [];
  const stop = async () => {
    await Promise.all(children.map((child) => child.kill()));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const redis = await startRedis(directory);
    children.push(redis.child);
    const short = { pingInterval: 300, pingTimeout: 300, ...options };
    const nodes = Array.from({ length: count }, (_, at) => new Node(`n${at}`, redis.path, short));
    children.push(...nodes.map(({ child }) => child));
    await Promise.all(nodes.map((node) => node.up()));
    const ports = nodes.map(({ port }) => port);
    const haproxy = await startHaproxy(directory, ports, patience);
    children.push(haproxy.child);
    const nginx = await startNginx(directory, ports, patience);
    children.push(nginx.child);
    const names = nodes.map(({ name }) => name);
    await isWhole(redis.path, count);
    for (const { child, urls } of [haproxy, nginx]) for (const url of urls) await isBalanced(child, url, names);
    const [turn, cookie] = haproxy.urls;
    const fronts = { haproxy: turn, "haproxy-cookie": cookie, nginx: nginx.urls[0], "nginx-cookie": nginx.urls[1] };
    return { nodes, fronts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
