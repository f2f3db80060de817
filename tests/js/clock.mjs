// Time that stands still until a test moves it. Install it before the client is constructed: clients take their timer
// functions then.
const { setImmediate: soon, clearTimeout: clearReal } = globalThis;

/** Lets everything happen that needs no time. */
export const settle = async (turns = 3) => {
  for (let i = 0; i < turns; i += 1) await new Promise((resolve) => soon(resolve));
};

export class Timer {
  constructor(callback, at, every) {
    Object.assign(this, { callback, at, every });
  }
  // What Node's timers have.
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  hasRef() {
    return true;
  }
}

export class Clock {
  // What does not ask for the time in this way, such as a server's `new Date()`, is not far off.
  #now = Date.now();
  #origin = this.#now;
  #timers = new Set();
  #hold;

  constructor(hold) {
    this.#hold = hold;
  }

  /** Milliseconds since the clock was installed. */
  get elapsed() {
    return this.#now - this.#origin;
  }

  /** How long each timer has to go, the next one first. */
  get pending() {
    return [...this.#timers].map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Moves the time only, as it goes while a computer sleeps: what is due does not run. */
  jump(millis) {
    this.#now += millis;
  }

  /** Moves the time, and runs what becomes due, in order. */
  async advance(millis) {
    const end = this.#now + millis;
    for (let next; (next = this.#next()) && next.at <= end; ) await this.#run(next);
    this.#now = end;
    await settle();
  }

  /** Goes to the next timer and runs it. */
  async step() {
    const next = this.#next();
    if (next) await this.#run(next);
  }

  #next() {
    let next;
    for (const timer of this.#timers) if (!next || timer.at < next.at) next = timer;
    return next;
  }

  async #run(timer) {
    this.#now = Math.max(this.#now, timer.at);
    if (timer.every === undefined) this.#timers.delete(timer);
    else timer.at += timer.every;
    timer.callback();
    await settle();
  }

  #start(callback, millis, every, args) {
    const delay = Math.max(0, Number(millis) || 0);
    const timer = new Timer(() => callback(...args), this.#now + delay, every ? Math.max(1, delay) : undefined);
    this.#timers.add(timer);
    // What is to run without a delay needs no time to pass.
    if (delay === 0 && !every && !this.#hold) soon(() => this.#timers.has(timer) && this.#run(timer));
    return timer;
  }

  /**
   * In place of the global functions, until the test ends. `hold`: timers of 0 ms wait for the test too; otherwise they
   * run by themselves.
   */
  static install(t, { hold = false } = {}) {
    const clock = new Clock(hold);
    const stop = (timer) => void (timer instanceof Timer ? clock.#timers.delete(timer) : clearReal(timer));
    const fakes = [
      [globalThis, "setTimeout", (callback, millis, ...args) => clock.#start(callback, millis, false, args)],
      [globalThis, "setInterval", (callback, millis, ...args) => clock.#start(callback, millis, true, args)],
      [globalThis, "clearTimeout", stop],
      [globalThis, "clearInterval", stop],
      [Date, "now", () => clock.#now],
      [performance, "now", () => clock.elapsed],
    ];
    for (const [owner, name, fake] of fakes) {
      const own = Object.getOwnPropertyDescriptor(owner, name);
      Object.defineProperty(owner, name, { configurable: true, writable: true, value: fake });
      t.after(() => {
        if (own) Object.defineProperty(owner, name, own);
        else delete owner[name];
      });
    }
    return clock;
  }
}
