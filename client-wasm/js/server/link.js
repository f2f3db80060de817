// One socket of a client that counts its events.
import { ACK_ID, sizeOf } from "./parser.js";
import { fingerprint } from "./names.js";
import { after, call, Turns } from "./turns.js";

// What may wait on one link while the store is asked. A link with more is closed; its client comes again.
const MOST_EVENTS = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;

// Names that a server's socket has for itself. socket.io's parser refuses them, others let them through.
const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);

const isName = (name) => typeof name === "number" || (typeof name === "string" && !RESERVED.has(name));

export class Link {
  scope;
  isOpen = true;
  #desk;
  #socket;
  #base;
  #turns = new Turns();
  #deliveries = new Set();
  /** Event name → `{ queue, listener }`: deliveries that are on their way to the handlers. */
  #expected = new Map();

  constructor(desk, socket, scope, base) {
    this.#desk = desk;
    this.#socket = socket;
    this.scope = scope;
    this.#base = base;
    this.#turns.push(() => this.#join(base));
    socket.use((event, next) => this.#receive(event, next));
    // With some parsers a client can send an event of this name.
    socket.on("disconnect", () => socket.connected || this.#close());
  }

  #join(base) {
    const joined = (restored) => {
      if (restored) this.#desk.stats.restored += 1;
    };
    return after(this.#desk.join(this.scope, base), joined, (error) => {
      this.#desk.failed(error);
      this.shut();
    });
  }

  /** A middleware of the socket: each event comes here before the handlers. */
  #receive(event, next) {
    // Would not reach them any more.
    if (!this.isOpen) return;
    const { [ACK_ID]: seq, length } = event;
    const counted = Number.isSafeInteger(seq) && seq >= 0 && typeof event[length - 1] === "function" && isName(event[0]);
    if (!counted) return this.#pass(event, next);
    if (event[0] === "$delivery") return this.#queue(() => this.#sync(event[length - 1]));
    // What its client has called settled does not come again.
    if (seq < this.#base) {
      this.#desk.stats.belowBase += 1;
      return this.#pass(event, next);
    }
    const frames = this.#frames(event.slice(0, -1));
    const hash = fingerprint(frames);
    const what = { key: `${this.scope}|${seq}#${hash}`, nsp: this.#socket.nsp.name, seq, hash };
    this.#queue(() => this.#desk.receive(this, what, event, next), () => sizeOf(frames));
  }

  /** Left alone, but in its place. */
  #pass(event, next) {
    this.#queue(() => call(next), () => sizeOf(this.#frames(event)));
  }

  #frames(data) {
    try {
      return this.#desk.event(data);
    } catch {
      // A parser that cannot write what it has read: then the name alone has to tell events from each other.
      return [String(data[0])];
    }
  }

  #queue(task, size = () => 0) {
    if (!this.#turns.isBusy) return this.#turns.push(task);
    const bytes = size();
    const { waiting } = this.#turns;
    if (waiting.tasks < MOST_EVENTS && waiting.bytes + bytes <= MOST_BYTES) return this.#turns.push(task, bytes);
    this.#desk.stats.overflow += 1;
    this.shut();
  }

  /** Answered once all that came before has been dispatched: that takes a turn too. */
  #sync(ack) {
    process.nextTick(() => this.isOpen && ack({ v: 1, ttl: this.#desk.ttl }));
  }

  // --- What deliveries need ---

  holds(delivery) {
    this.#deliveries.add(delivery);
  }

  lets(delivery) {
    this.#deliveries.delete(delivery);
  }

  /** Tells the delivery when its event is dispatched. Nothing else does: an event is dropped if the socket has closed. */
  expects(name, delivery) {
    // As the emitter does.
    const key = String(name);
    let expected = this.#expected.get(key);
    if (!expected) {
      expected = { queue: [], listener: (...args) => this.#dispatched(key, args.at(-1)) };
      this.#expected.set(key, expected);
      this.#socket.prependListener(key, expected.listener);
    }
    expected.queue.push(delivery);
  }

  expectsNot(name, delivery) {
    const key = String(name);
    const { queue } = this.#expected.get(key) ?? { queue: [] };
    const at = queue.indexOf(delivery);
    if (at >= 0) this.#unexpect(key, at);
  }

  #unexpect(key, at) {
    const { queue, listener } = this.#expected.get(key);
    queue.splice(at, 1);
    if (queue.length > 0) return;
    this.#expected.delete(key);
    this.#socket.removeListener(key, listener);
  }

  #dispatched(key, ack) {
    const { queue } = this.#expected.get(key) ?? { queue: [] };
    // An event without acknowledgement, or one that nobody waits for.
    if (typeof ack !== "function" || queue.length === 0) return;
    // A middleware may have put its own function around ours; then they come in order.
    const at = Math.max(queue.indexOf(this.#desk.deliveryOf(ack)), 0);
    const delivery = queue[at];
    this.#unexpect(key, at);
    delivery.dispatched();
  }

  /** Writes a packet as it was kept. */
  send(frames) {
    if (!this.isOpen) return;
    for (const frame of frames) this.#socket.conn.write(frame, { compress: true });
  }

  /** Ends the connection. Not the namespace: then a client would not come again. */
  shut() {
    if (this.isOpen) this.#socket.conn.close(true);
  }

  #close() {
    this.isOpen = false;
    this.#turns.clear();
    this.#expected.clear();
    for (const delivery of this.#deliveries) delivery.left(this);
    this.#deliveries.clear();
  }
}
