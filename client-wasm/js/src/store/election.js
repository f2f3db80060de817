// Which of the tabs leads. Both have `join` and `leave`, and `holds`: whether this tab may act on it at this moment.

/** What a leader without Web Locks writes is valid for so long, and written anew this often; in milliseconds. */
const EXPIRY = 6000;
export const RENEWAL = 2000;

/** By a lock of the browser's, which is free as soon as the tab that had it is gone. */
export class Locks {
  #name;
  #events;
  #abort;
  #release;

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
    let gained = false;
    const held = () => {
      if (abort.signal.aborted) return undefined;
      gained = true;
      this.#events.gained();
      return new Promise((release) => (this.#release = release));
    };
    navigator.locks.request(this.#name, { signal: abort.signal }, held).catch(() => {
      if (!abort.signal.aborted) this.#events[gained ? "lost" : "refused"]();
    });
  }

  leave() {
    this.#abort?.abort();
    this.#release?.();
  }

  holds() {
    return true;
  }
}

/** By what stands in the database: until when its holder leads. */
export class Lease {
  #contend;
  #joined = false;
  #timer;
  /** Who leads, as last seen, and when that was seen first. */
  #rival = {};
  #since;
  /** Until when this tab leads: by the clock, and by one that nobody sets. */
  #until = 0;
  #deadline = 0;

  /** `contend()` tries to lead: a promise of who does instead. */
  constructor(contend) {
    this.#contend = contend;
  }

  join() {
    this.#joined = true;
    this.#try();
  }

  leave() {
    this.#joined = false;
    this.#until = 0;
    clearTimeout(this.#timer);
  }

  /** The leader has said that it leaves. */
  hurry() {
    if (!this.#joined || this.holds()) return;
    clearTimeout(this.#timer);
    this.#try();
  }

  async #try() {
    const rival = await this.#contend();
    if (!rival || !this.#joined) return;
    const wait = Math.min(Math.max(rival.until - Date.now(), 0), EXPIRY);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#try(), wait + 50);
  }

  /** Whether who stands there leads no longer. Somebody may have set the clock: then it is enough that nothing changes. */
  isOver({ epoch, until }) {
    const now = performance.now();
    if (this.#rival.epoch !== epoch || this.#rival.until !== until) {
      this.#rival = { epoch, until };
      this.#since = now;
    }
    return !(Date.now() <= until) || now - this.#since >= EXPIRY;
  }

  /** What is to be written. It counts from `extended` on. */
  next() {
    return { until: Date.now() + EXPIRY, deadline: performance.now() + EXPIRY };
  }

  extended({ until, deadline }) {
    this.#until = until;
    this.#deadline = deadline;
  }

  holds() {
    return Date.now() < this.#until && performance.now() < this.#deadline;
  }
}
