import type { Server, Socket } from "socket.io";

/** Frames of a packet, as they go over the wire. */
export type Frames = (string | Uint8Array)[];

type Awaitable<T> = T | Promise<T>;

/** What a node asks its store. A scope is `user|delivery id|namespace`. */
export interface StoreSession {
  /** A client has joined: everything below `base` is settled. Whether its base was higher before. */
  join(scope: string, base: number): Awaitable<boolean>;
  /** Claims an event, atomically. `doubt`: it was claimed before, and that claim's lease has ended. */
  begin(
    scope: string,
    seq: number,
    hash: string,
  ): Awaitable<
    | { state: "new" | "doubt"; field: string; mismatch: boolean }
    | { state: "done"; field: string; frames: Frames }
    | { state: "running"; field: string; alive: boolean }
    | { state: "stale" }
  >;
  /** Extends the leases of this node's claims. */
  extend(scope: string, fields: string[]): Awaitable<void>;
  /** Keeps a result; or returns the one that is there. */
  finish(scope: string, field: string, hash: string, frames: Frames): Awaitable<Frames | undefined>;
  /** Takes this node's claim back: the event did not run. */
  undo(scope: string, field: string): Awaitable<void>;
}

export interface Store {
  open(settings: { node: string; ttl: number; lease: number; results: number }): StoreSession;
}

export interface MemoryStore extends Store {
  /** About how many bytes are kept. */
  readonly bytes: number;
}

/** Results in this process: for one server process, whose end forgets them. */
export function memoryStore(options?: {
  /** Of all clients together; 64 MiB. Those not seen for longest are forgotten first. */
  maxBytes?: number;
  /** Of one client; 4 MiB. Its oldest results are forgotten first. */
  clientBytes?: number;
}): MemoryStore;

/** What this needs of a client of `ioredis` or `redis` (from version 4 on); of a cluster, too. */
export type RedisClient =
  | { defineCommand: Function; evalsha: Function; eval: Function }
  | { evalSha: Function; eval: Function };

/** Results in Redis, from version 5 on: for any number of server processes. The client is yours to connect and to close. */
export function redisStore(
  client: RedisClient,
  options?: {
    /** Of all keys; `sio:once:`. */
    prefix?: string;
    /** Of one client; 4 MiB. Its oldest results are forgotten first. */
    clientBytes?: number;
  },
): Store;

export interface ExactlyOnceOptions {
  /** Where results are kept: `memoryStore()`, the default, or `redisStore(client)`. */
  store?: Store;
  /**
   * Who a socket belongs to, once your middlewares have let it in. Without it whoever knows a client's delivery id (96
   * random bits) can read the results that are kept for it. If it throws, or returns something else, the client is not
   * looked after.
   */
  user?: (socket: Socket) => string | number | null | undefined;
  /** How long results are kept after a client was last heard of, in ms; 600,000. */
  ttl?: number;
  /** How long an event stays claimed after its node has died, in ms; 2,000. It is extended while the handler runs. */
  lease?: number;
  /**
   * After this time a handler counts as one that will never acknowledge, in ms; 60,000. So does, at once, one that has no
   * reference to its acknowledgement function any more.
   */
  handlerTimeout?: number;
  /**
   * What to do with an event that began to run, whose result nobody knows, because the process died or the handler never
   * acknowledged: `"run"` it again, the default, or `"fail"`: acknowledge it with `{ $delivery: { error: "inDoubt" } }`.
   */
  inDoubt?: "run" | "fail";
  /** The parser that you would have given to the server; socket.io's own by default. */
  parser?: any;
  /** Told of what went wrong, for instance in the store; `process.emitWarning` by default. */
  onError?: (error: Error) => void;
}

/** Counters, since the start. */
export interface ExactlyOnceStats {
  /** Events that went to the handlers. */
  run: number;
  /** That were answered with a kept result. */
  answered: number;
  /** That waited for another node. */
  waited: number;
  /** That went to the handlers, which were not called any more: the socket had closed, or a middleware refused. */
  undone: number;
  /** Whose earlier run has no result. */
  inDoubt: number;
  /** That have the number of another event: the client's store was cloned, or restored. They run. */
  mismatched: number;
  /** That came late, on a link whose client had gone on to another one and settled them there. They do not run. */
  stale: number;
  /** That have a number below what their client called settled on the same link. They are left alone. */
  belowBase: number;
  /** Clients whose store is older than what they said before. */
  restored: number;
  /** Clients with a `$delivery` that means nothing. They are left alone. */
  invalid: number;
  /** Links that were closed because too much waited on them. */
  overflow: number;
  /** Errors that were told to `onError`. */
  failed: number;
}

export interface ExactlyOnce {
  /** For the option `parser` of `new Server`. */
  readonly parser: any;
  /** Looks after all namespaces of a server that has this parser. Call it once, right after `new Server`. Returns it. */
  install<IO extends Server<any, any, any, any>>(io: IO): IO;
  readonly stats: ExactlyOnceStats;
}

/** An acknowledgement function, as handlers get it from a client that counts its events. */
export type Acknowledge<Args extends any[] = any[]> = ((...args: Args) => void) & {
  /**
   * `user|delivery id|namespace|number`: names this event for ever. Write it in the same transaction as the effect, under
   * a unique index, and not even a crash between effect and acknowledgement makes it happen twice.
   */
  deliveryKey?: string;
};

/**
 * Events that clients send with `exactlyOnce` run their handlers once, in order, also over cut connections; an event that
 * comes again gets the first run's acknowledgement.
 *
 * ```js
 * const once = exactlyOnce({ store: redisStore(redis), user: (socket) => socket.data.userId });
 * const io = once.install(new Server(http, { parser: once.parser }));
 * ```
 *
 * Clients without it, and events without acknowledgement, are left alone. Listeners of `onAny` hear each transmission.
 */
export function exactlyOnce(options?: ExactlyOnceOptions): ExactlyOnce;
