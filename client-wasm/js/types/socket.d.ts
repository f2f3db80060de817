import type { Delivery, FateChange, FinalFate } from "./delivery.js";
import { DefaultEventsMap, Emitter, EventNames, EventParams, EventsMap } from "./emitter.js";
import type { Manager } from "./manager.js";
import type { Packet } from "./packet.js";

type PrependTimeoutError<T extends any[]> = {
  [K in keyof T]: T[K] extends (...args: infer Params) => infer Result ? (err: Error, ...args: Params) => Result : T[K];
};

/**
 * The event map that `timeout()` gives: acknowledgements get an error first.
 *
 * @example
 * socket.timeout(1000).emit("ask", (err, answer) => {
 *   if (err) console.log("no answer within a second");
 * });
 */
export type DecorateAcknowledgements<E> = {
  [K in keyof E]: E[K] extends (...args: infer Params) => infer Result
    ? (...args: PrependTimeoutError<Params>) => Result
    : E[K];
};

/** The last item of a tuple. */
export type Last<T extends any[]> = T extends [...infer H, infer L] ? L : any;
/** A tuple without its last item. */
export type AllButLast<T extends any[]> = T extends [...infer H, infer L] ? H : any[];
/** The first argument of a function. */
export type FirstArg<T> = T extends (arg: infer Param) => infer Result ? Param : any;

export interface SocketOptions {
  /** What the server gets as `socket.handshake.auth`: an object, or a function that is asked at each connection. */
  auth?: { [key: string]: any } | ((cb: (data: object) => void) => void);
  /**
   * How often an event is sent again if the server does not acknowledge it; `Infinity` is allowed. With it, events are sent
   * one after the other, each when the one before was acknowledged. A server may get an event more than once. Without
   * `ackTimeout` only a lost connection causes another attempt.
   */
  retries?: number;
  /**
   * With `retries`: how many events may be under way at once, 1 to 1024. After a lost connection sending goes on from the
   * oldest, so a server may get so many a second time. Default `1`; `16` with `exactlyOnce`.
   */
  retryWindow?: number;
  /**
   * Whether a server with the middleware of `socketio-client-wasm/server` runs each event once, however often it was sent.
   * Implies `retries: Infinity`. `auth` has to be an object then. Default `false`.
   */
  exactlyOnce?: boolean;
  /**
   * A name. Events are then kept in the browser (IndexedDB, not encrypted) until they are settled, and outlive the page; all
   * tabs of the origin with this name share them, and one of the tabs sends. Implies `retries: Infinity`. Where there is no
   * database, as in Node, they live as long as the page, and `outbox_error` tells so.
   */
  outbox?: string;
  /** Whether an event may leave before it is stored: `"writeBehind"`. Default `"storedFirst"`. */
  outboxDurability?: "storedFirst" | "writeBehind";
  /** How long a stored event may wait, in ms. Then it is `expired`, or `uncertain` if it may have been sent. Default 7 days. */
  outboxMaxAge?: number;
  /** How long acknowledgements are waited for, in ms; callbacks then get an error first. Default: for ever. */
  ackTimeout?: number;
  /**
   * Makes good what was missed, at each gap that is told: until its promise has settled, events of the namespace wait, so that
   * what it loads stands before them. Acknowledgements do not wait.
   */
  resync?: (gap: Gap) => Promise<unknown>;
  /**
   * For servers that keep their own history: after the listeners of an event have returned, what `of` makes of it, unless
   * that is undefined, goes into `auth` under `key` from the next connection on, where `auth` has no such field. Of an event that is
   * held it is asked at once, and forgotten if that is thrown away.
   */
  offset?: { key: string; of: (event: string, ...args: any[]) => unknown };
  /**
   * Events that are held while they have no listener, until the first one for their name is there. What is held outlives a
   * connection that is lost; where the namespace is left, by `disconnect()` or by the server, it is thrown away.
   */
  holdEvents?: string[];
  /**
   * How many are held; then of the name with the most the oldest is dropped, and a gap told, `overflow`, and made good by
   * `resync`: for the first at once, for all that follow in one more when somebody listens. Default `1000`.
   * So it is where they have more than about 16 MiB, whatever their number: then of the name with the most bytes.
   */
  holdSize?: number;
}

/** Of an `AbortSignal`, also where there are no types for it. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What is known about the end of a connection. */
export type DisconnectDescription = Error | { description: string; context?: unknown };

/** An error, with what the server's middleware said about it. */
export interface ExtendedError extends Error {
  data?: any;
}

/** A namespace is connected again, and events may be missing between then and now. Times are Unix times in ms. */
export interface Gap {
  namespace: string;
  /** Whether the server has sent what it had kept. */
  recovered: boolean;
  /** Whether it is certain that nothing is missing. */
  exact: boolean;
  /**
   * Why events may be missing: the server offers no recovery; no event came by which it could go on; it did not know that the
   * connection was gone; it does not know the session; the namespace was left; another server answered; there were more than
   * may be held; a cluster has gone on with the session; or what an earlier page had stored cannot be used.
   */
  reason:
    | "none-offered"
    | "no-offset"
    | "server-not-noticed"
    | "unknown-session"
    | "namespace-disconnect"
    | "new-node"
    | "overflow"
    | "seam"
    | "storage";
  /** When the last packet came before. */
  since: number;
  /** When the namespace was connected again. */
  until: number;
  /** What lies between, in ms. */
  outage: number;
  /** The last known place in the server's events. */
  lastOffset: string | null;
  /** When the last event came. */
  lastEventAt: number | null;
  /** How many are missing, where that is known. */
  possiblyMissed: number | null;
  /** Whether the server knew that the connection was gone when it was asked for the session. */
  serverKnew: boolean;
}

/** A socket's own events. Their names can be listened to, but not emitted. */
export interface SocketReservedEvents {
  /** The namespace is connected, also again after a reconnection. What was emitted meanwhile has been sent. */
  connect: () => void;
  /**
   * The connection failed, and is tried again if `socket.active`; or the server refused the namespace, with its message
   * and `data`.
   */
  connect_error: (err: ExtendedError) => void;
  /** The namespace is no longer connected; it will be again by itself if `socket.active`. */
  disconnect: (reason: Socket.DisconnectReason, description?: DisconnectDescription) => void;
  /**
   * An event was certainly never sent, and nobody else is told: it is one of `emit` without a callback that takes an error.
   * `value` is its name and arguments, where they are still there.
   */
  not_sent: (error: Error, value?: any[]) => void;
  /** With `exactlyOnce`: the server has no middleware for it. A listener there may see an event twice. */
  delivery_unsupported: () => void;
  /**
   * Events may be missing since the connection before. Comes right after `connect`; `lastGap` has it as soon as events come
   * that were missed, which is before `connect`.
   */
  gap: (gap: Gap) => void;
  /** An event that an earlier page had stored is settled. `seq` is its number in the outbox. */
  outbox_settled: (change: FateChange<FinalFate> & { seq: number }) => void;
  /** Something is wrong with the outbox: `code` says what, `kept` and `lost` how many events, where that is known. */
  outbox_error: (error: Error & { code?: string; kept?: number | null; lost?: number | null }) => void;
}

/**
 * A namespace on a server.
 *
 * @example
 * const socket = io("https://example.com");
 * socket.on("connect", () => console.log("connected as", socket.id));
 * socket.on("news", (text) => console.log(text));
 * socket.emit("hello", "world");
 *
 * @typeParam ListenEvents the events that the server emits
 * @typeParam EmitEvents the events that are emitted to it
 */
export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<ListenEvents, EmitEvents, SocketReservedEvents> {
  /** The connection, which namespaces share. */
  readonly io: Manager<ListenEvents, EmitEvents>;
  /** The id at the server; undefined while not connected. */
  id: string | undefined;
  /** Whether the namespace is connected. */
  connected: boolean;
  /** Whether the last connection went on with the session before it, so that no event from the server is missing. */
  recovered: boolean;
  /** What may be missing since the connection before; undefined if nothing is. */
  lastGap: Gap | undefined;
  /** The option. Changes count from the next connection on. */
  auth: { [key: string]: any } | ((cb: (data: object) => void) => void);
  /** Events that arrived before the namespace was connected. */
  receiveBuffer: Array<ReadonlyArray<any>>;
  /** What was emitted while the namespace was not connected. Assign `[]` to forget it. */
  sendBuffer: Array<Packet>;
  private readonly nsp;
  private acks;
  private subs?;
  private onpacket;
  private onevent;
  private _queue;

  constructor(io: Manager, nsp: string, opts?: Partial<SocketOptions>);

  /** With the option: what is stored. `clear()` empties it for all tabs, as when a user logs out. */
  get outbox(): { clear(): Promise<void> } | undefined;
  /** Whether the namespace is not connected. */
  get disconnected(): boolean;
  /** Whether the namespace is connected, or will be by itself. */
  get active(): boolean;

  /** Connects, unless it is connected or connecting. */
  connect(): this;
  /** Another name of `connect`. */
  open(): this;
  /**
   * Leaves the namespace. The connection is closed with the last one; what was emitted before is sent first, for at most
   * `closeTimeout`, unless `force`.
   */
  disconnect(options?: { force?: boolean }): this;
  /** Another name of `disconnect`. */
  close(options?: { force?: boolean }): this;

  /**
   * Sends an event, now or when connected.
   *
   * Arguments are what JSON can hold, and binary: `ArrayBuffer`, typed arrays, `Buffer`, in browsers `Blob` and `File`.
   * A function at the end is called with the server's acknowledgement.
   *
   * @throws {Error} where the name is reserved; {TypeError} where JSON cannot hold an argument
   */
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): this;
  /**
   * Sends an event. Resolves with the first argument of the acknowledgement; rejects when the connection is lost before
   * it, and after `timeout()` or `ackTimeout`.
   */
  emitWithAck<Ev extends EventNames<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<FirstArg<Last<EventParams<EmitEvents, Ev>>>>;
  /**
   * Sends an event as `emit` does, and returns what tells of it.
   *
   * @example
   * const { settled } = socket.deliver("order", order);
   * const { fate } = await settled; // "acknowledged", "delivered", "uncertain", …
   */
  deliver<Ev extends EventNames<EmitEvents>>(
    ev: Ev,
    ...args: EventParams<EmitEvents, Ev> | AllButLast<EventParams<EmitEvents, Ev>>
  ): Delivery;
  /** Sends the event `message`. */
  send(...args: any[]): this;

  /** For the next emit: whether it may be compressed, where the transport can. Default `true`. */
  compress(compress: boolean): this;
  /** For the next emit: if it cannot be sent at once, it is dropped. */
  get volatile(): this;
  /** For the next emit: how long its acknowledgement is waited for, in ms. Its callback gets an error first. */
  timeout(timeout: number): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>>;
  /** For the next emit: how long it may wait to be sent, in ms. Then it is `expired`. */
  maxAge(maxAge: number): this;
  /** For the next emit: it takes the place of an older one with the same key that still waits, which is `dropped`. */
  coalesce(key: string): this;
  /** For the next emit: it is cancelled when the signal is. */
  signal(signal: AbortSignalLike): this;

  /** Adds a listener for the fates of all emits of this socket. */
  onFate(listener: (change: FateChange) => void): this;
  /** Removes a listener of `onFate`, or all of them. */
  offFate(listener?: (change: FateChange) => void): this;

  /** Adds a listener for all events that arrive, called before theirs. */
  onAny(listener: (...args: any[]) => void): this;
  /** As `onAny`, but before those that are there. */
  prependAny(listener: (...args: any[]) => void): this;
  /** Removes a listener of `onAny`, or all of them. */
  offAny(listener?: (...args: any[]) => void): this;
  /** The listeners of `onAny`; the list itself. */
  listenersAny(): ((...args: any[]) => void)[];

  /** Adds a listener for all events that are sent, called when they are. Acknowledgements are not among them. */
  onAnyOutgoing(listener: (...args: any[]) => void): this;
  /** As `onAnyOutgoing`, but before those that are there. */
  prependAnyOutgoing(listener: (...args: any[]) => void): this;
  /** Removes a listener of `onAnyOutgoing`, or all of them. */
  offAnyOutgoing(listener?: (...args: any[]) => void): this;
  /** The listeners of `onAnyOutgoing`; the list itself. */
  listenersAnyOutgoing(): ((...args: any[]) => void)[];
}

export namespace Socket {
  /** Why a namespace is no longer connected. */
  type DisconnectReason =
    | "io server disconnect"
    | "io client disconnect"
    | "ping timeout"
    | "transport close"
    | "transport error"
    | "parse error";
}

export {};
