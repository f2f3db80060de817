import { RESERVED, release } from "../slots.js";
import { AnyEmitter } from "./any.js";
import { ACT, NOTE, SAY } from "./calls.js";
import { Deliveries, Delivery, isFinal, randomName } from "./delivery.js";
import { CANCELLED, FULL, REFUSED, TIMED_OUT, TIMEOUT, V2_SERVER, cancelled, notSent } from "./errors.js";
import { Incoming } from "./incoming.js";
import { Outbox } from "./outbox.js";
import { check } from "./options.js";

/** Of an emit without any. */
const NO_FLAGS = {};

// As in src/js/options.rs.
const ACK = 1;
const VOLATILE = 2;
const BUSY = 4;
const WATCHED = 8;
/** Beside the window. */
const OUTBOX = 2048;
/** Below are the numbers of emits in an outbox. */
const TICKETS = 2 ** 32;

/** One namespace. */
export class Socket extends AnyEmitter {
  /** Ours in the core. */
  #index;
  /** How often an emit is sent again; undefined if emits do not wait for each other. */
  #retries;
  #flags = NO_FLAGS;
  /** Who waits for an ack, by ticket. */
  #acks = new Map();
  #deliveries = new Deliveries();
  /** With the option: where emits that are sent again are kept. */
  _outbox = undefined;
  /** Events on their way to listeners. */
  _incoming = undefined;

  constructor(io, nsp, opts) {
    super();
    this.io = io;
    this.nsp = nsp;
    this.id = undefined;
    this.connected = false;
    this.recovered = false;
    this.lastGap = undefined;
    this.auth = opts?.auth;
    this._opts = { ...opts };
    check(this._opts);
    const { retries, retryWindow = 0, exactlyOnce, outbox } = this._opts;
    this.#retries = retries > 0 ? Number(retries) : exactlyOnce || outbox ? Infinity : undefined;
    // Each has ack ids of its own.
    const name = exactlyOnce ? randomName() : "";
    this.#index = io._register(this, this.#retries ?? -1, retryWindow + (outbox ? OUTBOX : 0), name);
    this._incoming = new Incoming(this, io, this.#index);
    if (outbox) this._outbox = new Outbox(this, io, this.#index);
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
    this.io._open((core) => core.act(ACT.CONNECT, this.#index), this);
    return this;
  }

  /** Behind what was emitted before, unless `{ force: true }`. */
  disconnect(options) {
    const lingers = this.connected && !options?.force;
    this.#unsubscribe();
    this.io._dispatch.leave(this.#index);
    this.io._leave((core) => core.act(ACT.DISCONNECT, this.#index, options?.force === true));
    this._outbox?.retire(lingers);
    this.#release();
    return this;
  }

  #release() {
    if (this.#acks.size === 0 && this.#deliveries.size === 0 && !this._outbox) this.io._release(this, this.#index);
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
    // To be cancelled it has to be known.
    this.#send(event, args, this.#flags.signal && this.#delivery());
    return this;
  }

  /** Emits, and returns a Delivery, which tells what becomes of it. */
  deliver(event, ...args) {
    const delivery = this.#delivery();
    this.#send(event, args, delivery);
    return delivery;
  }

  #delivery() {
    return new Delivery((delivery) => {
      const { id } = delivery;
      if (id === undefined) delivery._change({ fate: "cancelled" });
      else if (this._outbox && id < TICKETS) this._outbox.cancel(id);
      else this.io._call((core) => this.io._dispatch.follow(core.act(ACT.CANCEL, this.#index, id)));
    });
  }

  #send(event, args, delivery) {
    if (RESERVED.has(event)) throw new Error(`"${String(event)}" is a reserved event name`);
    const flags = this.#flags;
    const { volatile, compress = true, timeout = this._opts.ackTimeout, signal } = flags;
    this.#flags = NO_FLAGS;
    const fn = typeof args[args.length - 1] === "function" ? args.pop() : undefined;
    args.unshift(event);
    // Its callback and its packet wait.
    if (!this.active) this.io._retain(this, this.#index);
    const retried = this.#retries !== undefined && !volatile;
    let waiter;
    if (fn) {
      const errorFirst = fn.errorFirst ?? (timeout !== undefined || retried);
      waiter = signal ? { fn, errorFirst, signal } : { fn, errorFirst };
    }
    const message = this.io._links.outgoing(args, compress);
    if (signal?.aborted) delivery.cancel();
    else if (signal) delivery._follow(signal);
    const core = this.io._core;
    if (this._outbox && retried) this.#keep(message, args, flags, timeout, waiter, delivery);
    else if (core) this.#hand(core, message, args, flags, timeout, waiter, delivery);
    else this.#later(message, args, flags, timeout, waiter, delivery);
  }

  // Apart from `emit`, where a closure would cost each call its scope.
  #later(...emit) {
    this.io._call((core) => this.#hand(core, ...emit));
  }

  #hand(core, message, args, { volatile, maxAge, coalesce }, timeout, waiter, delivery) {
    if (delivery && isFinal(delivery.fate)) return this.#cancelled(message, waiter);
    let flags = (waiter ? ACK : 0) | (delivery ? WATCHED : 0);
    if (volatile) flags |= this.io._isWritable() ? VOLATILE : VOLATILE | BUSY;
    if (maxAge !== undefined) core.note(NOTE.MAX_AGE, maxAge);
    if (coalesce !== undefined) core.say(SAY.COALESCE, coalesce);
    const ticket = this.io._emit(core, this.#index, message, flags, timeout ?? NaN, this, waiter, delivery);
    if (ticket < 0) this.#refused(ticket, args, waiter, delivery);
  }

  /** Into the outbox. */
  #keep(message, args, flags, timeout, waiter, delivery) {
    if (delivery && isFinal(delivery.fate)) return this.#cancelled(message, waiter);
    const ref = this._outbox.next();
    this._onticket(ref, waiter, delivery);
    const again = () => {
      this.#acks.delete(ref);
      this.#deliveries.forget(ref);
      this.#hand(this.io._core, message, args, flags, timeout, waiter, delivery);
    };
    this._outbox.emit(ref, args, message, flags, timeout, again);
  }

  get outbox() {
    return this._outbox;
  }

  _withoutOutbox() {
    this._outbox = undefined;
  }

  /** Before the core knows of it. */
  #cancelled(message, waiter) {
    message.forEach((slot, i) => i % 2 === 0 && release(slot));
    if (waiter?.errorFirst) waiter.fn.call(this, cancelled(waiter.signal));
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

  maxAge(maxAge) {
    this.#flags = { ...this.#flags, maxAge };
    return this;
  }

  coalesce(key) {
    this.#flags = { ...this.#flags, coalesce: String(key) };
    return this;
  }

  signal(signal) {
    this.#flags = { ...this.#flags, signal };
    return this;
  }

  #refused(reason, value, waiter, delivery) {
    const error = notSent(reason);
    // Of what made room in vain, too.
    this.io._dispatch.follow(true);
    this.#deliveries.tell(undefined, { fate: "refused", error, value }, delivery);
    if (waiter?.errorFirst) waiter.fn.call(this, error);
    else if (delivery) return;
    else if (reason === FULL) this.emitReserved("not_sent", error, value);
    else throw error;
  }

  // --- Fates ------------------------------------------------------------------------------------------------------

  onFate(listener) {
    this.#deliveries.listen(listener);
    return this.#observeFates();
  }

  offFate(listener) {
    this.#deliveries.ignore(listener);
    return this.#observeFates();
  }

  #observeFates() {
    this.io._call((core) => core.note(NOTE.FATES, this.#index, this.#deliveries.observed));
    return this;
  }

  /** The core has accepted an emit. */
  _onticket(ticket, waiter, delivery) {
    if (waiter) this.#acks.set(ticket, waiter);
    if (delivery) this.#deliveries.add(ticket, delivery);
  }

  _onfate(ticket, change) {
    if (this._outbox?._onfate(ticket, change)) return;
    this.#deliveries.tell(ticket, change);
    if (!this.active) this.#release();
  }

  /** Of an emit in the outbox. */
  _onstored(ref, change) {
    const { fate, args, value } = change;
    const error = change.error ?? new Error(fate === "uncertain" ? TIMED_OUT : `the event was ${fate}`);
    if (fate === "acknowledged") this._onack(ref, args);
    else if (isFinal(fate)) this.#noAck(ref, error, fate !== "uncertain" && fate !== "cancelled", value);
    this.#deliveries.tell(ref, change);
  }

  _onkept(ref, kept) {
    this.#deliveries.stored(ref, kept);
  }

  /** Held ones without ack that will not be sent. */
  _onnotsent(ticket, reason, args) {
    const error = notSent(reason);
    if (!this.#deliveries.word(ticket, { error })) this.emitReserved("not_sent", error, args);
  }

  _observe(outgoing) {
    this.io._call((core) => core.note(NOTE.OBSERVE, this.#index, outgoing.length > 0));
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
        // The application left all of them.
        if (reason === "forced close") this._incoming.leave();
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

  /** Until the application connects it. */
  #rest() {
    this.#unsubscribe();
    this._outbox?.retire(false);
  }

  _authenticate(answer) {
    const connect = (data) => answer(this._incoming.auth(data || undefined));
    const say = (data) => (this._outbox ? this._outbox.claim(() => connect(data)) : connect(data));
    return typeof this.auth === "function" ? this.auth(say) : say(this.auth);
  }

  _onconnect(id, recovered, replayed) {
    this.id = id;
    this.recovered = recovered;
    this.lastGap = undefined;
    this.connected = true;
    this._incoming.joined(replayed);
  }

  /** A listener was added. */
  _onlistener(event) {
    this._incoming?.listens(event);
  }

  _onerror(error) {
    // An answer that is late may still come.
    if (!this.io._isActive(this.#index)) this.#rest();
    this.emitReserved("connect_error", error);
    this.#release();
  }

  _onv2() {
    this.emitReserved("connect_error", new Error(V2_SERVER));
  }

  _onleave(reason) {
    this.#rest();
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
    this._incoming.take(args, id >= 0 ? this.#answer(session, id) : undefined);
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
    this.#deliveries.word(ticket, { args });
    const waiter = this.#acks.get(ticket);
    if (!waiter) return;
    this.#acks.delete(ticket);
    if (waiter.errorFirst) waiter.fn.call(this, null, ...args);
    else waiter.fn.apply(this, args);
  }

  _onnoack(ticket, reason) {
    const text = reason === TIMEOUT ? TIMED_OUT : "socket has been disconnected";
    const { signal } = this.#acks.get(ticket) ?? {};
    const error = reason === CANCELLED ? cancelled(signal) : reason < 0 ? notSent(reason) : new Error(text);
    this.#noAck(ticket, error, reason < 0);
    // After the server has left, the last of those that wait.
    if (!this.active) this.#release();
  }

  #noAck(ticket, error, unsent, value) {
    const waiter = this.#acks.get(ticket);
    this.#acks.delete(ticket);
    const watched = this.#deliveries.word(ticket, { error });
    if (waiter?.errorFirst) waiter.fn.call(this, error);
    else if (unsent && !watched) this.emitReserved("not_sent", error, value);
  }

  /** A packet from elsewhere than the connection. */
  onpacket({ type, nsp, data, id }) {
    if (nsp !== this.nsp) return;
    if (type === 0 && !data?.sid) this._onv2();
    if (type === 2) this._onevent([...data], 0, id ?? -1);
  }
}

const { connect, disconnect } = Socket.prototype;
Object.assign(Socket.prototype, { open: connect, close: disconnect });
