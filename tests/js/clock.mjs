// A clock that stands still until it is told to go on: timers, `Date.now` and `performance.now`.
const real = { setTimeout, clearTimeout, setImmediate };

// Enough turns of the event loop for what a timer caused to come to its end within the process.
async function settle() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => real.setImmediate(resolve));
}

/** Replaces the clock for the rest of the test, or until `uninstall()`. Who takes timers by name before keeps the real ones. */
export function installClock(t) {
  const before = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    dateNow: Date.now,
    performanceNow: performance.now,
  };
  const begin = Date.now();
  let now = 0;
  let timers = [];

  class Timer {
    constructor(at, run) {
      Object.assign(this, { at, run });
    }
    ref() {
      return this;
    }
    unref() {
      return this;
    }
  }

  globalThis.setTimeout = (callback, delay = 0, ...args) => {
    const timer = new Timer(now + Math.max(1, delay), () => callback(...args));
    timers.push(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    if (!(timer instanceof Timer)) return before.clearTimeout(timer);
    timers = timers.filter((other) => other !== timer);
  };
  Date.now = () => begin + now;
  performance.now = () => now;

  function uninstall() {
    globalThis.setTimeout = before.setTimeout;
    globalThis.clearTimeout = before.clearTimeout;
    Date.now = before.dateNow;
    performance.now = before.performanceNow;
  }
  t.after(uninstall);

  async function advance(ms) {
    const end = now + ms;
    await settle();
    for (;;) {
      const next = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      timers = timers.filter((other) => other !== next);
      now = Math.max(now, next.at);
      next.run();
      await settle();
    }
    now = end;
  }

  return {
    uninstall,
    settle,
    /** Virtual milliseconds since the beginning. */
    get now() {
      return now;
    },
    /** Goes on by that many milliseconds, from timer to timer. */
    advance,
    /** Goes on in small steps, with time for the network in between, until the promise is settled. */
    async until(promise) {
      let done = false;
      const finish = () => (done = true);
      promise.then(finish, finish);
      while (!done) {
        await advance(10);
        await new Promise((resolve) => real.setTimeout(resolve, 1));
      }
      return promise;
    },
  };
}
