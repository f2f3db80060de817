// A Socket.IO server with the middleware of `socketio-client-wasm/server`, or without. `node exactly-once.mjs`, settings as
// environment variables:
//
//   PORT         0: any free one
//   HOST         127.0.0.1
//   REDIS        URL or path of a socket: the store; without it results are kept in memory
//   HANDLER_MS   the longest that the handler of "op" takes, 0
//   SEED         of the handlers' times, 1
//   PLAIN=1      without the middleware
//   RECOVERY=1   with connection state recovery
//   ONCE         JSON: more options of `exactlyOnce`
//   OPTIONS      JSON: more options of `Server`
//
// Prints {"port":N} once it listens, and a line for each run of the handler: "op" with {client, n} prints
// {"run":{"client":…,"n":…,"at":µs}} (a monotonic clock, which processes have in common) and is acknowledged, later, with
// {n, value: n * 7 + 1}. A line `stats` on standard input prints {"stats":{…}}.
// Ends when a pipe on standard input ends, so that it does not outlive its parent.
import { fstatSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";
import { exactlyOnce, redisStore } from "../../client-wasm/js/server/index.js";

const { PORT = "0", HOST = "127.0.0.1", REDIS, HANDLER_MS = "0", SEED = "1", PLAIN, RECOVERY, ONCE, OPTIONS } = process.env;

const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** mulberry32. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function store() {
  if (!REDIS) return undefined;
  const { Redis } = await import("ioredis");
  return redisStore(new Redis(REDIS));
}

const once = PLAIN ? undefined : exactlyOnce({ store: await store(), ...JSON.parse(ONCE ?? "{}") });
const http = createServer();
const io = new Server(http, {
  ...(once && { parser: once.parser }),
  ...(RECOVERY && { connectionStateRecovery: {} }),
  ...JSON.parse(OPTIONS ?? "{}"),
});
once?.install(io);

const chance = random(Number(SEED));

io.on("connection", (socket) => {
  socket.on("op", (what, ack) => {
    const { client, n } = what ?? {};
    print({ run: { client, n, at: Number(process.hrtime.bigint() / 1000n) } });
    const answer = () => ack?.({ n, value: n * 7 + 1 });
    const ms = Math.floor(chance() * (Number(HANDLER_MS) + 1));
    if (ms === 0) answer();
    else setTimeout(answer, ms);
  });
});

const stdin = fstatSync(0);
if (stdin.isFIFO() || stdin.isSocket()) {
  createInterface({ input: process.stdin })
    .on("line", (line) => line === "stats" && print({ stats: once?.stats ?? {} }))
    .on("close", () => process.exit(0));
}

http.listen(Number(PORT), HOST, () => print({ port: http.address().port }));
