// The server of a soak: connection state recovery, the middleware of `socketio-client-wasm/server`, a steady flow of events.
// `node soak.mjs '{"rate":2000}'`: so many events a second, once it is told to begin.
//
// Prints {"port":N} once it listens, and then, five times a second, {"ran":{"op":[[from,to],…],"volatile":[…]}}: the numbers
// that its handlers were called with since, in order, as ranges without their ends.
// Lines on standard input:
//   "go"      emits "n" with a number, to everybody
//   "stop"    no more, answered with {"sent":N}
//   "flush"   prints what handlers were called with, and {"flushed":true}
// Ends when standard input ends, so that it does not outlive its parent.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";
import { exactlyOnce } from "../../client-wasm/js/server/index.js";
import { print } from "./json.mjs";

const { rate } = JSON.parse(process.argv[2] ?? "{}");
const TEXT = "some text, as chats have it: sixty-four characters in one event.";

// What is older than an outage, or an emit that waits, is not asked for again.
const once = exactlyOnce({ ttl: 60_000 });
const http = createServer();
const io = new Server(http, {
  parser: once.parser,
  // As the client's README advises: a loss is noticed soon.
  pingInterval: 2000,
  pingTimeout: 2000,
  connectionStateRecovery: { maxDisconnectionDuration: 30_000, skipMiddlewares: true },
});
once.install(io);

const ran = { op: [], volatile: [] };

function note(ranges, n) {
  const last = ranges.at(-1);
  if (last?.[1] === n) last[1] += 1;
  else ranges.push([n, n + 1]);
}

function tell() {
  if (ran.op.length + ran.volatile.length === 0) return;
  print({ ran });
  for (const name of Object.keys(ran)) ran[name] = [];
}
setInterval(tell, 200);

io.on("connection", (socket) => {
  socket.on("op", (n, _text, callback) => {
    note(ran.op, n);
    callback();
  });
  socket.on("volatile", (n) => note(ran.volatile, n));
});

let sent = 0;
let begin;
let ticks;

function tick() {
  const due = Math.floor(((performance.now() - begin) * rate) / 1000);
  for (; sent < due; sent += 1) io.emit("n", sent, TEXT);
}

function obey(command) {
  if (command === "go") {
    begin = performance.now();
    ticks = setInterval(tick, 5);
  }
  if (command === "stop") {
    clearInterval(ticks);
    print({ sent });
  }
  if (command === "flush") {
    tell();
    print({ flushed: true });
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => obey(JSON.parse(line)))
  .on("close", () => process.exit(0));

http.listen(0, "127.0.0.1", () => print({ port: http.address().port }));
