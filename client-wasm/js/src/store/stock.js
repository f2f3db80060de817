// How much stands in the whole store, of all tabs and of the pages that are gone: kept in the database, by the very
// transactions that change it.
import { sealed, sizeOf, unsealed } from "./record.js";

const NONE = { count: 0, bytes: 0 };

const plus = (a, b) => ({ count: a.count + b.count, bytes: a.bytes + b.bytes });
const minus = (a, b) => ({ count: Math.max(a.count - b.count, 0), bytes: Math.max(a.bytes - b.bytes, 0) });

/** What records weigh; of one that is damaged only that it is there. */
export const weightOf = (records) =>
  records.reduce((sum, record) => plus(sum, { count: 1, bytes: record ? sizeOf(record) : 0 }), NONE);

/** What one transaction sees, and makes, of it. */
export class Stock {
  #before;
  #now;

  /** Without a time to read it: counted from what was `seen` last, and by the next one anew. */
  constructor(seen) {
    this.#now = seen;
  }

  async read(tx) {
    const { count, bytes } = unsealed(await tx.get("stock")) ?? (await Stock.#counted(tx));
    this.#before = this.#now = { count, bytes };
  }

  /** In a new database, or where what stands there is damaged. */
  static async #counted(tx) {
    const rows = await tx.rows(0);
    return weightOf(rows.map(([, value]) => unsealed(value)));
  }

  get weight() {
    return this.#now;
  }

  add(weight) {
    this.#now = plus(this.#now, weight);
  }

  remove(weight) {
    this.#now = minus(this.#now, weight);
  }

  /** These are all that there are. */
  reset(records) {
    this.#now = weightOf(records);
  }

  write(tx) {
    if (this.#now !== this.#before) tx.set("stock", this.#before && sealed(this.#now));
  }
}

/** How much there may be, and what a page knows of it between its transactions. */
export class Room {
  #bounds;
  stored = NONE;
  /** What waits for a transaction. */
  #coming = NONE;

  constructor({ bufferSize = Infinity, bufferBytes = Infinity } = {}) {
    this.#bounds = { bufferSize, bufferBytes };
  }

  comes(weight) {
    this.#coming = plus(this.#coming, weight);
  }

  came(weight) {
    this.#coming = minus(this.#coming, weight);
  }

  takes(weight, stored = plus(this.stored, this.#coming)) {
    const { count, bytes } = plus(stored, weight);
    return count <= this.#bounds.bufferSize && bytes <= this.#bounds.bufferBytes;
  }
}
