import type { Delivery, Fate, FateChange, FinalFate } from "./delivery.js";
import type { DefaultEventsMap, EventsMap } from "./emitter.js";
import { Manager, ManagerOptions, ManagerReservedEvents } from "./manager.js";
import { DisconnectDescription, ExtendedError, Gap, Socket, SocketOptions, SocketReservedEvents } from "./socket.js";

/**
 * A socket for a URL, whose path is the namespace (`/` without one). Synchronous: the socket connects later.
 *
 * Namespaces of a server share a connection. The same namespace a second time gets one of its own, as with `forceNew`.
 *
 * @param uri the server; default: the page's
 */
declare function lookup(opts?: Partial<ManagerOptions & SocketOptions>): Socket;
declare function lookup(uri?: string, opts?: Partial<ManagerOptions & SocketOptions>): Socket;

declare namespace lookup {
  var io: typeof lookup;
  var connect: typeof lookup;
  var Manager: typeof import("./manager.js").Manager;
  var Socket: typeof import("./socket.js").Socket;
}

export { protocol } from "./packet.js";
export {
  DefaultEventsMap,
  Delivery,
  DisconnectDescription,
  EventsMap,
  ExtendedError,
  Fate,
  FateChange,
  FinalFate,
  Gap,
  Manager,
  ManagerOptions,
  ManagerReservedEvents,
  Socket,
  SocketOptions,
  SocketReservedEvents,
  lookup,
  lookup as io,
  lookup as connect,
  lookup as default,
};
export { Fetch, NodeXHR, XHR, NodeWebSocket, WebSocket, WebTransport } from "./transport.js";
