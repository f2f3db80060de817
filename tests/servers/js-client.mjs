// The published JavaScript client behind the same JSON lines as `sio connect`:
// a test written for one runs against the other, which tells a fault of ours from a fault of the test.
//
//   node js-client.mjs URL [--namespace NSP]... [--auth JSON] [--transports a,b] [--path PATH]
//                      [--reconnection-delay MS] [--reconnection-delay-max MS] [--reconnection-attempts N]
import { createInterface } from "node:readline";
import { Manager } from "socket.io-client";
import { fromJson, print, toJson } from "./json.mjs";

const [url, ...rest] = process.argv.slice(2);
const given = { namespace: [] };
for (let i = 0; i < rest.length; i += 2) {
  const name = rest[i].replace(/^--/, "");
  if (name === "namespace") given.namespace.push(rest[i + 1]);
  else given[name] = rest[i + 1];
}
const { origin, pathname } = new URL(url);
if (given.namespace.length === 0) given.namespace.push(pathname);

const options = { autoConnect: false };
if (given.transports) options.transports = given.transports.split(",");
if (given.path) options.path = given.path;
if (given["reconnection-delay"]) options.reconnectionDelay = parseInt(given["reconnection-delay"], 10);
if (given["reconnection-delay-max"]) options.reconnectionDelayMax = parseInt(given["reconnection-delay-max"], 10);
if (given["reconnection-attempts"]) options.reconnectionAttempts = Number(given["reconnection-attempts"]);

const manager = new Manager(origin, options);
manager.on("reconnect_attempt", (attempt) => print({ type: "reconnect_attempt", attempt }));
manager.on("reconnect", () => print({ type: "reconnect" }));
manager.on("reconnect_failed", () => print({ type: "reconnect_failed" }));

let asked = 0;
const questions = new Map();
const pending = new Set();

const sockets = new Map();
for (const namespace of given.namespace) {
  const socket = manager.socket(namespace, { auth: given.auth ? JSON.parse(given.auth) : undefined });
  sockets.set(namespace, socket);
  socket.on("connect", () => print({ type: "connect", namespace, id: socket.id, recovered: socket.recovered }));
  socket.on("disconnect", (reason) => {
    print({ type: "disconnect", namespace, reason });
    for (const settle of [...pending]) settle("disconnected");
  });
  socket.on("connect_error", (error) =>
    print({ type: "connect_error", namespace, message: error.message, data: error.data }),
  );
  socket.onAny((event, ...args) => {
    const line = { type: "event", namespace, event };
    const last = args.at(-1);
    if (typeof last === "function") {
      args.pop();
      line.ack = ++asked;
      questions.set(line.ack, last);
    }
    print({ ...line, args: toJson(args) });
  });
  socket.connect();
}

function emit({ emit: event, args = [], ack, id, namespace = given.namespace[0] }) {
  const socket = sockets.get(namespace);
  if (!socket) return print({ type: "error", message: `namespace ${namespace} is not in use` });
  if (!ack) return socket.emit(event, ...fromJson(args));
  const settle = (error, answer) => {
    if (!pending.delete(settle)) return;
    print(error ? { type: "ack", id, error } : { type: "ack", id, args: toJson(answer) });
    finish();
  };
  pending.add(settle);
  socket.emit(event, ...fromJson(args), (...answer) => settle(undefined, answer));
}

let ended = false;
function finish() {
  if (!ended || pending.size > 0) return;
  if (manager.engine?.readyState !== "open") process.exit(0);
  manager.engine.on("close", () => process.exit(0));
  // The server drops an event that a DISCONNECT follows at once. Its answer about a namespace
  // that does not exist shows that it has read everything before.
  manager
    .socket("/__fence")
    .on("connect_error", () => sockets.forEach((socket) => socket.disconnect()))
    .connect();
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    try {
      const command = JSON.parse(line);
      if (typeof command.emit === "string") emit(command);
      else if (command.ack !== undefined) questions.get(command.ack)?.(...fromJson(command.args ?? []));
      else if (command.disconnect) for (const socket of sockets.values()) socket.disconnect();
      else throw new Error("no emit, ack or disconnect in it");
    } catch (error) {
      print({ type: "error", message: `cannot read the line: ${error.message}` });
    }
  })
  .on("close", () => {
    ended = true;
    finish();
  });
