// A WebSocket in Node. The runtime's own where that is enough, else the package `ws`, which also has request headers,
// agents, TLS options and compression settings, and which Node before version 22 needs for everything. Dumb: what
// arrives is handed on, and no more.
import { createRequire } from "node:module";
import { connectionOptions, customAgent, isolated, pick, requestHeaders } from "./options.js";

/** `bufferedAmount` is 0 once a connection has ended, and what the system was handed does not count. */
export const TELLS_UNSENT = false;

const THRESHOLD = 1024;
/** How long a server may take to say goodbye too, in ms. By itself `ws` reads on for half a minute. */
const GOODBYE = 5000;
const INSTALL = 'install the "ws" package (npm install ws)';

/** Loads `ws`, at the first need; undefined where it is not installed. */
function loadWs() {
  try {
    // In the CommonJS build there is no import.meta.url.
    return createRequire(import.meta.url ?? __filename)("ws");
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND" && /'ws'/.test(error.message)) return undefined;
    throw error;
  }
}

/** What of these options a standard WebSocket cannot do. The connection would not be the one that was asked for. */
function needs(opts, headers) {
  const given = Object.keys({
    ...(customAgent(opts) && { agent: true }),
    ...connectionOptions(opts),
    ...pick(opts, ["origin", "protocolVersion"]),
  }).filter((name) => name !== "rejectUnauthorized" || opts.rejectUnauthorized === false);
  if (Object.keys(headers).length > 0) given.unshift("request headers");
  return given;
}

/** What it cannot do either, but where doing without is no harm. */
function wants({ autoUnref, perMessageDeflate }) {
  if (autoUnref) return true;
  if (perMessageDeflate === undefined || perMessageDeflate === null || perMessageDeflate === true) return false;
  return perMessageDeflate === false || Object.keys(perMessageDeflate).some((name) => name !== "threshold");
}

function failure(handlers, message) {
  const error = new Error(message);
  let closed = false;
  process.nextTick(() => {
    if (!closed) isolated(handlers.error)({ type: "error", message, error });
    if (!closed) isolated(handlers.close)({ type: "close", code: 1006, reason: "", wasClean: false });
  });
  return {
    send() {},
    close() {
      closed = true;
    },
    unref() {},
    raw: undefined,
    bufferedAmount: 0,
  };
}

/**
 * Opens a WebSocket.
 *
 * opts      the transport's merged options: builtin (whether it is to be the runtime's own), extraHeaders, jar,
 *           protocols, agent, TLS options, perMessageDeflate, ...
 * handlers  open(), message(data: string | Buffer), error(event), close(event): never called from within this
 *           function, and never after close().
 *
 * Throws what the constructor throws. Returns { send(data, compress), close(), unref(), raw, bufferedAmount }.
 */
export function openWebSocket(url, opts, handlers) {
  const headers = requestHeaders(opts);
  const needed = needs(opts, headers);
  const Own = globalThis.WebSocket;
  const builtin = Own && (opts.builtin ?? (needed.length === 0 && !wants(opts)));
  const ws = builtin ? undefined : loadWs();
  if (ws) return openWs(ws, url, opts, headers, handlers);
  if (!Own) return failure(handlers, `this runtime has no WebSocket: ${INSTALL}`);
  if (needed.length > 0) {
    return failure(handlers, `this runtime's WebSocket cannot do ${needed.join(", ")}: ${INSTALL}`);
  }
  const socket = opts.protocols ? new Own(url, opts.protocols) : new Own(url);
  socket.binaryType = "arraybuffer";
  return {
    ...listen(socket, handlers),
    send: (data) => attempt(() => socket.send(data)),
    unref() {},
    raw: socket,
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
  };
}

function openWs(WebSocket, url, opts, headers, handlers) {
  const { perMessageDeflate = { threshold: THRESHOLD } } = opts;
  const agent = customAgent(opts);
  let connection;
  let unreferenced = false;

  const socket = new WebSocket(url, opts.protocols ?? [], {
    ...connectionOptions(opts),
    ...pick(opts, ["origin", "protocolVersion", "maxPayload"]),
    ...(agent && { agent }),
    perMessageDeflate,
    closeTimeout: GOODBYE,
    headers,
    finishRequest(request) {
      request.once("socket", (opened) => {
        connection = opened;
        if (unreferenced) opened.unref();
      });
      request.end();
    },
  });

  const threshold = perMessageDeflate?.threshold;
  // Compressing what is short costs more than it saves.
  const short = (data) => {
    if (!(threshold > 0) || data.length >= threshold) return false;
    return (typeof data === "string" ? Buffer.byteLength(data) : data.byteLength) < threshold;
  };

  function unref() {
    unreferenced = true;
    connection?.unref();
  }
  if (opts.autoUnref) unref();

  return {
    ...listen(socket, handlers),
    send: (data, compress) => attempt(() => socket.send(data, { compress: compress !== false && !short(data) })),
    unref,
    raw: socket,
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
  };
}

/** Sends, if the WebSocket is still able to: if not, its close is on the way. */
function attempt(send) {
  try {
    send();
  } catch {
    // As said.
  }
}

function listen(socket, handlers) {
  let closed = false;
  const pass = (handler) => {
    const call = isolated(handler);
    return (event) => closed || call(event);
  };
  socket.onopen = pass(() => handlers.open());
  socket.onmessage = pass(({ data }) => handlers.message(data instanceof ArrayBuffer ? Buffer.from(data) : data));
  socket.onclose = pass((event) => handlers.close(event));
  // Stays after close(): an error without a listener would end the process.
  socket.onerror = pass((event) => handlers.error(event));
  return {
    close() {
      closed = true;
      socket.close();
    },
  };
}
