// A socket's events on their way to its listeners: those that wait for one, and what is told where some are missing.
import { ACT, NOTE } from "./calls.js";
import { guarded, rethrow } from "./emitter.js";

export class Incoming {
  #socket;
  #io;
  #index;
  #options;
  /** Replayed events that are still to come before `connect`. */
  #replayed = 0;
  /** A gap that is told after `connect`: the time in which the core's events wait; below 0: none do. */
  #gap;
  /** Events without a listener: `{ name, args, answer, at }`. */
  #held = [];
  /** One of them was dropped, and nobody has listened since. */
  #overflowed = false;
  /** How far the application has come, in its own words. */
  #offset;

  constructor(socket, io, index) {
    this.#socket = socket;
    this.#io = io;
    this.#index = index;
    const { resync, offset, holdEvents = [], holdSize = 1000 } = { ...io.opts, ...socket._opts };
    this.#options = { resync, offset, holdSize, names: new Set(holdEvents.map(String)) };
    if (resync) io._call((core) => core.note(NOTE.RESYNC, index, true));
  }

  joined(replayed) {
    this.#gap = undefined;
    this.#replayed = replayed;
    if (replayed === 0) this.#io._dispatch.announce(this.#socket);
  }

  // --- Events -----------------------------------------------------------------------------------------------------

  /** `answer` is what a listener calls to acknowledge it, if the server wants that. */
  take(args, answer) {
    try {
      if (this.#mustWait(args)) this.#hold(args, answer);
      else this.#deliver(args, answer);
    } finally {
      if (this.#replayed > 0) {
        this.#replayed -= 1;
        if (this.#replayed === 0) this.#io._dispatch.announce(this.#socket);
      }
    }
  }

  #deliver(args, answer) {
    const { offset } = this.#options;
    // A listener may change them.
    const copy = offset && [...args];
    if (answer) args.push(answer);
    this.#socket.onevent({ data: args });
    const value = copy && offset.of(...copy);
    if (value !== undefined) this.#offset = value;
  }

  /** Also behind others of its name that do. */
  #mustWait([event]) {
    const { names } = this.#options;
    if (names.size === 0 || !names.has(String(event))) return false;
    return this.#next(String(event)) >= 0 || !this.#socket.hasListeners(event);
  }

  #next(name) {
    return this.#held.findIndex((event) => event.name === name);
  }

  #hold(args, answer) {
    this.#held.push({ name: String(args[0]), args, answer, at: Date.now() });
    if (this.#held.length <= this.#options.holdSize) return;
    const { at } = this.#held.shift();
    if (!this.#overflowed) this.#overflow(at);
  }

  /** What is missing since then is told and made good as any gap; while what was replayed comes, with that. */
  #overflow(since) {
    this.#overflowed = true;
    const age = Math.max(0, Date.now() - since);
    this.#io._call((core) => this.#io._dispatch.follow(core.act(ACT.DROPPED, this.#index, age)));
    if (this.#replayed === 0) this.tellGap();
  }

  /** There is a listener: not before whoever adds it has done with that. */
  listens(event) {
    const name = String(event);
    if (this.#next(name) >= 0) queueMicrotask(() => this.#release(name));
  }

  #release(name) {
    for (let at = this.#next(name); at >= 0 && this.#socket.hasListeners(name); at = this.#next(name)) {
      const [{ args, answer }] = this.#held.splice(at, 1);
      this.#overflowed = false;
      guarded(() => this.#deliver(args, answer));
    }
  }

  /** What CONNECT says: what the application wants, and how far it has come. */
  auth(data) {
    const { key } = this.#options.offset ?? {};
    const full = data !== undefined && (typeof data !== "object" || Array.isArray(data) || key in data);
    return this.#offset === undefined || full ? data : { ...data, [key]: this.#offset };
  }

  // --- Gaps -------------------------------------------------------------------------------------------------------

  gap([gap, told], resync) {
    this.#socket.lastGap = { namespace: this.#socket.nsp, ...gap };
    if (told) this.#gap = resync;
    // It has ended since, and nothing is to wait for ever.
    if (!this.#socket.connected) this.tellGap();
  }

  /** After `connect`, if that was told. */
  tellGap() {
    const resync = this.#gap;
    this.#gap = undefined;
    if (resync === undefined) return;
    try {
      if (this.#socket.connected) this.#socket.emitReserved("gap", this.#socket.lastGap);
    } finally {
      if (resync >= 0) this.#makeGood(resync);
    }
  }

  /** The core's events wait until the application has loaded what it missed. What goes wrong there is told as by a listener. */
  #makeGood(resync) {
    const [socket, io] = [this.#socket, this.#io];
    const load = async () => socket.connected && (await this.#options.resync(socket.lastGap));
    const go = () => io._call((core) => io._dispatch.follow(core.act(ACT.RESYNCED, this.#index, resync)));
    load()
      .catch(rethrow)
      .then(() => guarded(go));
  }
}
