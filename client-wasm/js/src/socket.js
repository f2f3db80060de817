import { RESERVED } from "../slots.js";
import { ACT, NOTE } from "./calls.js";
import { Emitter } from "./emitter.js";

/** Of an emit without any. */
const NO_FLAGS = {};

// As in src/js/options.rs.
const ACK = 1;
const VOLATILE = 2;
const BUSY = 4;

/**
 * What the core says of an emit or ack that it did not take, from -2 down. Another ack came too late, which is nobody's
 * fault.
 */
const REFUSED = [
  "the buffer is full",
  "the event is larger than the server accepts (maxPayload)",
  "the event has more attachments than most servers accept (option maxAttachments)",
];

const V2_SERVER =
  "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are not compatible " +
  "(more information here: https://socket.io/docs/v3/migrating-from-2-x-to-3-0/)";

/** One namespace. */
export class Socket extends Emitter {
  /** Ours in the core. */
  #index;
  /** How often an emit is sent again; undefined if emits do not wait for each other. */
  #retries;
  #flags = NO_FLAGS;
  /** Who waits for an ack, by ticket. */
  #acks = new Map();
  #any = [];
  #anyOutgoing = [];
  /** Replayed events that are still to come before `connect`. */
  #replayed = 0;

  constructor(io, nsp, opts) {
    super();
    this.io = io;
    this.nsp = nsp;
    this.id = undefined;
    this.connected = false;
    this.recovered = false;
    this.auth = opts?.auth;
    this._opts = { ...opts };
    this.#retries = this._opts.retries > 0 ? Number(this._opts.retries) : undefined;
    this.#index = io._register(this, this.#retries);
    if (io._autoConnect) this.open();
  }

  get disconnected() {
    return !this.connected;
  }

  /** Whether it is, or will be by itself, connected. */
  get active() {
    return Boolean(this.subs);
  }

  connect() {
    if (this.connected) return this;
    this.io._retain(this, this.#index);
    this.#subscribe();
    this.io._open((core) => core.act(ACT.CONNECT, this.#index));
    return this;
  }

  disconnect() {
    this.#unsubscribe();
    this.io._dispatch.leave(this.#index);
    this.io._leave((core) => core.act(ACT.DISCONNECT, this.#index));
    this.#release();
    return this;
  }

  #release() {
    if (this.#acks.size === 0) this.io._release(this, this.#index);
  }

  // --- What waits -------------------------------------------------------------------------------------------------

  /** Packets that wait for the connection. What is left out of an array that is assigned is never sent. */
  get sendBuffer() {
    return this.io._held(this.#index);
  }

  set sendBuffer(packets) {
    this.io._keep(this.#index, packets);
  }

  /** Events wait in the core, and only until the answer to CONNECT. */
  get receiveBuffer() {
    return [];
  }

  set receiveBuffer(_) {}

  /** Callbacks that wait for an ack, by ticket. */
  get acks() {
    return Object.fromEntries([...this.#acks].map(([ticket, { fn }]) => [ticket, fn]));
  }

  /** As many as there are emits with `retries` that are not settled. */
  get _queue() {
    return new Array(this.io._queued(this.#index));
  }

  // --- Emitting ---------------------------------------------------------------------------------------------------

  emit(event, ...args) {
    if (RESERVED.has(event)) throw new Error(`"${String(event)}" is a reserved event name`);
    const { volatile, compress = true, timeout = this._opts.ackTimeout } = this.#flags;
    this.#flags = NO_FLAGS;
    const fn = typeof args[args.length - 1] === "function" ? args.pop() : undefined;
    args.unshift(event);
    // Its callback and its packet wait.
    if (!this.active) this.io._retain(this, this.#index);
    const retried = this.#retries !== undefined && !volatile;
    let waiter;
    if (fn) {
      const errorFirst = fn.errorFirst ?? (timeout !== undefined || retried);
      waiter = { fn, errorFirst };
    }
    const message = this.io._links.outgoing(args, compress);
    const core = this.io._core;
    if (core) this.#hand(core, message, volatile, timeout, waiter);
    else this.#later(message, volatile, timeout, waiter);
    return this;
  }

  // Apart from `emit`, where a closure would cost each call its scope.
  #later(...emit) {
    this.io._call((core) => this.#hand(core, ...emit));
  }

  #hand(core, message, volatile, timeout, waiter) {
    let flags = waiter ? ACK : 0;
    if (volatile) flags |= this.io._isWritable() ? VOLATILE : VOLATILE | BUSY;
    const ticket = this.io._emit(core, this.#index, message, flags, timeout ?? NaN, this.#acks, waiter);
    if (ticket < 0) this.#refused(ticket, waiter);
  }

  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      const fn = (error, value) => (error ? reject(error) : resolve(value));
      fn.errorFirst = true;
      this.emit(event, ...args, fn);
    });
  }

  send(...args) {
    return this.emit("message", ...args);
  }

  compress(compress) {
    this.#flags = { ...this.#flags, compress };
    return this;
  }

  get volatile() {
    this.#flags = { ...this.#flags, volatile: true };
    return this;
  }

  timeout(timeout) {
    this.#flags = { ...this.#flags, timeout };
    return this;
  }

  #refused(reason, waiter) {
    const error = new Error(REFUSED[-2 - reason] ?? "the event cannot be sent");
    if (!waiter?.errorFirst) throw error;
    waiter.fn.call(this, error);
  }

  // --- Listeners for everything -----------------------------------------------------------------------------------

  onAny(listener) {
    this.#any.push(listener);
    return this;
  }

  prependAny(listener) {
    this.#any.unshift(listener);
    return this;
  }

  offAny(listener) {
    remove(this.#any, listener);
    return this;
  }

  listenersAny() {
    return this.#any;
  }

  onAnyOutgoing(listener) {
    this.#anyOutgoing.push(listener);
    return this.#observe();
  }

  prependAnyOutgoing(listener) {
    this.#anyOutgoing.unshift(listener);
    return this.#observe();
  }

  offAnyOutgoing(listener) {
    remove(this.#anyOutgoing, listener);
    return this.#observe();
  }

  listenersAnyOutgoing() {
    return this.#anyOutgoing;
  }

  #observe() {
    this.io._call((core) => core.note(NOTE.OBSERVE, this.#index, this.#anyOutgoing.length > 0));
    return this;
  }

  // --- What the manager tells -------------------------------------------------------------------------------------

  #subscribe() {
    if (this.subs) return;
    const listen = (event, listener) => {
      listener.internal = true;
      this.io.on(event, listener);
      return () => this.io.off(event, listener);
    };
    this.subs = [
      listen("error", (error) => {
        if (!this.connected) this.emitReserved("connect_error", error);
      }),
      // One that the server has just disconnected is told so by itself.
      listen("close", (reason, details) => {
        // As in the original also one that was still joining.
        const concerned = this.connected || this.io._dispatch.ended;
        if (concerned && this.io._isActive(this.#index)) this._onclose(reason, details);
      }),
    ];
  }

  #unsubscribe() {
    this.subs?.forEach((unsubscribe) => unsubscribe());
    this.subs = undefined;
  }

  _authenticate(answer) {
    if (typeof this.auth === "function") this.auth((data) => answer(data || undefined));
    else answer(this.auth || undefined);
  }

  _onconnect(id, recovered, replayed) {
    this.id = id;
    this.recovered = recovered;
    this.connected = true;
    this.#replayed = replayed;
    if (replayed === 0) this.io._dispatch.announce(this);
  }

  _onerror(error) {
    // An answer that is late may still come.
    if (!this.io._isActive(this.#index)) this.#unsubscribe();
    this.emitReserved("connect_error", error);
    this.#release();
  }

  _onv2() {
    this.emitReserved("connect_error", new Error(V2_SERVER));
  }

  _onleave(reason) {
    this.#unsubscribe();
    if (this.connected) this._onclose(reason);
    this.#release();
  }

  _onclose(reason, details) {
    this.connected = false;
    delete this.id;
    this.emitReserved("disconnect", reason, details);
  }

  /** `session` and `id` are those of an ack that the server wants; `id` is below 0 if it wants none. */
  _onevent(args, session, id) {
    if (id >= 0) args.push(this.#answer(session, id));
    try {
      this.onevent({ data: args });
    } finally {
      if (this.#replayed > 0) {
        this.#replayed -= 1;
        if (this.#replayed === 0) this.io._dispatch.announce(this);
      }
    }
  }

  /** Applications replace this to see every event. */
  onevent({ data }) {
    for (const listener of this.#any.slice()) listener.apply(this, data);
    super.emit(...data);
  }

  #answer(session, id) {
    let sent = false;
    return (...args) => {
      if (sent) return;
      sent = true;
      const message = this.io._links.outgoing(args, true);
      const reason = this.io._ack(this.#index, session, id, message);
      const text = REFUSED[-2 - reason];
      if (text) throw new Error(text);
    };
  }

  _onack(ticket, args) {
    const waiter = this.#acks.get(ticket);
    if (!waiter) return;
    this.#acks.delete(ticket);
    if (waiter.errorFirst) waiter.fn.call(this, null, ...args);
    else waiter.fn.apply(this, args);
  }

  _onnoack(ticket, reason) {
    const waiter = this.#acks.get(ticket);
    if (!waiter) return;
    this.#acks.delete(ticket);
    const text = reason === 1 ? "operation has timed out" : "socket has been disconnected";
    if (waiter.errorFirst) waiter.fn.call(this, new Error(REFUSED[-2 - reason] ?? text));
    // After the server has left, the last of those that wait.
    if (!this.active) this.#release();
  }

  _onsent(args) {
    for (const listener of this.#anyOutgoing.slice()) listener.apply(this, args);
  }

  /** A packet from elsewhere than the connection. */
  onpacket({ type, nsp, data, id }) {
    if (nsp !== this.nsp) return;
    if (type === 0 && !data?.sid) this._onv2();
    if (type === 2) this._onevent([...data], 0, id ?? -1);
  }
}

function remove(listeners, listener) {
  if (listener === undefined) listeners.length = 0;
  const at = listeners.indexOf(listener);
  if (at >= 0) listeners.splice(at, 1);
}

const { connect, disconnect } = Socket.prototype;
Object.assign(Socket.prototype, { open: connect, close: disconnect });
