// One real Socket.IO server. `node node.mjs '{"pingInterval":300}'`, or the same JSON in NODE_SERVER.
//
//   port (0: any free one), host, key and cert (PEM files: https), record (a file for the event "record");
//   all other keys are options of socket.io's `Server`: pingInterval, transports, maxHttpBufferSize, …
//
// Prints {"port":N} once it listens. Control lines on standard input, one JSON object each:
//   {"emit":[event, ...args], "namespace":"/"}   to everybody there
//   {"disconnect":true}                          all sockets, connections included
//   {"stats":true}                               prints {"stats":{…}}
//   {"wait":"pongs", "min":3}                    prints {"waited":{…}} once that number is reached
// `GET /__stats` gives the stats too, `GET /__blank` an empty page for scripts that need an origin.
// Ends when standard input ends, so that it does not outlive its parent.
import { readFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { createInterface } from "node:readline";
import { Server } from "socket.io";
import { behave, createRecord, guard } from "./behaviour.mjs";
import { fromJson, print } from "./json.mjs";
import { createStats, numberAt, watchEngine, watchRequests, watchSocket } from "./stats.mjs";

const {
  port = 0,
  host = "127.0.0.1",
  key,
  cert,
  record: recordFile,
  ...options
} = JSON.parse(process.argv[2] ?? process.env.NODE_SERVER ?? "{}");

const stats = createStats();
const record = createRecord(recordFile);

function plain(request, response) {
  if (request.url === "/__stats") {
    response.writeHead(200, { "content-type": "application/json", "access-control-allow-origin": "*" });
    return response.end(JSON.stringify(stats));
  }
  if (request.url === "/__blank") {
    response.writeHead(200, { "content-type": "text/html" });
    return response.end("<!doctype html><title>blank</title><link rel=icon href=data:,>");
  }
  response.writeHead(404).end("not found");
}

const http =
  key && cert
    ? createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, plain)
    : createHttp(plain);
// A page from another port must be able to use it.
const io = new Server(http, { cors: { origin: "*" }, ...options });
watchRequests(http, stats);
watchEngine(io.engine, stats);

for (const name of ["/", "/admin", "/news", "/secret"]) {
  const namespace = io.of(name);
  if (name === "/secret") namespace.use(guard);
  namespace.on("connection", (socket) => {
    watchSocket(socket, stats);
    behave(io, socket, { stats, record });
  });
}

const waiting = [];
setInterval(() => {
  for (let i = waiting.length - 1; i >= 0; i -= 1) {
    if (numberAt(stats, waiting[i].wait) < waiting[i].min) continue;
    waiting.splice(i, 1);
    print({ waited: stats });
  }
}, 5).unref();

function control(line) {
  const command = fromJson(JSON.parse(line));
  if (command.emit) io.of(command.namespace ?? "/").emit(...command.emit);
  if (command.disconnect) for (const [, namespace] of io._nsps) namespace.disconnectSockets(true);
  if (command.stats) print({ stats });
  if (command.wait) waiting.push(command);
}

createInterface({ input: process.stdin })
  .on("line", (line) => line.trim() && control(line))
  .on("close", () => process.exit(0));

// A fixed port is wanted where a killed server comes back: the old one may need a moment to go.
const deadline = Date.now() + 10_000;
http.on("error", (error) => {
  if (error.code !== "EADDRINUSE" || port === 0 || Date.now() > deadline) {
    print({ error: error.message });
    process.exit(1);
  }
  setTimeout(() => http.listen(port, host), 20);
});
http.on("listening", () => print({ port: http.address().port }));
http.listen(port, host);
