// Results in Redis 5 or later: for any number of server processes.
import * as scripts from "./scripts.js";

const MIB = 1024 * 1024;

// The command for a script that Redis does not know yet; not JavaScript's.
const EVAL = "eval";

/** How a client of either package runs a script: `run(sha or text, …)`, its answer as it comes. */
function caller(redis) {
  // ioredis, a cluster of it too.
  if (typeof redis?.defineCommand === "function") {
    return {
      known: (sha, keys, args) => redis.evalsha(sha, keys.length, ...keys, ...args),
      whole: (text, keys, args) => redis[EVAL](text, keys.length, ...keys, ...args),
    };
  }
  if (typeof redis?.evalSha === "function") {
    return {
      known: (sha, keys, args) => redis.evalSha(sha, { keys, arguments: args }),
      whole: (text, keys, args) => redis[EVAL](text, { keys, arguments: args }),
    };
  }
  throw new TypeError("redisStore: the first argument is a client of ioredis, or of redis 4 or later");
}

// Results are texts and buffers; in Redis a text, so that any client returns it unchanged.
const pack = (frames) => JSON.stringify(frames.map((frame) => (typeof frame === "string" ? frame : [frame.toString("base64")])));
const unpack = (text) =>
  JSON.parse(String(text)).map((frame) => (typeof frame === "string" ? frame : Buffer.from(frame[0], "base64")));

/** One node's view. */
class Session {
  #call;
  #options;
  #settings;

  constructor(call, options, settings) {
    this.#call = call;
    this.#options = options;
    this.#settings = settings;
  }

  async #run({ sha, text }, scope, ...values) {
    // The braces keep them together in a cluster. A scope has none of its own.
    const keys = ["entries", "done", "open"].map((name) => `${this.#options.prefix}{${scope}}:${name}`);
    const args = values.map(String);
    try {
      return await this.#call.known(sha, keys, args);
    } catch (error) {
      if (!String(error?.message).startsWith("NOSCRIPT")) throw error;
      return await this.#call.whole(text, keys, args);
    }
  }

  async join(scope, base) {
    return Number(await this.#run(scripts.join, scope, base, this.#settings.ttl)) === 1;
  }

  async begin(scope, seq, hash) {
    const { node, lease, ttl, results } = this.#settings;
    const [state, field, more] = (await this.#run(scripts.begin, scope, seq, hash, node, lease, ttl, results)).map(String);
    if (state === "stale") return { state };
    if (state === "done") return { state, field, frames: unpack(more) };
    if (state === "running") return { state, field, alive: more === "1" };
    return { state, field, mismatch: more === "1" };
  }

  async extend(scope, fields) {
    const { node, lease, ttl } = this.#settings;
    await this.#run(scripts.extend, scope, node, lease, ttl, ...fields);
  }

  async finish(scope, field, hash, frames) {
    const { ttl, results } = this.#settings;
    const args = [field, hash, pack(frames), ttl, results, this.#options.clientBytes];
    const [earlier] = await this.#run(scripts.finish, scope, ...args);
    return earlier === undefined ? undefined : unpack(earlier);
  }

  async undo(scope, field) {
    await this.#run(scripts.undo, scope, field, this.#settings.node);
  }
}

export function redisStore(redis, { prefix = "sio:once:", clientBytes = 4 * MIB } = {}) {
  const call = caller(redis);
  return { open: (settings) => new Session(call, { prefix, clientBytes }, settings) };
}
