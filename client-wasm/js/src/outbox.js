// A socket's durable outbox (option `outbox`), as far as every page loads it. What it does stands in durable.js, which is
// loaded only where there is one.
import { json, outgoing, release, revived, value } from "../slots.js";
import { ACT, LOOK, NOTE, SAY } from "./calls.js";

const DAY = 24 * 3600 * 1000;

export class Outbox {
  #socket;
  #io;
  #index;
  #durable;
  /** Emits that wait for it. */
  #waiting = [];
  #refs = 0;
  /** Whether its socket is connected, or will be by itself. */
  #stands = false;
  /** It is there, or is known not to be. */
  #loaded;
  /** With `recoveryStore`, until it is known whether this tab takes up what is stored: the connection waits for it. */
  undecided;
  #decided;

  constructor(socket, io, index) {
    this.#socket = socket;
    this.#io = io;
    this.#index = index;
    const { outbox, outboxDurability, exactlyOnce } = socket._opts;
    const { bufferSize = Infinity, bufferBytes = Infinity, bufferPolicy } = io.opts;
    const options = { name: outbox, namespace: socket.nsp, exactlyOnce, bufferSize, bufferBytes, bufferPolicy };
    const context = { ...options, writeBehind: outboxDurability === "writeBehind", ...this.#core(), ...this.#tells() };
    if (io.opts.recoveryStore === "outbox") {
      this.undecided = new Promise((decided) => (this.#decided = decided));
      context.session = this.#session();
    }
    this.#loaded = new Promise((loaded) => {
      io._call(() =>
        import("#durable")
          .then(
            ({ Durable }) => {
              this.#durable = new Durable(context, !this.#stands);
              for (const entry of this.#waiting.splice(0)) this.#durable.emit(entry);
            },
            (error) => this.#without(error),
          )
          .finally(loaded),
      );
    });
  }

  /** What the core does for it. Not by the names here, which are short in what is minified. */
  #core() {
    const io = this.#io;
    const act = (what, ...args) => io._dispatch.follow(io._core.act(what, this.#index, ...args));
    return {
      /** `adopt` hands in what is stored: CONNECT says where that begins. */
      lead: (id, next, adopt) => {
        const more = io._core.say(SAY.LEAD, id, this.#index, next);
        adopt();
        io._dispatch.follow(more);
      },
      resign: () => act(ACT.FOLLOW),
      reserved: (upTo) => act(ACT.RESERVED, upTo),
      sequence: () => io._core.look(LOOK.TAKE_ID, this.#index),
      cancel: (ticket) => act(ACT.CANCEL, ticket),
      /** `[slot, length]`, and the same for each binary part. */
      encode: (text, parts) => io._links.outgoing(revived(text, parts), true),
      forget: (message) => message.forEach((slot, i) => i % 2 === 0 && release(slot)),
      /** Its ticket, before anything is told. */
      adopt: (key, message, { timeout, maxAge, maybeSent }, adopted) => {
        const core = io._core;
        if (maxAge !== undefined) core.note(NOTE.MAX_AGE, Math.max(maxAge, 0));
        core.note(NOTE.TERMS, timeout ?? NaN, maybeSent);
        const [slot, length] = io._withParts(message);
        const more = core.act(ACT.ADOPT, this.#index, key, slot, length);
        adopted(core.look(LOOK.ADOPTED));
        io._dispatch.follow(more);
      },
    };
  }

  /** The part of the core in the namespace's session, where that is stored too. */
  #session() {
    const [io, index] = [this.#io, this.#index];
    const act = (...args) => io._dispatch.follow(io._core.act(...args));
    return {
      key: `${io._name} ${this.#socket.nsp}`,
      restore: (session) => io._core.say(SAY.RESTORE, session, index),
      current: () => io._session(this.#socket.nsp, index),
      connected: () => io._core.look(LOOK.CONNECTED, index) === 1,
      /** Who leaves a namespace has nothing to resume. */
      forget: () => {
        if (!io._isActive(index)) return;
        act(ACT.DISCONNECT, index, true);
        act(ACT.CONNECT, index);
      },
      decided: () => this.#decide(),
    };
  }

  #decide() {
    this.undecided = undefined;
    this.#decided?.();
  }

  #tells() {
    const socket = this.#socket;
    return {
      changed: (ref, change) => socket._onstored(ref, change),
      kept: (ref, kept) => socket._onkept(ref, kept),
      settled: (change) => socket.emitReserved("outbox_settled", change),
      failed: (error) => socket.emitReserved("outbox_error", error),
    };
  }

  /** What loads it is not there: as if there were none. */
  #without(error) {
    this.#socket._withoutOutbox();
    this.#io._dispatch.follow(this.#io._core.act(ACT.WITHOUT, this.#index));
    const failure = Object.assign(new Error("outbox: it cannot be loaded", { cause: error }), { code: "unavailable" });
    this.#socket.emitReserved("outbox_error", Object.assign(failure, { kept: null, lost: null }));
    for (const { again } of this.#waiting.splice(0)) again();
    if (!this.#decided) return;
    // Nor can it be said what was stored.
    this.#io._core.say(SAY.RESTORE, "", this.#index);
    this.#decide();
  }

  /** A number for an emit of this page. The core's own are higher. */
  next() {
    return (this.#refs += 1);
  }

  emit(ref, args, message, { maxAge = this.#io.opts.bufferMaxAge }, timeout, again) {
    // An application's own parser has no text.
    const numbers = this.#io.opts.parser ? outgoing(args) : message;
    const text = json(numbers[0]);
    const parts = numbers.filter((_, i) => i > 1 && i % 2 === 0).map(value);
    if (numbers !== message) numbers.forEach((slot, i) => i % 2 === 0 && release(slot));
    const { outboxMaxAge } = this.#socket._opts;
    const given = Math.min(maxAge ?? Infinity, outboxMaxAge ?? Infinity);
    // For a page's life there is none by default: a timer for it would keep Node alive.
    const expiresIn = { given, stored: Math.min(given, 7 * DAY) };
    const size = message.reduce((sum, length, i) => (i % 2 === 0 ? sum : sum + length), 0);
    const entry = { ref, args, text, parts, message, size, timeout, expiresIn, emittedAt: Date.now(), again };
    if (this.#durable) this.#durable.emit(entry);
    else this.#waiting.push(entry);
  }

  cancel(ref) {
    if (this.#durable) return this.#durable.cancel(ref);
    const at = this.#waiting.findIndex((entry) => entry.ref === ref);
    if (at < 0) return undefined;
    const [{ args: value, message }] = this.#waiting.splice(at, 1);
    message.forEach((slot, i) => i % 2 === 0 && release(slot));
    return this.#socket._onstored(ref, { fate: "cancelled", value });
  }

  /** The socket connects: this tab may send for all. */
  stand() {
    this.#stands = true;
    this.#durable?.stand();
  }

  /** It will not by itself. `lingers`: its link does not end at once. */
  retire(lingers) {
    this.#stands = false;
    this.#durable?.retire(lingers ? (this.#io.opts.closeTimeout ?? 2000) : 0);
  }

  /** The session, as it is to be stored. */
  save(session) {
    this.#durable?.save(session);
  }

  /** The same, of which not all need be stored. */
  noted(session) {
    this.#durable?.noted(session);
  }

  /** `then` sends CONNECT. */
  claim(then) {
    if (this.#durable) this.#durable.claim(then);
    else then();
  }

  /** Empties it, for all tabs. */
  async clear() {
    await this.#loaded;
    await this.#durable?.clear();
  }

  // --- What the core tells ----------------------------------------------------------------------------------------

  _reserve(upTo) {
    // Within a call of the core no application is told of anything.
    queueMicrotask(() => this.#durable?.reserve(upTo));
  }

  /** Whether the ticket is of one of its emits. */
  _onfate(ticket, change) {
    return this.#durable?.changed(ticket, change) ?? false;
  }

  _onsettled(key, change) {
    this.#durable?.settled(key, change);
  }
}
