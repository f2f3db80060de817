import { DefaultEventsMap, Emitter, EventsMap } from "./emitter.js";
import type { Engine, EngineOptions } from "./engine.js";
import type { Packet } from "./packet.js";
import type { DisconnectDescription, Socket, SocketOptions } from "./socket.js";

export interface ManagerOptions extends EngineOptions {
  /** Whether `io()` makes a new Manager, which nobody else gets. Default `false`. */
  forceNew: boolean;
  /** `false`: as `forceNew`. Default `true`. */
  multiplex: boolean;
  /** The path of the server. Default `/socket.io`. */
  path: string;
  /** Whether a lost connection is made again. Default `true`. */
  reconnection: boolean;
  /** How many attempts are made before giving up. Default `Infinity`, also for `0`. */
  reconnectionAttempts: number;
  /** The delay before the first attempt, in ms; it doubles with each. Default `1000`, also for `0`. */
  reconnectionDelay: number;
  /** The longest delay between attempts, in ms. Default `5000`, also for `0`. */
  reconnectionDelayMax: number;
  /** How much of a delay is left to chance, from 0 to 1. Default `0.5`: from half to one and a half of it. */
  randomizationFactor: number;
  /** How long an attempt to connect may take, in ms; `false`: for ever. Default `20000`. */
  timeout: number;
  /** Whether to connect at once. Default `true`. */
  autoConnect: boolean;
  /** Another encoder and decoder: `{ Encoder, Decoder }`, both classes. The server needs the same. */
  parser: any;
  /** Bytes of one message or polling body that a server may send; `0`: any. What is longer ends the connection. Default 100 MiB. */
  maxPayload?: number;
  /** How many binary parts an emitted event may have; a server's parser limits them, too. Default `10`. */
  maxAttachments?: number;
  /** Whether a session that was lost is asked back for, where the server can do that. Default `true`. */
  recovery?: boolean;
  /** Whether a server that may not know that a connection is gone is told before it is asked for its session. Default `true`. */
  recoveryTakeover?: boolean;
  /** How long that may take, in ms. Default `1000`. */
  recoveryTakeoverTimeout?: number;
  /**
   * How much older than the newest the offset is from which the server goes on, in ms. Default: `100` where offsets do not
   * come in order (Redis streams), else `0`.
   */
  recoveryOverlap?: number;
  /**
   * How an event is known to have come before: by its offset, or also by what it says, where the first time it had none.
   * Default: by content where a server replays such events (Redis streams), else by offset.
   */
  recoveryDedupe?: "offset" | "content";
  /**
   * Where the session is kept that the server may be asked for. `"session"`: in the tab's `sessionStorage`, so that a page that is
   * loaded again goes on where it was. Namespaces then open the connection, and not the manager by itself. Where a browser has
   * no Web Locks (pages without HTTPS), and in Node, that is `"memory"`, the default. Events that still wait for their first
   * listener (`holdEvents`) when the page goes come to the next one, and with them again what came after the first of these, or
   * up to a second before it.
   *
   * `"outbox"`: beside the namespace's `outbox`, which it needs, for the tab that sends for all. That is decided first, then
   * it connects: a tab that leads takes up the session that a page before it has left there, also one of another tab; the others
   * connect with a session of their own, which they store from when they lead. How far events have come is stored once a
   * second: if the tab is closed, the last of them may come again. Where there is no database, or
   * one that does not answer within five seconds, the first connection has a gap; where there are no Web Locks a page may not
   * know soon enough that it leads, and begins a session of its own. With several namespaces the connection is opened once
   * that is known of all that are to be connected.
   */
  recoveryStore?: "memory" | "session" | "outbox";
  /** Which gaps are told: those in which events are missing for all that is known, or also what may be. Default `"likely"`. */
  gap?: "likely" | "all";
  /** Other servers, which are tried in turn when one cannot be reached. Where one works, the next attempts begin there. */
  urls?: string[];
  /** Whether each client tries the servers in an order of its own. Default `false`. */
  shuffleUrls?: boolean;
  /** With `retries`: the pause before an event is sent again on a living connection, in ms; it doubles. Default `0`. */
  retryDelay?: number;
  /** The longest of these pauses, in ms; `randomizationFactor` counts here, too. Default `5000`. */
  retryDelayMax?: number;
  /** How many events of a namespace may wait to be sent or acknowledged. Default: any number. */
  bufferSize?: number;
  /** How many bytes they may have. Default: any number. */
  bufferBytes?: number;
  /** How long an event may wait to be sent, in ms; see `socket.maxAge`. Default: for ever. */
  bufferMaxAge?: number;
  /**
   * What happens to an event for which there is no room: it is refused, or the oldest that were never sent are dropped for
   * it, or it is dropped itself. Default `"refuse"`.
   */
  bufferPolicy?: "refuse" | "dropOldest" | "dropNewest";
  /**
   * What counts as a proof that the server has read what was sent. `"auto"`: the answer to a polling request, and the
   * middleware of `exactlyOnce`. `"namespace"`: also that the server refuses a namespace that does not exist, `/$fence`; not
   * for servers that accept any. `false`: nothing. Default `"auto"`.
   */
  receipts?: "auto" | "namespace" | false;
  /** How long the last namespace's `disconnect()` waits for what was emitted before, in ms. Default `2000`. */
  closeTimeout?: number;
}

export interface ManagerReservedEvents {
  /** The connection is there; the namespaces follow. */
  open: () => void;
  /** An attempt to connect failed, or the connection did. */
  error: (err: Error) => void;
  /** The server's heartbeat. */
  ping: () => void;
  packet: (packet: Packet) => void;
  close: (reason: string, description?: DisconnectDescription) => void;
  /** No attempts are left. */
  reconnect_failed: () => void;
  /** The given attempt begins; the first one is 1. */
  reconnect_attempt: (attempt: number) => void;
  /** An attempt failed. */
  reconnect_error: (err: Error) => void;
  /** The given attempt made the connection. */
  reconnect: (attempt: number) => void;
}

/** A connection to a server, with its namespaces. `socket.io` is a socket's. */
export class Manager<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<{}, {}, ManagerReservedEvents> {
  /** The connection of the present or last attempt; undefined before the first. */
  engine: Engine;
  /** The options. Changes count from the next attempt on. */
  opts: Partial<ManagerOptions>;

  /** @private */
  _autoConnect: boolean;
  /** @private */
  _readyState: "opening" | "open" | "closed";
  /** @private */
  _reconnecting: boolean;
  private readonly uri;
  private nsps;

  constructor(opts: Partial<ManagerOptions>);
  constructor(uri?: string, opts?: Partial<ManagerOptions>);
  constructor(uri?: string | Partial<ManagerOptions>, opts?: Partial<ManagerOptions>);

  /** Sets the option, or gives it without an argument. `false` also ends attempts that are under way. */
  reconnection(v: boolean): this;
  reconnection(): boolean;
  reconnection(v?: boolean): this | boolean;

  /** Sets the option, or gives it without an argument. */
  reconnectionAttempts(v: number): this;
  reconnectionAttempts(): number;
  reconnectionAttempts(v?: number): this | number;

  /** Sets the option, in ms, or gives it without an argument. */
  reconnectionDelay(v: number): this;
  reconnectionDelay(): number;
  reconnectionDelay(v?: number): this | number;

  /** Sets the option, or gives it without an argument. */
  randomizationFactor(v: number): this;
  randomizationFactor(): number;
  randomizationFactor(v?: number): this | number;

  /** Sets the option, in ms, or gives it without an argument. */
  reconnectionDelayMax(v: number): this;
  reconnectionDelayMax(): number;
  reconnectionDelayMax(v?: number): this | number;

  /** Sets the option, in ms, or gives it without an argument. `false`: no limit. */
  timeout(v: number | boolean): this;
  timeout(): number | boolean;
  timeout(v?: number | boolean): this | number | boolean;

  /**
   * Connects, unless it is connected or connecting. With `fn` the outcome goes there, and a failure is not followed by
   * further attempts.
   */
  open(fn?: (err?: Error) => void): this;
  /** Another name of `open`. */
  connect(fn?: (err?: Error) => void): this;

  /** The socket of a namespace. The options count when it is new. */
  socket(nsp: string, opts?: Partial<SocketOptions>): Socket;

  /** Closes the connection for good: no reconnection. */
  disconnect(): void;
  /** @private */
  _close(): void;
}
