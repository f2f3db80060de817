// Which of the tabs leads. Both have `join` and `leave`, and `holds`: whether this tab may act on it at this moment.

/** What a leader without Web Locks writes is valid for so long, and written anew this often, in milliseconds. */
const EXPIRY = 6000;
export const RENEWAL = 2000;
/** Written by who leaves. */
export const FREE = 0;

/** By a lock of the browser's, which is free as soon as the tab that had it is gone. */
export class Locks {
  #name;
  #events;
  #abort;
  #release;
  /** Whether it is this tab's. */
  gained = false;

  /** Whether there are any: they need a secure context. */
  static available = () => typeof navigator !== "undefined" && navigator.locks !== undefined;

  /** `events`: `gained()`; `lost()`, another has taken it; `refused()`, there is none to be had. */
  constructor(name, events) {
    this.#name = name;
    this.#events = events;
  }

  join() {
    const abort = new AbortController();
    this.#abort = abort;
    this.gained = false;
    let gained = false;
    const held = () => {
      if (abort.signal.aborted) return undefined;
      gained = this.gained = true;
      this.#events.gained();
      return new Promise((release) => (this.#release = release));
    };
    navigator.locks.request(this.#name, { signal: abort.signal }, held).catch(() => {
      if (!abort.signal.aborted) this.#events[gained ? "lost" : "refused"]();
    });
  }

  leave() {
    this.gained = false;
    this.#abort?.abort();
    this.#release?.();
  }

  holds() {
    return true;
  }
}

/**
 * By what stands in the database: the holder changes it again and again, and who has seen it unchanged for long enough
 * takes its place. Nobody looks at the time of day, which may jump.
 */
export class Lease {
  #contend;
  #joined = false;
  #timer;
  /** What stood there when it was looked at last, and since when. */
  #seen = {};
  #since;
  #freed;
  #beats = 0;
  /** Until when this tab leads. */
  #deadline = 0;

  /** `contend()` tries to lead: a promise of what stands there if another does. */
  constructor(contend) {
    this.#contend = contend;
  }

  join() {
    this.#joined = true;
    this.#try();
  }

  leave() {
    this.#joined = false;
    this.#deadline = 0;
    clearTimeout(this.#timer);
  }

  /** The leader of that epoch has said that it leaves. */
  freed(epoch) {
    this.#freed = epoch;
    this.#try();
  }

  async #try() {
    clearTimeout(this.#timer);
    if (!this.#joined || this.holds() || !(await this.#contend()) || !this.#joined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#try(), EXPIRY + 50);
  }

  isOver({ epoch, beat }) {
    const now = performance.now();
    if (this.#seen.epoch !== epoch || this.#seen.beat !== beat) {
      this.#seen = { epoch, beat };
      this.#since = now;
    }
    return beat === FREE || epoch === this.#freed || now - this.#since >= EXPIRY;
  }

  /** What is to be written next; once it is, `extended` takes it. The time counts from here. */
  next() {
    return { beat: (this.#beats += 1), deadline: performance.now() + EXPIRY };
  }

  extended({ deadline }) {
    this.#deadline = deadline;
  }

  holds() {
    return performance.now() < this.#deadline;
  }
}
