import { Emitter } from "./emitter.js";

/** Has listeners for all events, too. Who extends it is told whether some are for those that go out. */
export class AnyEmitter extends Emitter {
  #any = [];
  #anyOutgoing = [];

  onAny(listener) {
    this.#any.push(listener);
    return this;
  }

  prependAny(listener) {
    this.#any.unshift(listener);
    return this;
  }

  offAny(listener) {
    remove(this.#any, listener);
    return this;
  }

  listenersAny() {
    return this.#any;
  }

  onAnyOutgoing(listener) {
    this.#anyOutgoing.push(listener);
    return this._observe(this.#anyOutgoing);
  }

  prependAnyOutgoing(listener) {
    this.#anyOutgoing.unshift(listener);
    return this._observe(this.#anyOutgoing);
  }

  offAnyOutgoing(listener) {
    remove(this.#anyOutgoing, listener);
    return this._observe(this.#anyOutgoing);
  }

  listenersAnyOutgoing() {
    return this.#anyOutgoing;
  }

  /** Applications replace this to see every event. */
  onevent({ data }) {
    for (const listener of this.#any.slice()) listener.apply(this, data);
    super.emit(...data);
  }

  _onsent(args) {
    for (const listener of this.#anyOutgoing.slice()) listener.apply(this, args);
  }
}

function remove(listeners, listener) {
  if (listener === undefined) listeners.length = 0;
  const at = listeners.indexOf(listener);
  if (at >= 0) listeners.splice(at, 1);
}
