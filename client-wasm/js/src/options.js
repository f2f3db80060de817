import { parse, parseQuery } from "./url.js";

const KINDS = { polling: 0, websocket: 1 };
const DEFAULT_TRANSPORTS = ["polling", "websocket", "webtransport"];

/** Names of the transports that the options ask for, in their order. */
export function transportNames({ transports, transportImplementations }) {
  if (transports && transportImplementations) {
    throw new TypeError("give either `transports` or `transportImplementations`");
  }
  const wanted = transports ?? transportImplementations ?? DEFAULT_TRANSPORTS;
  const list = Array.isArray(wanted) ? wanted : Object.values(wanted);
  return list.map((item) => {
    const name = typeof item === "string" ? item : item?.transport;
    if (name !== "webtransport" && !(name in KINDS)) throw new TypeError(`unknown transport ${String(item?.name ?? item)}`);
    return name;
  });
}

/** Whether one of the classes was asked for that are marked with this: `fetch` or `ws`. */
export const wants = (mark, { transports, transportImplementations }) =>
  Object.values(transports ?? transportImplementations ?? []).some((item) => item?.[mark] === true);

const flag = (value) => (value ? 1 : 0);
const maybe = (value) => (typeof value === "number" ? value : NaN);

/** `numbers` and `texts` in the order of src/js/options.rs. */
export function configuration(manager) {
  const { opts } = manager;
  const timeout = manager.timeout();
  const attempts = manager.reconnectionAttempts();
  const kinds = transportNames(opts)
    .filter((name) => name in KINDS)
    .map((name) => KINDS[name]);
  const numbers = [
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
    ...kinds,
  ];
  return { numbers: Float64Array.from(numbers), texts: [opts.path, opts.timestampParam ?? "t"] };
}

/** Where the next attempt goes: the URL that the manager was given, else its options, else the page's location. */
export function target({ uri, opts }) {
  const page = typeof location === "undefined" ? undefined : location;
  const from = (protocol) => protocol === "https" || protocol === "wss" || protocol === "https:";
  let { secure, port } = opts;
  let host = opts.hostname ?? opts.host;
  let query = opts.query;
  if (uri) {
    const parts = parse(uri);
    host = parts.host;
    secure = from(parts.protocol);
    port = parts.port;
    if (parts.query) query ??= parts.query;
  } else if (host) {
    ({ host } = parse(host));
  }
  secure ??= page ? from(page.protocol) : false;
  if (host && !port) port = secure ? 443 : 80;
  host ||= page?.hostname || "localhost";
  port ||= page?.port || (secure ? 443 : 80);
  const pairs = typeof query === "string" ? parseQuery(query) : (query ?? {});
  return { secure, hostname: host, port: Number(port), query: pairs };
}
