// What the leader does in its transactions. In each it first makes sure that it still leads, and takes up what other
// tabs have appended: so the order of the keys is the order of the numbers.
import { FREE } from "./election.js";
import { Fenced } from "./errors.js";
import { randomId, sealed, sizeOf, unsealed } from "./record.js";
import { takeSession } from "./session.js";
import { weightOf } from "./stock.js";

/** Ids are reserved by so many. */
const BLOCK = 1024;
/** Of emits that are settled so many are known still, should they turn up again. */
const RECENT = 16_384;

const isId = (value) => Number.isSafeInteger(value) && value >= 0;
const asker = ({ tab, ref }) => `${tab} ${ref}`;

/**
 * Takes the lead: `{ leader, opened, lost, renamed }`. With a lease, `{ rival }` if another has it. Every record has
 * its seq afterwards.
 */
export async function lead({ tx, stock, lease: span }, tab, { sequence, session: wanted }, lease) {
  const rival = await tx.get("leader");
  if (lease && isId(rival?.epoch) && rival.holder !== tab && !lease.isOver(rival)) return { rival };
  const stored = await tx.get("outbox");
  const rows = await tx.rows(0);
  let { id, next } = unsealed(stored) ?? {};
  // What has no number was appended before anybody led for the first time.
  const numbered = ([, value]) => unsealed(value)?.seq !== undefined;
  const renamed = id === undefined && (stored !== undefined || rows.some(numbered));
  const leader = new Leader(tab, sequence, id ?? randomId(), isId(rival?.epoch) ? rival.epoch + 1 : 1);
  next ??= 0;
  const [records, fresh] = [[], []];
  let lost = 0;
  for (const [key, value] of rows) {
    const record = unsealed(value);
    if (record === undefined) lost += 1;
    if (record === undefined || leader.knows(record)) {
      tx.delete(key);
      continue;
    }
    if (record.seq === undefined) fresh.push([key, record]);
    else next = Math.max(next, record.seq + 1);
    leader.hold(key, record);
    records.push(record);
  }
  for (const [key, record] of fresh) {
    record.seq = next++;
    leader.hold(key, record);
    tx.put(sealed(record), key);
  }
  const place = wanted?.();
  const session = place === undefined ? undefined : await takeSession(tx, place, tab);
  leader.reserved = next + BLOCK;
  leader.write(tx, span);
  stock.reset(records);
  records.sort((a, b) => a.seq - b.seq);
  const opened = { id: leader.id, next, reserved: leader.reserved, records, session };
  return { leader, opened, lost, renamed };
}

export class Leader {
  /** Ids below it may be used. */
  reserved = 0;
  /** What is not settled, by seq: `{ key, tab, ref, size }`. */
  held = new Map();
  /** The seq of each emit by who asked for it. */
  #seqs = new Map();
  /** All up to this key have been taken up. */
  #seen = 0;
  #tab;
  #sequence;
  epoch;

  constructor(tab, sequence, id, epoch) {
    this.#tab = tab;
    this.#sequence = sequence;
    this.id = id;
    this.epoch = epoch;
  }

  write(tx, lease) {
    tx.set("outbox", sealed({ id: this.id, next: this.reserved }));
    this.extend(tx, lease);
  }

  extend(tx, lease) {
    tx.set("leader", { epoch: this.epoch, holder: this.#tab, beat: lease?.beat ?? FREE });
  }

  async #leads(tx) {
    const now = await tx.get("leader");
    return now?.epoch === this.epoch && now.holder === this.#tab;
  }

  async free(tx) {
    if (await this.#leads(tx)) this.extend(tx);
  }

  knows(record) {
    return this.#seqs.has(asker(record));
  }

  /** The seq of an emit of another tab, if it is not settled. */
  seqOf(record) {
    const seq = this.#seqs.get(asker(record));
    return this.held.has(seq) ? seq : undefined;
  }

  hold(key, record) {
    const { seq, tab, ref } = record;
    this.held.set(seq, { key, tab, ref, size: sizeOf(record) });
    this.#seen = Math.max(this.#seen, key);
    this.#seqs.set(asker({ tab, ref }), seq);
    if (this.#seqs.size > RECENT) this.#seqs.delete(this.#seqs.keys().next().value);
  }

  /** The seqs of what stands before or at a key. */
  upTo(last) {
    return [...this.held].filter(([, { key }]) => !(key > last)).map(([seq]) => seq);
  }

  #next() {
    const seq = this.#sequence();
    if (!isId(seq) || this.held.has(seq)) throw new TypeError(`no new id: ${seq}`);
    return seq;
  }

  // --- Within a transaction ---------------------------------------------------------------------------------------

  /** `turn.entries` are the records taken up, by who asked; `turn.lost` how many were damaged. */
  async begin(turn) {
    const { tx, after, stock } = turn;
    if ((await tx.get("leader")) === undefined) {
      // The database is a new one. The ids go on: none may be used for a second time.
      this.write(tx, turn.lease);
      this.#seen = 0;
      for (const entry of this.held.values()) entry.key = undefined;
    } else if (!(await this.#leads(tx))) {
      throw new Fenced();
    }
    // What has just got its number must keep it.
    const rows = turn.strict ? await tx.rows(this.#seen) : [];
    const met = new Set();
    for (const [key, value] of rows) {
      after.push(() => (this.#seen = Math.max(this.#seen, key)));
      const record = unsealed(value);
      if (record === undefined) turn.lost += 1;
      const who = record && asker(record);
      if (record === undefined || met.has(who) || this.#isStored(who)) {
        tx.delete(key);
        stock.remove(weightOf([record]));
      } else {
        this.#take(turn, key, record, this.#seqs.get(who));
      }
      met.add(who);
    }
  }

  /**
   * Whether that emit has been taken up: a tab that could not know it has appended it a second time. Where the database
   * is a new one that is wanted.
   */
  #isStored(who) {
    const seq = this.#seqs.get(who);
    const entry = this.held.get(seq);
    return seq !== undefined && (entry === undefined || entry.key !== undefined);
  }

  #take(turn, key, record, known) {
    const { tx, after, entries } = turn;
    if (record.seq === undefined) {
      record.seq = known ?? this.#next();
      tx.put(sealed(record), key);
    }
    turn.used = Math.max(turn.used, record.seq + 1);
    after.push(() => this.hold(key, record));
    if (known === undefined) entries.set(asker(record), record);
  }

  /** Whether a record of this tab is stored already. */
  has({ entries }, record) {
    return entries.has(asker(record)) || this.held.get(record.seq)?.key !== undefined;
  }

  /** Stores a record of this tab; its seq. */
  add(turn, record) {
    const { tx, after, entries, added } = turn;
    // Stored by a transaction of which the browser did not say that it was complete.
    const found = entries.get(asker(record));
    if (found !== undefined) {
      entries.delete(asker(record));
      added.add(found.seq);
      return found.seq;
    }
    const seq = record.seq ?? this.#next();
    const key = this.held.get(seq)?.key;
    const value = sealed({ ...record, seq });
    const request = key === undefined ? tx.add(value) : tx.put(value, key);
    after.push(() => this.hold(key ?? request.result, value));
    added.add(seq);
    turn.used = Math.max(turn.used, seq + 1);
    return seq;
  }

  /** Those that this very transaction stores, whose keys are not known yet, are left: it returns them. */
  erase({ tx, after, added, stock }, seqs) {
    return seqs.filter((seq) => {
      if (added.has(seq)) return true;
      const { key, size } = this.held.get(seq) ?? {};
      if (key !== undefined) {
        tx.delete(key);
        stock.remove({ count: 1, bytes: size });
      }
      after.push(() => this.held.delete(seq));
      return false;
    });
  }

  /** Reserves what is to be used, and what was, together with it. */
  end({ tx, after, upTo, used }) {
    const reserved = Math.max(upTo, used > this.reserved ? used + BLOCK : 0);
    if (reserved <= this.reserved) return;
    tx.set("outbox", sealed({ id: this.id, next: reserved }));
    after.push(() => (this.reserved = reserved));
  }
}
