import { TELLS_UNSENT } from "./transport/websocket.js";
import { parse, parseQuery } from "./url.js";

/** The last one is not built yet. Numbers in src/js/options.rs. */
const TRANSPORTS = ["polling", "websocket", "webtransport"];

const listed = ({ transports, transportImplementations }) => {
  const wanted = transports ?? transportImplementations ?? TRANSPORTS;
  return Array.isArray(wanted) ? wanted : Object.values(wanted);
};

const nameOf = (item) => (typeof item === "string" ? item : item?.prototype?.name);

/** Names of the transports that the options ask for, in their order. */
export function transportNames(opts) {
  if (opts.transports && opts.transportImplementations) {
    throw new TypeError("give either `transports` or `transportImplementations`");
  }
  return listed(opts).map((item) => {
    const name = nameOf(item);
    if (!TRANSPORTS.includes(name)) throw new TypeError(`unknown transport ${String(item?.name ?? item)}`);
    return name;
  });
}

/** What the class that was given for a transport says: `fetch` for polling, `builtin` for WebSocket. */
export function implementation(opts, name) {
  const { fetch, builtin } = listed(opts).find((item) => nameOf(item) === name) ?? {};
  return { fetch, builtin };
}

const flag = (value) => (value ? 1 : 0);
const maybe = (value) => (typeof value === "number" ? value : NaN);

/** The first is the default. Numbers in src/js/options.rs. */
const CHOICES = {
  bufferPolicy: ["refuse", "dropOldest", "dropNewest"],
  receipts: ["auto", "namespace", false],
  outboxDurability: ["storedFirst", "writeBehind"],
  recoveryStore: ["memory", "session", "outbox"],
  recoveryDedupe: [undefined, "offset", "content"],
  gap: ["likely", "all"],
};
const chosen = (opts, name) => CHOICES[name].indexOf(opts[name] ?? CHOICES[name][0]);

/** From where to where. */
const NUMBERS = {
  retryWindow: [1, 1024],
  retryDelay: [0, Infinity],
  retryDelayMax: [0, Infinity],
  bufferSize: [0, Infinity],
  bufferBytes: [0, Infinity],
  bufferMaxAge: [0, Infinity],
  closeTimeout: [0, Infinity],
  outboxMaxAge: [0, Infinity],
  recoveryTakeoverTimeout: [0, Infinity],
  recoveryOverlap: [0, Infinity],
  holdSize: [1, Infinity],
};

const isText = (value) => typeof value === "string";
const areTexts = (value) => Array.isArray(value) && value.every(isText);
const isFunction = (value) => typeof value === "function";

/** What else an option may be, in words. */
const SHAPES = {
  outbox: [(value) => isText(value) && value !== "", "a name"],
  urls: [areTexts, "a list of URLs"],
  holdEvents: [areTexts, "a list of names"],
  resync: [isFunction, "a function"],
  offset: [(value) => isText(value?.key) && isFunction(value.of), "{ key, of }"],
};

/** Throws for what is none of an option's values. */
export function check(opts) {
  for (const [name, [fits, what]] of Object.entries(SHAPES)) {
    if (opts[name] !== undefined && !fits(opts[name])) throw new TypeError(`${name} must be ${what}`);
  }
  for (const name of Object.keys(CHOICES)) {
    if (chosen(opts, name) < 0) throw new TypeError(`unknown ${name} ${String(opts[name])}`);
  }
  for (const [name, [least, most]] of Object.entries(NUMBERS)) {
    const value = opts[name] ?? least;
    const fits = typeof value === "number" && value >= least && value <= most;
    if (!fits) throw new RangeError(`${name} must be a number from ${least} to ${most}`);
  }
}

/** Numbers in the order of src/js/options.rs. */
export function configuration(manager) {
  const { opts } = manager;
  const timeout = manager.timeout();
  const attempts = manager.reconnectionAttempts();
  const kinds = transportNames(opts)
    .map((name) => TRANSPORTS.indexOf(name))
    .filter((kind) => kind < 2);
  return [
    flag(opts.upgrade ?? true),
    flag(opts.tryAllTransports),
    flag(opts.rememberUpgrade),
    opts.timestampRequests === undefined ? NaN : flag(opts.timestampRequests),
    flag(opts.addTrailingSlash ?? true),
    flag(opts.forceBase64),
    timeout === false ? Infinity : timeout,
    opts.requestTimeout ? maybe(opts.requestTimeout) : NaN,
    flag(manager.reconnection()),
    attempts,
    manager.reconnectionDelay(),
    manager.reconnectionDelayMax(),
    manager.randomizationFactor(),
    maybe(opts.maxAttachments ?? 10),
    flag(opts.recovery ?? true),
    opts.closeTimeout ?? 2000,
    opts.retryDelay ?? 0,
    opts.retryDelayMax ?? 5000,
    opts.bufferSize ?? Infinity,
    opts.bufferBytes ?? Infinity,
    opts.bufferMaxAge ?? NaN,
    chosen(opts, "bufferPolicy"),
    chosen(opts, "receipts"),
    flag(TELLS_UNSENT),
    flag(opts.recoveryTakeover ?? true),
    opts.recoveryTakeoverTimeout ?? 1000,
    opts.recoveryOverlap ?? NaN,
    chosen(opts, "recoveryDedupe"),
    chosen(opts, "gap"),
    kinds.length,
    ...kinds,
  ];
}

/**
 * Where the next attempt goes: the URL that the manager was given, else its options, else the page's location. `query` is
 * undefined where there is none.
 */
export function target({ uri, opts }) {
  const page = typeof location === "undefined" ? undefined : location;
  const from = (protocol) => protocol === "https" || protocol === "wss" || protocol === "https:";
  let { hostname, secure, port, query } = opts;
  if (uri) {
    const parts = parse(uri);
    hostname = parts.host;
    secure = from(parts.protocol);
    port = parts.port;
    if (parts.query) query ??= parts.query;
  } else if (opts.host) {
    hostname = parse(opts.host).host;
  }
  secure ??= page ? from(page.protocol) : false;
  if (hostname && !port) port = secure ? 443 : 80;
  hostname ||= page?.hostname || "localhost";
  port ||= page?.port || (secure ? 443 : 80);
  return { secure, hostname, port: Number(port), query: typeof query === "string" ? parseQuery(query) : query };
}

/** The servers that are tried in turn, where there are several (`urls`): this manager's own first, unless they are shuffled. */
export function servers(manager) {
  const { urls = [], shuffleUrls } = manager.opts;
  if (urls.length === 0) return [];
  const all = [target(manager), ...urls.map((uri) => target({ uri, opts: {} }))];
  for (let last = all.length - 1; shuffleUrls && last > 0; last -= 1) {
    const at = Math.floor(Math.random() * (last + 1));
    [all[at], all[last]] = [all[last], all[at]];
  }
  return all;
}

/** A request's path, as the core writes it. */
export const requestPath = ({ path, addTrailingSlash = true }) => path.replace(/\/$/, "") + (addTrailingSlash ? "/" : "");
