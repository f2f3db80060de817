/** A name may be a number, which is the same as its text. */
const keyOf = (event) => (typeof event === "number" ? String(event) : event);

/** Listeners by event name, with the names and habits of `@socket.io/component-emitter`. */
export class Emitter {
  /** @type {Map<string, Function[]>} */
  #listeners = new Map();

  on(event, listener) {
    const key = keyOf(event);
    const listeners = this.#listeners.get(key);
    if (listeners) listeners.push(listener);
    else this.#listeners.set(key, [listener]);
    this._onlistener?.(key);
    return this;
  }

  once(event, listener) {
    const once = (...args) => {
      this.off(event, once);
      return listener.apply(this, args);
    };
    once.fn = listener;
    return this.on(event, once);
  }

  /** Without a listener: all of the event. Without an event: all, but for what the client itself listens to. */
  off(event, listener) {
    if (arguments.length === 0) {
      for (const name of this.#listeners.keys()) this.#keepInternal(name);
      return this;
    }
    const key = keyOf(event);
    const listeners = this.#listeners.get(key);
    if (!listeners) return this;
    if (arguments.length === 1) {
      this.#keepInternal(key);
      return this;
    }
    const at = listeners.findIndex((fn) => fn === listener || fn.fn === listener);
    if (at >= 0) listeners.splice(at, 1);
    if (listeners.length === 0) this.#listeners.delete(key);
    return this;
  }

  #keepInternal(event) {
    const listeners = this.#listeners.get(event).filter((fn) => fn.internal);
    if (listeners.length > 0) this.#listeners.set(event, listeners);
    else this.#listeners.delete(event);
  }

  /** What a listener throws stops the application's others, and not what the client itself listens to. */
  emit(event, ...args) {
    const listeners = this.#listeners.get(keyOf(event));
    if (!listeners) return this;
    let failure;
    // A listener may add or remove others, which counts from the next time on.
    for (const listener of listeners.slice()) {
      if (failure && !listener.internal) continue;
      try {
        listener.apply(this, args);
      } catch (error) {
        if (listener.internal) rethrow(error);
        else failure = { error };
      }
    }
    if (failure) throw failure.error;
    return this;
  }

  /** The client's own events; `emit` of a socket sends. */
  emitReserved(event, ...args) {
    return Emitter.prototype.emit.call(this, event, ...args);
  }

  listeners(event) {
    return this.#listeners.get(keyOf(event)) ?? [];
  }

  hasListeners(event) {
    return this.#listeners.has(keyOf(event));
  }
}

const { on, off } = Emitter.prototype;
Object.assign(Emitter.prototype, {
  addEventListener: on,
  removeListener: off,
  removeAllListeners: off,
  removeEventListener: off,
});

/** An exception of the application reaches the host's handler, and stops nothing here. */
export function rethrow(error) {
  queueMicrotask(() => {
    throw error;
  });
}

/** What the application throws reaches the host's handler. */
export function guarded(fn) {
  try {
    fn();
  } catch (error) {
    rethrow(error);
  }
}
