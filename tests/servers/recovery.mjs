// A Socket.IO server with connection state recovery, which says what it sees. `node recovery.mjs '{"once":true}'`:
//
//   once       with the middleware of `socketio-client-wasm/server`
//   handlerMs  the longest that the handler of "op" takes, 0; seed of these times: seed, 1
//   refuse     after the first connection a middleware refuses everybody, resumed sessions too, until told otherwise
//   sweepMs    how often what is too old is thrown away, instead of each 60 s; before anybody connects
//   options    of `Server`; recovery: of `connectionStateRecovery`
//
// Prints {"port":N} once it listens, and then
//   {"here":{"id":…,"recovered":…,"auth":…}}   a namespace is connected; auth: what CONNECT said
//   {"gone":{"id":…,"reason":…}}               and no longer
//   {"asked":{"auth":…,"recovered":…}}         the middleware was run
//   {"sessions":N}                             Engine.IO sessions, whenever that changes
//   {"upgraded":sid}                           one moved to WebSocket
//   {"swept":N}                                events were thrown away, N are left
//   {"run":{"client":…,"n":…,"at":µs}}         the handler of "op", which is acknowledged with {n, value: n * 7 + 1}
// Lines on standard input:
//   {"tick":MS}           emits "n" with a number, to everybody, so often; 0: no more, answered with {"ticked":N}, the next one
//   {"emit":[name, …], "volatile":true, "ack":true}   to everybody, answered with {"emitted":name}; {"$bytes":"…"} is binary
//   {"refuse":bool}       answered with {"refusing":bool}
//   {"disconnect":true}   everybody from the namespace, connections stay
//   {"close":true}        as on SIGTERM: closes all, then ends
// Ends when standard input ends, so that it does not outlive its parent.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";
import { exactlyOnce } from "../../client-wasm/js/server/index.js";
import { Random } from "../cuts/random.mjs";
import { fromJson, print } from "./json.mjs";

const { once: isOnce, handlerMs = 0, seed = 1, refuse, sweepMs, recovery = {}, options } = JSON.parse(process.argv[2] ?? "{}");

const once = isOnce ? exactlyOnce() : undefined;
const http = createServer();

// The adapter's timer is the only one of 60 s that is made while a namespace is.
const { setInterval } = globalThis;
if (sweepMs) globalThis.setInterval = (act, time, ...rest) => setInterval(act, time === 60_000 ? sweepMs : time, ...rest);
const io = new Server(http, { ...(once && { parser: once.parser }), connectionStateRecovery: recovery, ...options });
globalThis.setInterval = setInterval;
once?.install(io);

const nsp = io.of("/");
const random = new Random(seed);
let refusing = false;
let next = 0;
let ticks;

function watchSessions() {
  let known = 0;
  const tell = () => {
    if (io.engine.clientsCount === known) return;
    known = io.engine.clientsCount;
    print({ sessions: known });
  };
  io.engine.on("connection", (session) => {
    tell();
    // The count is taken down by a listener that may be behind this one.
    session.on("close", () => setImmediate(tell));
    session.on("upgrade", () => print({ upgraded: session.id }));
  });
}
watchSessions();

// An asynchronous one, as they are where a database is asked.
if (refuse) {
  nsp.use((socket, accept) => {
    print({ asked: { auth: socket.handshake.auth, recovered: socket.recovered } });
    setImmediate(() => accept(refusing ? new Error("refused") : undefined));
  });
}

nsp.on("connection", (socket) => {
  const { id, recovered } = socket;
  print({ here: { id, recovered, auth: socket.handshake.auth } });
  socket.on("disconnect", (reason) => print({ gone: { id, reason } }));
  socket.on("op", (what, ack) => {
    const { client, n } = what ?? {};
    print({ run: { client, n, at: Number(process.hrtime.bigint() / 1000n) } });
    setTimeout(() => ack?.({ n, value: n * 7 + 1 }), random.between(0, handlerMs));
  });
});

if (sweepMs) {
  let before = 0;
  setInterval(() => {
    const { length } = nsp.adapter.packets;
    if (length < before) print({ swept: length });
    before = length;
  }, 20).unref();
}

function emit({ emit: [name, ...args], volatile, ack }) {
  if (ack) nsp.timeout(60_000).emit(name, ...args, () => {});
  else if (volatile) nsp.volatile.emit(name, ...args);
  else nsp.emit(name, ...args);
  print({ emitted: name });
}

function obey(command) {
  if (command.tick !== undefined) {
    clearInterval(ticks);
    if (command.tick > 0) ticks = setInterval(() => nsp.emit("n", next++), command.tick);
    else print({ ticked: next });
  }
  if (command.emit) emit(command);
  if (command.refuse !== undefined) print({ refusing: (refusing = command.refuse) });
  if (command.disconnect) nsp.disconnectSockets(false);
  if (command.close) io.close(() => process.exit(0));
}

process.on("SIGTERM", () => io.close(() => process.exit(0)));
createInterface({ input: process.stdin })
  .on("line", (line) => obey(fromJson(JSON.parse(line))))
  .on("close", () => process.exit(0));

http.listen(0, "127.0.0.1", () => print({ port: http.address().port }));
