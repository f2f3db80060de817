import { Emitter } from "./emitter.js";
import type { EnginePacket } from "./engine.js";

/** Why a transport failed. */
export class TransportError extends Error {
  /** The HTTP status (0: the request itself failed), the error event or the error behind it. */
  readonly description: any;
  /** The XMLHttpRequest or what stands for it in Node; the `Response` of `fetch`. */
  readonly context: any;
  readonly type: "TransportError";
  constructor(reason: string, description: any, context: any);
}

/** Why a transport was closed. */
export interface CloseDetails {
  description: string;
  /** The WebSocket's CloseEvent. */
  context?: unknown;
}

export interface TransportReservedEvents {
  open: () => void;
  error: (err: TransportError) => void;
  packet: (packet: EnginePacket) => void;
  close: (details?: CloseDetails) => void;
  poll: () => void;
  pollComplete: () => void;
  drain: () => void;
}

/** How packets travel. The engine has one at a time, and a second one during an upgrade. */
export abstract class Transport extends Emitter<Record<never, never>, Record<never, never>, TransportReservedEvents> {
  constructor(opts: any);
  /** `polling`, `websocket` or `webtransport`. */
  abstract get name(): string;
  /** The parameters of the requests' URLs. */
  query: Record<string, string>;
  /** Whether nothing is under way to the server. */
  writable: boolean;
}

/** Something for the options `transports` and `transportImplementations`. */
export type TransportCtor = { new (o: any): Transport };

/** A transport's name for the option `transports`. */
export type TransportName = "polling" | "websocket" | "webtransport" | (string & {});

/** HTTP long-polling with `fetch()`. Everywhere. */
export class Fetch extends Transport {
  get name(): string;
}

/** HTTP long-polling with XMLHttpRequest. Browsers. */
export class XHR extends Transport {
  get name(): string;
}

/** HTTP long-polling with `node:http`, over kept connections. Node. */
export class NodeXHR extends Transport {
  get name(): string;
}

/** The runtime's own WebSocket. Browsers, Node from version 22. */
export class WebSocket extends Transport {
  get name(): string;
}

/** The WebSocket of the package `ws`. Node. */
export class NodeWebSocket extends Transport {
  get name(): string;
}

/** Not built yet: chosen alone, it gives the error `No transports available`. */
export class WebTransport extends Transport {
  get name(): string;
}
