import { keepIn, keepWeaklyIn } from "./keep.js";
import { Manager } from "./manager.js";
import { Socket } from "./socket.js";
import { parseQuery, url } from "./url.js";

/** The revision of the Socket.IO protocol. */
export const protocol = 5;

/** Managers by server and request path. */
const cache = {};

/** A socket for the namespace that the URL's path names, on a connection that it shares with others of the same server. */
export function lookup(uri, opts) {
  if (typeof uri === "object" && uri !== null && !(uri instanceof URL)) {
    opts = uri;
    uri = undefined;
  }
  opts = { ...opts };
  const page = typeof location === "undefined" ? undefined : location;
  const { source, id, path, query } = url(uri, opts.path || "/socket.io", page);
  const taken = cache[id]?.nsps[path] !== undefined;
  const separate = opts.forceNew || opts["force new connection"] || opts.multiplex === false || taken;
  if (query && !opts.query) opts.query = parseQuery(query);
  const io = separate ? new Manager(source, opts) : (cache[id] ?? shared(id, source, opts));
  return io.socket(path, opts);
}

function shared(id, source, opts) {
  const io = new Manager(source, opts);
  io._used = () => keepIn(cache, id, io);
  // Nobody may ever come back to this server.
  io._unused = () => keepWeaklyIn(cache, id, io);
  io._used();
  return io;
}

Object.assign(lookup, { Manager, Socket, io: lookup, connect: lookup });

export { lookup as io, lookup as connect, lookup as default, Manager, Socket };
export { Fetch, NodeWebSocket, NodeXHR, WebSocket, WebTransport, XHR } from "./transports.js";
