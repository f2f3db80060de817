// One tab's end of an outbox; what calls what stands in index.js.
import { Database } from "./database.js";
import { Lease, Locks, RENEWAL } from "./election.js";
import { Fenced, OutboxError } from "./errors.js";
import { append, goneOf, keysUpTo, takeBack } from "./entries.js";
import { lead } from "./leader.js";
import { Memory } from "./memory.js";
import { watchPage } from "./page.js";
import { randomId, recordOf } from "./record.js";
import { claimSession, saveSession } from "./session.js";
import { Room, Stock, weightOf } from "./stock.js";

/** What tabs say to each other; those of another version are not understood. */
const VERSION = 1;
/** The leader looks by itself this often, for a tab may have died between storing and saying so. */
const LOOK = 10_000;
/** Fates that are not the last. */
const OPEN = new Set(["held", "inFlight"]);
/** Ends of what no server has. */
const NEVER_SENT = new Set(["refused", "expired", "dropped", "cancelled"]);

export class Outbox {
  /** This page's name for the others. */
  tab = randomId();

  #name;
  #handlers;
  #store;
  #room;
  /** Settled once the database is open, or is known to be none. */
  #ready;
  /** Locks or Lease; none without a database. */
  #election;
  /** Why this tab may not lead: the page is frozen, or kept for the way back; it is not connected. */
  #away = new Set();
  /** Which attempt to lead it is; one of before may still be in a transaction. */
  #term = 0;
  #leader;
  /** Of what was asked to be erased last. */
  #erased = Promise.resolve();
  #timer;
  /** What waits for a transaction: `{ run(turn), strict, solo }`, and whom to tell. */
  #queue = [];
  #running = false;
  /** Emits of this page that another tab is to send: their keys by ref. */
  #mine = new Map();
  #channel;
  #unwatch;
  #closed = false;

  constructor(name, handlers, bounds) {
    this.#name = name;
    this.#handlers = handlers;
    this.#room = new Room(bounds);
    this.#store = new Database(name, () => this.#deleted(), () => this.#look());
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => data?.v === VERSION && this.#hear(data);
    // Node would wait for it.
    this.#channel.unref?.();
    this.#unwatch = watchPage(() => this.#leave("page"), () => this.#return("page"));
    this.#ready = this.#open();
  }

  get leading() {
    return this.#leader !== undefined && (this.#lease?.holds() ?? true);
  }

  async append(records) {
    const copies = records.map((record) => recordOf(record, this.tab));
    const weight = weightOf(copies);
    this.#room.comes(weight);
    const appending = this.#enqueue({ strict: true, run: (turn) => this.#append(turn, copies) });
    const { full, leader, seqs } = await appending.finally(() => this.#room.came(weight));
    if (full) throw new OutboxError("full");
    return leader !== undefined && leader === this.#leader ? seqs : undefined;
  }

  /** It is to lead, but for a transaction. */
  get elected() {
    return this.#election?.gained ?? false;
  }

  hasRoom(size) {
    return this.#room.takes({ count: 1, bytes: size });
  }

  erase(seqs) {
    this.#erased = this.#erase(seqs).catch((error) => this.#report(error));
  }

  async #erase(seqs) {
    const left = await this.#enqueue({ run: (turn) => turn.leader?.erase(turn, seqs) ?? [] });
    // Stored by that very transaction.
    if (left.length > 0) await this.#erase(left);
  }

  /** That it was never sent is told once it is erased, which was asked for before: the next leader would send it. */
  tell(fates) {
    for (const fate of fates) {
      const asker = this.#leader?.held.get(fate.seq);
      if (asker === undefined || asker.tab === this.tab) continue;
      const post = () => this.#post({ type: "fate", tab: asker.tab, fate: { ...fate, ref: asker.ref } });
      if (NEVER_SENT.has(fate.fate)) this.#erased.then(post);
      else post();
    }
  }

  async reserve(upTo) {
    const run = (turn) => {
      turn.upTo = Math.max(turn.upTo, upTo);
      return turn.leader;
    };
    const leader = await this.#enqueue({ strict: true, run });
    if (leader === undefined) throw new OutboxError("follower");
  }

  cancel(ref) {
    return this.#enqueue({ strict: true, run: (turn) => this.#cancel(turn, ref) });
  }

  clear() {
    // Alone: the core knows the numbers of what was stored before it by then.
    return this.#enqueue({ strict: true, solo: true, run: (turn) => this.#clear(turn) });
  }

  /** Resolves to whether it is stored. */
  async save(key, session) {
    const leader = this.#leader;
    if (!this.leading) return false;
    // Perhaps it was given up just now, and nobody has it yet.
    const leads = (now) => now === leader || !this.#candidate;
    const run = ({ tx, leader: now }) => leads(now) && saveSession(tx, key, this.tab, session);
    return this.#enqueue({ run });
  }

  claim(key) {
    return this.#enqueue({ run: ({ tx, leader }) => claimSession(tx, key, this.tab, leader !== undefined) });
  }

  flush() {
    return this.#enqueue({ run() {} });
  }

  async close() {
    if (this.#closed) return;
    this.#unwatch();
    this.#leave("closed");
    await this.flush().catch(() => {});
    this.#closed = true;
    this.#resign();
    this.#channel.close();
    this.#store.close();
  }

  // --- Transactions -----------------------------------------------------------------------------------------------

  #enqueue(job, first = false) {
    if (this.#closed) return Promise.reject(new OutboxError("closed"));
    return new Promise((resolve, reject) => {
      Object.assign(job, { resolve, reject });
      if (first) this.#queue.unshift(job);
      else this.#queue.push(job);
      this.#pump();
    });
  }

  /** What comes while a transaction runs shares the next one. */
  async #pump() {
    if (this.#running) return;
    this.#running = true;
    await this.#ready;
    while (this.#queue.length > 0) {
      const solo = this.#queue.findIndex((job) => job.solo);
      await this.#perform(this.#queue.splice(0, solo < 0 ? this.#queue.length : Math.max(solo, 1)));
    }
    this.#running = false;
  }

  async #perform(jobs) {
    const leads = jobs.some((job) => job.leads);
    const leader = leads ? undefined : this.#leader;
    const strict = jobs.some((job) => job.strict);
    const work = async (tx) => {
      const stock = new Stock(this.#room.stored);
      const lists = { after: [], entries: new Map(), added: new Set(), results: [], stock };
      const turn = { tx, leader, strict, lease: this.#lease?.next(), lost: 0, upTo: 0, used: 0, ...lists };
      // A page that goes away has no time for it.
      if (!this.#away.has("page")) await stock.read(tx);
      await leader?.begin(turn);
      for (const job of jobs) turn.results.push(await job.run(turn));
      leader?.end(turn);
      stock.write(tx);
      return turn;
    };
    let done;
    try {
      done = await this.#store.run(strict, work);
    } catch (error) {
      return this.#failed(jobs, leader, leads, error);
    }
    this.#room.stored = done.stock.weight;
    for (const each of done.after) each();
    const counts = { kept: done.entries.size, lost: done.lost };
    if (done.lost > 0) this.#report(new OutboxError("corrupt", undefined, counts));
    // Otherwise the next leader has them.
    if (leader === this.#leader) for (const record of done.entries.values()) this.#call("onEntry", record);
    jobs.forEach((job, index) => job.resolve(done.results[index]));
  }

  #failed(jobs, leader, leads, error) {
    if (error instanceof Fenced) {
      this.#queue.unshift(...jobs);
      if (leader === this.#leader) this.#again();
    } else if (leads || error.code === "unavailable" || error.code === "newer") {
      this.#queue.unshift(...jobs.filter((job) => !job.leads));
      jobs.forEach((job) => job.leads && job.resolve());
      this.#fallBack(error instanceof OutboxError ? error : new OutboxError("unavailable", error));
    } else if (jobs.length > 1) {
      // One of them is at fault.
      for (const job of jobs) job.solo = true;
      this.#queue.unshift(...jobs);
    } else {
      jobs[0].reject(new OutboxError("storage", error));
    }
    this.#pump();
  }

  #append(turn, records) {
    const { leader, after } = turn;
    const stored = (ref, key) => (leader && leader === this.#leader) || this.#mine.set(ref, key);
    const seqs = append(turn, records, this.#room, stored);
    if (seqs === undefined) return { full: true };
    if (leader) return { leader, seqs };
    const announce = () => this.#post({ type: "entry" });
    after.push(announce);
    // A page that goes away may not learn that it is stored.
    if (!this.#candidate) announce();
    return {};
  }

  async #cancel(turn, ref) {
    const cancelled = await takeBack(turn, this.#mine, this.tab, ref);
    if (cancelled === undefined) this.#post({ type: "cancel", tab: this.tab, ref });
    return cancelled ?? false;
  }

  async #clear({ tx, after, entries, stock }) {
    const upTo = await tx.last();
    tx.clear();
    stock.reset([]);
    entries.clear();
    after.push(() => {
      if (this.#durable) this.#post({ type: "clear", upTo });
      this.#cleared(upTo, this.#leader);
    });
  }

  #cleared(upTo, leader) {
    const [seqs, refs] = [leader?.upTo(upTo) ?? [], keysUpTo(this.#mine, upTo)];
    for (const ref of refs) this.#mine.delete(ref);
    this.#call("onClear", { seqs, refs });
    for (const seq of seqs) leader.held.delete(seq);
  }

  // --- Who leads --------------------------------------------------------------------------------------------------

  async #open() {
    try {
      await this.#store.open();
    } catch (error) {
      return this.#fallBack(error);
    }
    this.#elect(Locks.available());
  }

  #elect(withLocks) {
    const lead = () => this.#lead();
    const events = { gained: lead, lost: () => this.#again(), refused: () => this.#elect(false) };
    this.#election = withLocks ? new Locks(this.#name, events) : new Lease(lead);
    if (this.#candidate) this.#election.join();
  }

  get #lease() {
    return this.#election instanceof Lease ? this.#election : undefined;
  }

  get #durable() {
    return this.#store instanceof Database;
  }

  /** Who leads instead, if another does. */
  #lead(first = false) {
    const term = this.#term;
    const isOver = () => term !== this.#term;
    const run = async (turn) => {
      if (isOver()) return undefined;
      const outcome = await lead(turn, this.tab, this.#handlers, this.#lease);
      if (outcome.leader) turn.after.push(() => isOver() || this.#begin(outcome, turn.lease));
      return outcome.rival;
    };
    // It fails only once the outbox is closed.
    return this.#enqueue({ strict: true, solo: true, leads: true, run }, first).catch(() => {});
  }

  #begin({ leader, opened, lost, renamed }, span) {
    this.#leader = leader;
    let gone = [];
    if (this.#durable) {
      gone = [...this.#mine.keys()].filter((ref) => !leader.knows({ tab: this.tab, ref }));
      this.#mine.clear();
      this.#lease?.extended(span);
      let beats = 0;
      const beat = () => this.#renew(!this.#lease || (beats += 1) % 5 === 0);
      this.#timer = setInterval(beat, this.#lease ? RENEWAL : LOOK);
    }
    if (this.#durable) this.#post({ type: "led" });
    const counts = { kept: opened.records.length, lost };
    if (renamed) this.#report(new OutboxError("metadata", undefined, counts));
    else if (lost > 0) this.#report(new OutboxError("corrupt", undefined, counts));
    this.#call("onLeader", { ...opened, gone, durable: this.#durable });
  }

  /** The leader makes sure that it leads, and that no entry lies there of which nobody said anything. */
  #look() {
    if (this.#closed || this.#queue.some((job) => job.looks)) return;
    this.#renew(true);
  }

  #renew(looks) {
    const run = (turn) => {
      if (!turn.leader || !turn.lease) return;
      turn.leader.extend(turn.tx, turn.lease);
      turn.after.push(() => this.#lease?.extended(turn.lease));
    };
    // If it fails, the lease runs out.
    this.#enqueue({ strict: looks, looks, run }).catch(() => {});
  }

  /** Somebody else leads, or this tab may again. */
  #again() {
    this.#resign();
    this.#election.leave();
    if (this.#candidate) this.#election.join();
  }

  #resign() {
    const leader = this.#leader;
    this.#term += 1;
    if (leader === undefined) return;
    this.#leader = undefined;
    clearInterval(this.#timer);
    for (const { key, tab, ref } of leader.held.values()) if (tab === this.tab) this.#mine.set(ref, key);
    this.#call("onFollower");
  }

  get #candidate() {
    return this.#away.size === 0;
  }

  retire() {
    this.#leave("idle");
  }

  stand() {
    this.#return("idle");
  }

  /** Others may lead. */
  #leave(why) {
    const stood = this.#candidate;
    this.#away.add(why);
    // Nobody else has what is in memory.
    if (!this.#durable || !stood) return;
    this.#call("onLeave", why);
    if (this.#leader && this.#lease?.holds()) this.#free(this.#leader);
    this.#election?.leave();
    this.#resign();
    // Not after the transaction that runs: by then the page may be gone.
    const jobs = this.#queue.splice(0);
    if (jobs.length > 0) this.#perform(jobs);
  }

  /** Says so to those that are there, and, if there is time for it, to those that come. */
  #free(leader) {
    this.#enqueue({ run: ({ tx }) => leader.free(tx) }).catch(() => {});
    this.#post({ type: "free", epoch: leader.epoch });
  }

  #return(why) {
    if (this.#away.delete(why) && this.#candidate) this.#election?.join();
  }

  /** There is no database, or none any longer. What is stored there another tab may send, or a later one. */
  #fallBack(error) {
    this.#election?.leave();
    this.#election = undefined;
    this.#resign();
    this.#store.close();
    this.#store = new Memory();
    this.#report(error);
    this.#lead(true);
  }

  #deleted() {
    // Nothing has these keys now.
    for (const ref of this.#mine.keys()) this.#mine.set(ref, 0);
    this.#report(new OutboxError("deleted"));
  }

  // --- Other tabs, the page, the core -----------------------------------------------------------------------------

  #post(message) {
    if (!this.#closed) this.#channel.postMessage({ v: VERSION, ...message });
  }

  #hear({ type, tab, ref, fate, upTo, epoch }) {
    const leader = this.#leader;
    if (type === "entry" && leader) this.#look();
    if (type === "led" && !leader) this.#reconcile();
    if (type === "free") this.#lease?.freed(epoch);
    if (type === "clear") this.#cleared(upTo, this.#durable ? leader : undefined);
    if (type === "cancel" && leader) this.#asked({ tab, ref });
    if (type === "fate" && tab === this.tab) {
      if (!OPEN.has(fate.fate)) this.#mine.delete(fate.ref);
      this.#call("onFate", fate);
    }
  }

  /** Another tab leads now. What the one before has erased, and had no time to tell, nobody tells any more. */
  async #reconcile() {
    const gone = await this.#enqueue({ run: ({ tx }) => goneOf(tx, this.#mine, this.tab) }).catch(() => []);
    if (gone.length > 0) this.#call("onGone", gone);
  }

  /** Another tab has seen the number; this one has, after the transaction that runs. */
  async #asked(asker) {
    await this.flush().catch(() => {});
    const seq = this.#leader?.seqOf(asker);
    if (seq !== undefined) this.#call("onCancel", seq);
  }

  #report(error) {
    this.#call("onError", error);
  }

  #call(name, value) {
    try {
      this.#handlers[name]?.(value);
    } catch (error) {
      // The application's, and it stops nothing here.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
