// Beside a Socket.IO server: each event that a client with `exactlyOnce` sends runs its handlers once.
import { Desk } from "./desk.js";
import { Link } from "./link.js";
import { memoryStore } from "./memory.js";
import { readDelivery, scopeName } from "./names.js";
import { Encoding, noting, socketIoParser } from "./parser.js";

export { memoryStore } from "./memory.js";
export { redisStore } from "./redis.js";

function warn(error) {
  process.emitWarning(error instanceof Error ? error : String(error), { type: "ExactlyOnceWarning" });
}

const defaults = {
  store: undefined,
  parser: undefined,
  user: undefined,
  ttl: 600_000,
  lease: 2_000,
  handlerTimeout: 60_000,
  inDoubt: "run",
  onError: warn,
};

function check(options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings = { ...defaults, ...Object.fromEntries(given) };
  const wrong = (name, what) => {
    throw new TypeError(`exactlyOnce: option "${name}" ${what}`);
  };
  for (const name of Object.keys(settings)) if (!Object.hasOwn(defaults, name)) wrong(name, "does not exist");
  for (const name of ["ttl", "lease", "handlerTimeout"]) {
    const ms = settings[name];
    if (!Number.isFinite(ms) || ms < 30) wrong(name, "is a number of milliseconds, at least 30");
    settings[name] = Math.ceil(ms);
  }
  if (settings.ttl < settings.lease) wrong("ttl", "is shorter than the lease");
  if (settings.inDoubt !== "run" && settings.inDoubt !== "fail") wrong("inDoubt", 'is "run" or "fail"');
  if (settings.user !== undefined && typeof settings.user !== "function") wrong("user", "is a function of the socket");
  if (typeof settings.onError !== "function") wrong("onError", "is a function of the error");
  settings.store ??= memoryStore();
  if (typeof settings.store.open !== "function") wrong("store", "is what memoryStore() or redisStore(client) returns");
  settings.parser ??= socketIoParser();
  if (typeof settings.parser.Decoder !== "function" || typeof settings.parser.Encoder !== "function") {
    wrong("parser", "has no Encoder and Decoder");
  }
  return settings;
}

/** The user of a socket, as text. */
function userOf(settings, socket) {
  const user = settings.user?.(socket) ?? "";
  if (typeof user === "string" || typeof user === "number") return String(user);
  throw new TypeError('exactlyOnce: option "user" returned neither a string nor a number');
}

/** Looks after a new socket, if its client counts its events. */
function look(desk, settings, socket) {
  const delivery = readDelivery(socket.handshake.auth);
  if (delivery === undefined) return;
  if (delivery === null) {
    desk.stats.invalid += 1;
    return;
  }
  try {
    const user = userOf(settings, socket);
    new Link(desk, socket, scopeName(user, delivery.id, socket.nsp.name), delivery.base);
  } catch (error) {
    // The client is not answered, and knows that it is on its own.
    desk.failed(error);
  }
}

export function exactlyOnce(options = {}) {
  const settings = check(options);
  const desk = new Desk(settings, new Encoding(settings.parser));
  const servers = new WeakSet();
  let installed = false;
  let warned = false;
  const parser = noting(settings.parser, () => {
    if (installed || warned) return;
    warned = true;
    settings.onError(new Error("exactlyOnce: its parser is in use, but install(io) was not called"));
  });
  const watch = (namespace) => namespace.prependListener("connect", (socket) => look(desk, settings, socket));
  return {
    parser,
    get stats() {
      return { ...desk.stats };
    },
    install(io) {
      if (typeof io?.of !== "function") throw new TypeError("exactlyOnce: install(io) takes a Socket.IO server");
      if (io._parser?.Decoder !== parser.Decoder) {
        throw new Error("exactlyOnce: this server has another parser; make it as new Server(http, { parser: once.parser })");
      }
      if (servers.has(io)) throw new Error("exactlyOnce: it is installed on this server already");
      servers.add(io);
      installed = true;
      // Before the application's own listeners. Dynamic namespaces are announced too.
      for (const namespace of new Set([io.of("/"), ...(io._nsps?.values() ?? [])])) watch(namespace);
      io.on("new_namespace", watch);
      return io;
    },
  };
}
