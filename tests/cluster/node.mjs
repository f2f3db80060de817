// One Socket.IO server of a cluster, on a free port. `{ name, redis, options }` as JSON is its only argument.
//
// Prints {"port":N} once it listens, and {"left":{"id":…,"reason":…}} for each socket that is gone. Reads JSON lines:
//   {"emit":[event, ...args], "to":room, "volatile":true}   to that room, or to everybody
//   {"traffic":N}       so many events a second to everybody: ["n", name, 1], ["n", name, 2], …
//   {"mix":N}           so many a second to each socket of this server, in turn plain, volatile, acked and to everybody
//   {"count":true}      prints {"count":N}: its sockets
//   {"still":true}      ends both, and prints {"still":{"n":last,"mix":last}}
// SIGTERM closes it in an orderly way. Ends when standard input ends.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { print } from "../servers/json.mjs";

const { name, redis: path, options } = JSON.parse(process.argv[2]);

/** Traffic leaves in portions; one for each event would be late all the time. */
const PORTION = 4;

const redis = new Redis(path);
redis.on("error", () => {});

// For health checks, and to see whom a balancer has asked.
const http = createServer((_request, response) => response.writeHead(200, { "x-node": name }).end("ok"));
const io = new Server(http, {
  adapter: createAdapter(redis),
  connectionStateRecovery: {},
  serveClient: false,
  ...options,
});

io.on("connection", (socket) => {
  const { user } = socket.handshake.auth;
  if (user) socket.join(`user:${user}`);
  socket.on("disconnect", (reason) => print({ left: { id: socket.id, reason } }));
  // An event with an offset, so that there is something to resume from.
  if (!socket.recovered) socket.emit("welcome", name);
  socket.on("who", (answer) => answer({ node: name, id: socket.id, transport: socket.conn.transport.name }));
  socket.on("join", (room, answer) => answer(socket.join(room)));
  socket.on("leave", (room, answer) => answer(socket.leave(room)));
  socket.on("all", (...args) => io.emit(...args));
  socket.on("others", (...args) => socket.broadcast.emit(...args));
  socket.on("to", (room, ...args) => socket.to(room).emit(...args));
  socket.on("tell", (to, ...args) => io.to(`user:${to}`).emit(...args));
  // An answer of every socket of a room, wherever it is.
  socket.on("poll", (room, answer) => {
    io.in(room).timeout(5_000).emit("question", (error, answers) => answer(error?.message ?? null, answers));
  });
});

const sent = { n: 0, mix: 0 };
const timers = [];

/** Calls `act` so many times a second. */
function each(perSecond, act) {
  const begin = performance.now();
  let done = 0;
  timers.push(
    setInterval(() => {
      // Lateness is made up for, a standstill is not.
      const due = Math.min(Math.floor(((performance.now() - begin) * perSecond) / 1000), done + perSecond / 10);
      while (done < due) act((done += 1));
    }, PORTION),
  );
}

const mix = [
  (socket, n) => socket.emit("mix", name, n, "plain"),
  (socket, n) => socket.volatile.emit("mix", name, n, "volatile"),
  (socket, n) => socket.timeout(2_000).emit("mix", name, n, "acked", () => {}),
  (_socket, n) => io.emit("mix", name, n, "all"),
];

function control({ emit, to, volatile, traffic, mix: mixed, count, still }) {
  if (emit) (to ? io.to(to) : volatile ? io.volatile : io).emit(...emit);
  if (traffic) each(traffic, () => io.emit("n", name, (sent.n += 1)));
  if (mixed) {
    each(mixed, () => {
      const kind = mix[sent.mix % mix.length];
      for (const [, socket] of io.of("/").sockets) {
        kind(socket, (sent.mix += 1));
        // Once is enough for everybody.
        if (kind === mix.at(-1)) break;
      }
    });
  }
  if (count) print({ count: io.of("/").sockets.size });
  if (still) {
    for (const timer of timers.splice(0)) clearInterval(timer);
    print({ still: sent });
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => control(JSON.parse(line)))
  .on("close", () => process.exit(0));

process.on("SIGTERM", () => {
  for (const timer of timers.splice(0)) clearInterval(timer);
  io.close(async () => {
    // What it has told Redis of its sessions is on its way before this.
    await redis.quit();
    process.exit(0);
  });
});

http.listen(0, "127.0.0.1", () => print({ port: http.address().port }));
