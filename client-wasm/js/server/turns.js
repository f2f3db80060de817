// One thing after the other, in order of arrival.

/** `then(value)` at once, or when a promise has its value: a store in memory costs no turn of the event loop. */
export function after(value, then, failed) {
  if (typeof value?.then === "function") return value.then(then, failed);
  return then(value);
}

/** An application's function, called as the server does it: what it throws is nobody's but the process's. */
export function call(next) {
  try {
    next();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/** A queue of tasks; one that returns a promise is waited for. Tasks do not throw. */
export class Turns {
  #waiting = [];
  #busy = false;
  #bytes = 0;

  get isBusy() {
    return this.#busy;
  }

  /** How much waits: `{ tasks, bytes }`. */
  get waiting() {
    return { tasks: this.#waiting.length, bytes: this.#bytes };
  }

  push(task, bytes = 0) {
    if (!this.#busy) return this.#run(task);
    this.#waiting.push({ task, bytes });
    this.#bytes += bytes;
  }

  #run(task) {
    this.#busy = true;
    after(task(), () => this.#next());
  }

  // Not by calling itself: many may wait.
  #next() {
    for (;;) {
      if (this.#waiting.length === 0) {
        this.#busy = false;
        return;
      }
      const { task, bytes } = this.#waiting.shift();
      this.#bytes -= bytes;
      const pending = task();
      if (typeof pending?.then === "function") {
        pending.then(() => this.#next());
        return;
      }
    }
  }

  /** What has not had its turn never gets it. */
  clear() {
    this.#waiting = [];
    this.#bytes = 0;
  }
}
