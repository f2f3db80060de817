// Time that only passes when it is told to, for a server in this process. As Node's own, a timer that has fired can be refreshed.
import timers from "node:timers";
import { Timer } from "../../js/clock.mjs";

const { Date: RealDate } = globalThis;
const names = ["setTimeout", "setInterval", "clearTimeout", "clearInterval"];

class Refreshable extends Timer {
  constructor(clock, callback, millis, every) {
    super(callback, 0, every);
    Object.assign(this, { clock, millis: Math.max(1, Number(millis) || 1) });
    this.refresh();
  }
  refresh() {
    this.at = this.clock.now + this.millis;
    this.clock.timers.delete(this);
    this.clock.timers.add(this);
    return this;
  }
}

export class Clock {
  timers = new Set();
  #before = names.map((name) => [name, globalThis[name], timers[name]]);

  constructor(now) {
    this.now = now;
    const start = (every) => (callback, millis, ...args) => new Refreshable(this, () => callback(...args), millis, every);
    const stop = (timer) => void this.timers.delete(timer);
    const ours = { setTimeout: start(false), setInterval: start(true), clearTimeout: stop, clearInterval: stop };
    Object.assign(globalThis, ours);
    Object.assign(timers, ours);
    const clock = this;
    globalThis.Date = class extends RealDate {
      constructor(...args) {
        super(...(args.length > 0 ? args : [clock.now]));
      }
      static now() {
        return clock.now;
      }
    };
  }

  /** What becomes due happens, in order. */
  pass(millis) {
    const end = this.now + millis;
    for (;;) {
      // Of those that are due at once the one that was set first.
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.now = next.at;
      if (next.every) next.refresh();
      else this.timers.delete(next);
      next.callback();
    }
    this.now = end;
  }

  restore() {
    globalThis.Date = RealDate;
    for (const [name, global, own] of this.#before) [globalThis[name], timers[name]] = [global, own];
  }
}
