// What both Node transports make of the client's options. Nothing in here writes into an object of the application.

/** Options of the TLS and TCP connection: handed on as they are. */
const CONNECTION = [
  "pfx",
  "key",
  "passphrase",
  "cert",
  "ca",
  "ciphers",
  "rejectUnauthorized",
  "checkServerIdentity",
  "family",
  "localAddress",
];

/** The named options that were given. */
export function pick(opts, names) {
  const picked = {};
  for (const name of names) if (opts[name] !== undefined && opts[name] !== null) picked[name] = opts[name];
  return picked;
}

export const connectionOptions = (opts) => pick(opts, CONNECTION);

/** A custom agent; `agent: false`, the default, is none. */
export const customAgent = (opts) => (opts.agent && typeof opts.agent === "object" ? opts.agent : undefined);

/**
 * The headers of a request: `defaults`, the application's, `fixed`, and the jar's cookies behind the application's own.
 * A name occurs once, in whatever case it was written.
 */
export function requestHeaders(opts, defaults = {}, fixed = {}) {
  const headers = new Map();
  for (const source of [defaults, opts.extraHeaders ?? {}, fixed]) {
    for (const [name, value] of Object.entries(source)) {
      if (value !== undefined && value !== null) headers.set(name.toLowerCase(), [name, value]);
    }
  }
  const jar = opts.jar?.header();
  if (jar) {
    const [name, own] = headers.get("cookie") ?? ["Cookie", []];
    headers.set("cookie", [name, [].concat(own, jar).join("; ")]);
  }
  return Object.fromEntries(headers.values());
}

/** `handler`, but what it throws reaches the host's handler of uncaught exceptions instead of Node's stream code. */
export const isolated = (handler) => (argument) => {
  try {
    handler(argument);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
};
