// What one node has in its hands, of all its clients.
import { randomBytes } from "node:crypto";
import { Delivery } from "./delivery.js";
import { after } from "./turns.js";

/** How many results are kept of one client, and how many of its events are in hand at once: the largest window. */
export const PER_CLIENT = 1024;

export class Desk {
  stats = {
    run: 0,
    answered: 0,
    waited: 0,
    undone: 0,
    inDoubt: 0,
    mismatched: 0,
    stale: 0,
    belowBase: 0,
    restored: 0,
    invalid: 0,
    overflow: 0,
    failed: 0,
  };
  #settings;
  #encoding;
  #store;
  #hands = new Map();
  /** Scope → `{ count, full }`; `full` are those who wait for room. */
  #scopes = new Map();
  // Neither keeps what it knows of.
  #deliveryOf = new WeakMap();
  #garbage = new FinalizationRegistry(({ delivery, run }) => delivery.lost(run));

  constructor(settings, encoding) {
    const { store, ttl, lease } = settings;
    this.#settings = settings;
    this.#encoding = encoding;
    const node = randomBytes(9).toString("base64url");
    this.#store = store.open({ node, ttl, lease, results: PER_CLIENT });
    setInterval(() => this.#extend(), lease / 3).unref();
  }

  get inDoubt() {
    return this.#settings.inDoubt;
  }

  get ttl() {
    return this.#settings.ttl;
  }

  // --- Links ---

  join(scope, base) {
    return this.#safely(() => this.#store.join(scope, base));
  }

  /** An event with its claim; a promise where what follows on the link has to wait. `what`: `{ key, nsp, seq, hash }`. */
  receive(link, what, event, next) {
    const known = this.#hands.get(what.key);
    if (known) return known.offer(link, event, next);
    const { scope } = link;
    const held = this.#scopes.get(scope) ?? { count: 0, full: [] };
    if (held.count >= PER_CLIENT) {
      return new Promise((resolve) => held.full.push(resolve)).then(() => {
        if (link.isOpen) return this.receive(link, what, event, next);
      });
    }
    held.count += 1;
    this.#scopes.set(scope, held);
    const delivery = new Delivery(this, scope, what);
    this.#hands.set(what.key, delivery);
    return delivery.offer(link, event, next);
  }

  // --- Deliveries ---

  drop(delivery) {
    if (this.#hands.get(delivery.key) !== delivery) return;
    this.#hands.delete(delivery.key);
    const held = this.#scopes.get(delivery.scope);
    held.count -= 1;
    if (held.count === 0) this.#scopes.delete(delivery.scope);
    // One link has one of them at most.
    for (const wake of held.full.splice(0)) wake();
  }

  begin(scope, seq, hash) {
    return this.#safely(() => this.#store.begin(scope, seq, hash));
  }

  finish(scope, field, { hash }, frames) {
    return this.#safely(() => this.#store.finish(scope, field, hash, frames));
  }

  undo(scope, field) {
    return this.#safely(() => this.#store.undo(scope, field));
  }

  encode({ nsp, seq }, args) {
    return this.#encoding.ack(nsp, seq, args);
  }

  event(data) {
    return this.#encoding.event(data);
  }

  watched(ack, delivery, run) {
    this.#deliveryOf.set(ack, delivery);
    this.#garbage.register(ack, { delivery, run }, run);
    return ack;
  }

  unwatch(run) {
    this.#garbage.unregister(run);
  }

  deliveryOf(ack) {
    return this.#deliveryOf.get(ack);
  }

  failed(error) {
    this.stats.failed += 1;
    this.#settings.onError(error);
  }

  // --- Leases ---

  #extend() {
    const now = performance.now();
    const fields = new Map();
    for (const delivery of [...this.#hands.values()]) {
      const { claim } = delivery;
      if (!claim) continue;
      if (claim.since !== undefined && now - claim.since > this.#settings.handlerTimeout) delivery.abandon();
      else if (fields.has(delivery.scope)) fields.get(delivery.scope).push(claim.field);
      else fields.set(delivery.scope, [claim.field]);
    }
    for (const [scope, list] of fields) {
      after(this.#safely(() => this.#store.extend(scope, list)), () => {}, (error) => this.failed(error));
    }
  }

  /** Stores may throw instead of rejecting. */
  #safely(ask) {
    try {
      return ask();
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
