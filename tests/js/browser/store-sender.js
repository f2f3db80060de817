// A page's core, as far as the outbox is concerned: it sends, in the order of their seq and one at a time, what it is
// given, to whoever judges (store-tab.mjs), and gives numbers and fates. It shows how the outbox is wired.
import { openOutbox } from "/store/index.js";

/** By the machine's clock, which all tabs have; also where a test sets the page's. */
const { now } = Date;

const post = async (path, body) => (await fetch(path, { method: "POST", body: JSON.stringify(body) })).json();

export class Sender {
  /** What the outbox has told, as `[handler, value]`. */
  told = [];
  /** The fate of each emit of this page, by ref. */
  fates = new Map();
  /** What is to be sent, by seq; the leader's. */
  held = new Map();
  /** How often it has led. */
  reigns = 0;
  #next = 0;
  #id;
  #sending = false;
  #refs = 0;
  #onFate;

  /** With `report`, whoever judges learns of each append too. */
  constructor(name, { report = false } = {}) {
    this.report = report;
    const handlers = {
      onLeader: ({ id, next, records }) => {
        this.#id = id;
        this.reigns += 1;
        this.#next = next;
        this.#send(records);
      },
      onFollower: () => this.held.clear(),
      onEntry: (record) => this.#send([record]),
      onFate: ({ ref, fate }) => this.#fate(ref, fate),
      onCancel: (seq) => this.#settle(seq, "cancelled"),
      onClear: ({ seqs, refs }) => {
        for (const seq of seqs) this.held.delete(seq);
        for (const ref of refs) this.fates.set(ref, "cancelled");
      },
    };
    const told = (event) => (value) => {
      this.told.push([event, value]);
      handlers[event]?.(value);
    };
    const events = ["onLeader", "onFollower", "onEntry", "onFate", "onCancel", "onClear", "onError"];
    const heard = Object.fromEntries(events.map((event) => [event, told(event)]));
    this.outbox = openOutbox(name, { ...heard, sequence: () => this.#next++ });
    this.tab = this.outbox.tab;
  }

  record(text, more) {
    return { namespace: "/", text, createdAt: Date.now(), ref: (this.#refs += 1), ...more };
  }

  /** Appends; the refs. A fate follows. */
  async emit(...texts) {
    const records = texts.map((text) => this.record(text));
    const refs = records.map(({ ref }) => ref);
    for (const ref of refs) this.fates.set(ref, "held");
    if (this.report) await post("/appending", { tab: this.tab, refs });
    const seqs = await this.outbox.append(records);
    if (seqs) this.#send(records.map((record, index) => ({ ...record, tab: this.tab, seq: seqs[index] })));
    if (this.report) await post("/appended", { tab: this.tab, refs });
    return refs;
  }

  /** Emits again and again, until `stop` is called; waits for fates where many are missing. */
  async chatter() {
    this.stopped = false;
    for (let count = 1; !this.stopped; count += 1) {
      while ([...this.fates.values()].filter((fate) => fate === "held").length > 20) {
        await new Promise((resolve) => (this.#onFate = resolve));
      }
      await this.emit(...Array.from({ length: (count % 3) + 1 }, () => `["said"]`));
    }
  }

  stop() {
    this.stopped = true;
  }

  /** The values with which a handler was called. */
  of(event) {
    return this.told.filter(([name]) => name === event).map(([, value]) => value);
  }

  #send(records) {
    for (const record of records) this.held.set(record.seq, record);
    this.#pump();
  }

  async #pump() {
    if (this.#sending) return;
    this.#sending = true;
    while (this.held.size > 0 && this.outbox.leading) {
      const seq = Math.min(...this.held.keys());
      const { tab, ref, text, attachments = [] } = this.held.get(seq);
      const bytes = attachments.map((part) => Array.from(new Uint8Array(part)));
      const by = `${this.tab} ${this.reigns}`;
      const { fate } = await post("/send", { id: this.#id, seq, by, at: now(), tab, ref, text, bytes });
      if (fate && this.held.has(seq)) this.#settle(seq, fate);
    }
    this.#sending = false;
  }

  #fate(ref, fate) {
    this.fates.set(ref, fate);
    this.#onFate?.();
  }

  #settle(seq, fate) {
    const record = this.held.get(seq);
    if (record === undefined) return;
    this.held.delete(seq);
    if (record.tab === this.tab) this.#fate(record.ref, fate);
    this.outbox.erase([seq]);
    this.outbox.tell([{ seq, fate }]);
  }
}

/** The database, past the outbox. */
const database = (name) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(`sio-outbox:${name}`);
    request.onupgradeneeded = () => request.transaction.abort();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const done = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });

/** All that stands in an object store, as `[key, value]`. */
export async function stored(name, store = "records") {
  const db = await database(name);
  const transaction = db.transaction(store);
  const [keys, values] = ["getAllKeys", "getAll"].map((method) => transaction.objectStore(store)[method]());
  await done(transaction);
  db.close();
  return keys.result.map((key, index) => [key, values.result[index]]);
}

/** Puts what `change` makes of the value there. */
export async function tamper(name, store, key, change) {
  const db = await database(name);
  const transaction = db.transaction(store, "readwrite");
  const request = transaction.objectStore(store).get(key);
  request.onsuccess = () => transaction.objectStore(store).put(change(request.result), key);
  await done(transaction);
  db.close();
}
