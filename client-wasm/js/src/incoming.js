// A socket's events on their way to its listeners: those that wait for one, and what is told where some are missing.
import { ACT, NOTE } from "./calls.js";
import { guarded, rethrow } from "./emitter.js";
import { sizeOf } from "./size.js";

/** Bytes of those that wait, of all names, as in client-core/src/held.rs. */
const BYTES = 16 * 1024 * 1024;

export class Incoming {
  #socket;
  #io;
  #index;
  #options;
  /** Replayed events that are still to come before `connect`. */
  #replayed = 0;
  /** A gap that is told after `connect`: the time in which the core's events wait; below 0: none do. */
  #gap;
  /** Events without a listener, by name, `{ args, answer, at, number, size }`, and their bytes. */
  #held = new Map();
  #count = 0;
  #bytes = 0;
  #number = 0;
  /** Names of which some were dropped, since when these are missing that are in no gap yet, and whether others were told. */
  #dropped = new Set();
  #missing;
  #told = false;
  /** How far the application has come, in its own words, and how far it had before the first of those that are held. */
  #offset;
  #before;

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
    // What was dropped when the connection ended.
    if (this.#missing !== undefined && !this.#told) this.#io._dispatch.later(this);
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
    this.#tell(args, answer);
    if (copy) this.#advance(copy);
  }

  #tell(args, answer) {
    if (answer) args.push(answer);
    this.#socket.onevent({ data: args });
  }

  #advance(args) {
    const value = this.#options.offset.of(...args);
    if (value !== undefined) this.#offset = value;
  }

  // --- Events without a listener ----------------------------------------------------------------------------------

  /** Whether some wait: what is stored of the namespace must not run ahead of them. */
  get holds() {
    return this.#count > 0;
  }

  /** Also behind others of its name that do. */
  #mustWait([event]) {
    const { names } = this.#options;
    if (names.size === 0 || !names.has(String(event))) return false;
    return this.#held.has(String(event)) || !this.#socket.hasListeners(event);
  }

  #hold(args, answer) {
    const name = String(args[0]);
    if (!this.#held.has(name)) this.#held.set(name, { events: [], bytes: 0 });
    const queue = this.#held.get(name);
    const size = sizeOf(args);
    queue.events.push({ args, answer, at: Date.now(), number: (this.#number += 1), size });
    queue.bytes += size;
    this.#bytes += size;
    this.#count += 1;
    this.#before ??= { offset: this.#offset };
    while (this.#count > this.#options.holdSize || this.#bytes > BYTES) this.#drop();
    // It has come: the server is not to send it again.
    if (this.#options.offset) this.#advance([...args]);
  }

  /** Who flooded pays; among equals, whose oldest is the oldest of all. */
  #drop() {
    const much = this.#count > this.#options.holdSize ? ({ events }) => events.length : ({ bytes }) => bytes;
    const longer = ([, a], [, b]) => much(b) - much(a) || a.events[0].number - b.events[0].number;
    const [[name]] = [...this.#held].sort(longer);
    const { at } = this.#take(name);
    this.#dropped.add(name);
    this.#missing = Math.min(this.#missing ?? at, at);
    // Each lies in a gap: the first in one that is told at once, the others when somebody listens.
    if (!this.#told) this.#io._dispatch.later(this);
  }

  #take(name) {
    const queue = this.#held.get(name);
    const event = queue.events.shift();
    queue.bytes -= event.size;
    this.#bytes -= event.size;
    this.#count -= 1;
    if (queue.events.length === 0) this.#held.delete(name);
    return event;
  }

  /** What is missing is told and made good as any gap, once there is a connection. Behind what was read before. */
  tellDropped() {
    const since = this.#missing;
    if (since === undefined || !this.#socket.connected) return;
    this.#missing = undefined;
    this.#told = true;
    const age = Math.max(0, Date.now() - since);
    this.#io._call((core) => this.#io._dispatch.follow(core.act(ACT.DROPPED, this.#index, age)));
    this.tellGap();
  }

  /** There is a listener: not before whoever adds it has done with that. */
  listens(event) {
    const name = String(event);
    if (this.#held.has(name) || this.#dropped.has(name)) queueMicrotask(() => this.#release(name));
  }

  #release(name) {
    const heard = () => this.#socket.hasListeners(name);
    const listened = heard();
    while (heard() && this.#held.has(name)) {
      const { args, answer } = this.#take(name);
      guarded(() => this.#tell(args, answer));
      if (this.#count === 0) this.#before = undefined;
    }
    if (!listened) return;
    this.#told = false;
    this.#dropped.clear();
    guarded(() => this.tellDropped());
    // All is told, and the next is told at once.
    this.#told = false;
  }

  /** The application, or the server, has left: what is held is not for whoever joins next, and has not come. */
  leave() {
    if (this.#before) this.#offset = this.#before.offset;
    this.#held.clear();
    this.#dropped.clear();
    this.#count = this.#bytes = 0;
    this.#before = this.#missing = undefined;
    this.#told = false;
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
