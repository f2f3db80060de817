// What becomes of emits, for those who ask.

/** In the order of src/js/report.rs. */
export const FATES = [
  "held",
  "inFlight",
  "delivered",
  "acknowledged",
  "refused",
  "expired",
  "dropped",
  "cancelled",
  "uncertain",
];

/** Whether it stays so. */
export const isFinal = (fate) => fate !== "held" && fate !== "inFlight";

/** One emit, as `socket.deliver` returns it. */
export class Delivery {
  /** By it `onFate` names the emit. Undefined until it is accepted. */
  id = undefined;
  fate = "held";

  #cancel;
  #stored;
  #settled;

  constructor(cancel) {
    this.#cancel = cancel;
    this.stored = new Promise((resolve) => (this.#stored = resolve));
    this.settled = new Promise((resolve) => (this.#settled = resolve));
  }

  /** Whether it is certainly never sent. */
  cancel() {
    if (!isFinal(this.fate)) this.#cancel(this);
    return this.fate === "cancelled";
  }

  /** Cancelled by the signal. */
  _follow(signal) {
    const cancel = () => this.cancel();
    signal.addEventListener("abort", cancel);
    this.settled.then(() => signal.removeEventListener("abort", cancel));
  }

  _keep(kept) {
    this.#stored(kept);
  }

  _change(change) {
    this.fate = change.fate;
    if (!isFinal(change.fate)) return;
    this.#stored(false);
    this.#settled(change);
  }
}

/** Those of a socket of which somebody wants to hear. */
export class Deliveries {
  /** By ticket. */
  #open = new Map();
  #listeners = [];
  /** Acknowledgements, and errors, of emits whose fate is told next. */
  #words = new Map();

  get size() {
    return this.#open.size;
  }

  add(ticket, delivery) {
    delivery.id = ticket;
    this.#open.set(ticket, delivery);
  }

  forget(ticket) {
    this.#open.delete(ticket);
  }

  /** Whether all are listened to. */
  get observed() {
    return this.#listeners.length > 0;
  }

  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Without a listener: all of them. */
  ignore(listener) {
    this.#listeners = listener ? this.#listeners.filter((other) => other !== listener) : [];
    if (this.observed) return;
    for (const ticket of this.#words.keys()) if (!this.#open.has(ticket)) this.#words.delete(ticket);
  }

  /** What is to be told with the emit's fate. Whether somebody waits for that. */
  word(ticket, word) {
    const awaited = this.observed || this.#open.has(ticket);
    if (awaited) this.#words.set(ticket, word);
    return this.#open.has(ticket);
  }

  /** `fate`, and what is known beside it. */
  tell(ticket, change, delivery = this.#open.get(ticket)) {
    const told = { id: ticket, ...change, ...this.#words.get(ticket) };
    if (isFinal(change.fate)) {
      this.#open.delete(ticket);
      this.#words.delete(ticket);
    }
    delivery?._change(told);
    for (const listener of this.#listeners) listener(told);
  }

  stored(ticket, kept) {
    this.#open.get(ticket)?._keep(kept);
  }
}

/** By which a server knows this connection's emits again: 128 bits. */
export function randomName() {
  const random = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16)));
  return btoa(random).replace(/[+/=]/g, (sign) => ({ "+": "-", "/": "_", "=": "" })[sign]);
}
