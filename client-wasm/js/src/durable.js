// The durable outbox of one socket: between the store, which all tabs share, and the core of the tab that leads. Stored
// first: an emit is handed to the core with the ack id that the store gave it, in whichever tab that is.
//
// A file of its own, which is loaded where it is wanted. `context` is what outbox.js gives it.
import { SharedSession } from "./shared-session.js";
import { openOutbox } from "./store/index.js";
import { pause } from "./store/pause.js";

/** How often it is looked who leads. Without a word from the lock by then it is another tab. */
const LOOK = 1000;
/** So often where a session waits for it and no other tab has the lock; then the connection goes without that session. */
const LOOKS = 5;
/** What the leader before has said may still be on its way. */
const LATE = 1000;
/** A page that is on its way out may still lead for so long. */
const GOING = 50;

const isFinal = (fate) => fate !== "held" && fate !== "inFlight";

export class Durable {
  #context;
  #store;
  #role;
  /** Who learns the role: one of before is of no account. */
  #learner;
  /** Emits of this page that are not settled, by ref. */
  #mine = new Map();
  #bytes = 0;
  /** What the core has, by ack id, and its ack ids by ticket. The leader's. */
  #adopted = new Map();
  #keys = new Map();
  #reserved = 0;
  /** What waits for it to be stored is appended behind it: it has to be read first. */
  #reading;
  /** That it gives up the lead, once nothing that it has is under way. */
  #retiring = false;
  #retires;
  /** With `recoveryStore`. */
  #session;
  /** Whether emits outlive the page. */
  #outlive = true;

  /** `idle`: until `stand` it does not lead. */
  constructor(context, idle) {
    this.#context = context;
    const { bufferSize, bufferBytes } = context;
    const handlers = {
      sequence: () => context.sequence(),
      session: () => this.#session?.wanted,
      onLeave: (why) => this.#session?.leaves(why),
      onLeader: (opened) => this.#lead(opened),
      onFollower: () => this.#follow(),
      onEntry: (record) => this.#take(record, { maybeSent: false }),
      onFate: ({ ref, seq, ...change }) => this.#change(ref, change),
      onGone: (refs) => this.#gone(refs),
      onCancel: (seq) => this.#cancelAdopted(seq),
      onClear: ({ seqs, refs }) => this.#cleared(seqs, refs),
      onError: (error) => context.failed(error),
    };
    this.#store = openOutbox(context.name, handlers, { bufferSize, bufferBytes });
    if (context.session) this.#session = new SharedSession(context.session, this.#store);
    this.#retiring = idle;
    if (idle) this.#store.retire();
    else this.#learnRole();
  }

  get #knowsRole() {
    return this.#session ? !this.#session.undecided || this.#retiring : this.#role !== undefined;
  }

  /** Whether another tab has the lock; undefined where nobody says so. */
  async #isTaken() {
    const locks = await globalThis.navigator?.locks?.query?.().catch(() => {});
    if (this.#store.elected) return false;
    return locks?.held?.some(({ name }) => name === `sio-outbox:${this.#context.name}`);
  }

  /** The store says who leads only to who does. */
  async #learnRole() {
    const learner = (this.#learner = {});
    const isOver = () => this.#learner !== learner || this.#knowsRole;
    for (let look = 0; look < (this.#session ? LOOKS : 1); look += 1) {
      const next = pause(LOOK);
      // The browser may never answer.
      const isTaken = () => Promise.race([this.#isTaken(), next]);
      let taken = await isTaken();
      if (taken && this.#session) {
        await pause(GOING);
        taken = await isTaken();
      }
      if (isOver()) return;
      if (taken ?? look > 0) return this.#follow();
      await next;
      if (isOver()) return;
    }
    // No other tab has it, and what was stored cannot be read: the lead comes late, or the database does not answer.
    this.#session?.missed();
    this.#follow();
  }

  // --- Who leads --------------------------------------------------------------------------------------------------

  #lead({ id, next, reserved, records, gone, durable, session }) {
    this.#outlive = durable;
    this.#role = "leader";
    this.#reserved = reserved;
    this.#session?.leads(session, durable);
    this.#context.lead(id, next, () => {
      for (const record of records) {
        // The leader before has said what became of it, and had no time to erase it.
        if (record.tab === this.#store.tab && !this.#mine.has(record.ref)) this.#store.erase([record.seq]);
        else this.#take(record, { maybeSent: true, earlier: true });
      }
    });
    this.#gone(gone);
    this.#session?.decided();
  }

  /** The leader before has settled these, and nothing more is known. */
  #gone(refs) {
    if (refs.length === 0) return;
    const lost = () => refs.forEach((ref) => this.#change(ref, { fate: "uncertain", attempts: 0 }));
    setTimeout(lost, LATE);
  }

  #follow() {
    this.#role = "follower";
    this.#session?.follows();
    for (const { entry } of this.#adopted.values()) if (entry) entry.key = undefined;
    this.#adopted.clear();
    this.#context.resign();
    if (!this.#retiring) this.#session?.decided();
  }

  /** The socket connects. */
  stand() {
    clearTimeout(this.#retires);
    this.#retiring = false;
    this.#store.stand();
    if (!this.#knowsRole) this.#learnRole();
  }

  /** The core's session is to be stored. */
  save(session) {
    this.#session?.save(session);
  }

  noted(session) {
    this.#session?.noted(session);
  }

  /** `then` sends CONNECT, perhaps with the core's session. */
  claim(then) {
    if (this.#session) this.#session.claim(then);
    else then();
  }

  /** The socket is not connected, nor will be by itself: another tab may send. What is under way has so long. */
  retire(grace) {
    this.#retiring = true;
    clearTimeout(this.#retires);
    if (grace === 0 || this.#adopted.size === 0) return this.#retire();
    this.#retires = setTimeout(() => this.#retire(), grace);
    return this.#retires.unref?.();
  }

  async #retire() {
    // What is settled is erased before.
    await this.#store.flush().catch(() => {});
    if (this.#retiring) this.#store.retire();
  }

  /** `upTo` may be the last of what the store has reserved already. */
  reserve(upTo) {
    if (upTo <= this.#reserved) return this.#context.reserved(upTo);
    const reserved = () => {
      this.#reserved = Math.max(this.#reserved, upTo);
      if (this.#role === "leader") this.#context.reserved(upTo);
    };
    // Who does not lead any longer needs none.
    return this.#store.reserve(upTo).then(reserved, () => {});
  }

  // --- Emits of this page -----------------------------------------------------------------------------------------

  emit(entry) {
    const { bufferSize, bufferBytes } = this.#context;
    const { ref, size } = entry;
    this.#mine.set(ref, entry);
    this.#bytes += size;
    this.#context.changed(ref, { fate: "held" });
    // What is being stored counts too. Of what others have stored the store knows.
    if (this.#mine.size > bufferSize || this.#bytes > bufferBytes) return this.#full(entry);
    const sendsFirst = this.#context.writeBehind && this.#role === "leader" && this.#store.leading;
    if (sendsFirst && this.#store.hasRoom(size)) this.#sendFirst(entry);
    this.#append(entry);
  }

  /** Without waiting for the store, if its ack id is reserved. */
  #sendFirst(entry) {
    const key = this.#context.sequence();
    entry.key = key;
    if (key < this.#reserved) this.#take({ ...entry, seq: key, expiresAt: this.#expiresAt(entry) }, { maybeSent: false });
  }

  #append(entry) {
    const unread = entry.parts.some((part) => part.arrayBuffer);
    if (!unread && !this.#reading) return this.#write(entry, entry.parts);
    const parts = Promise.all(entry.parts.map((part) => part.arrayBuffer?.() ?? part));
    const reading = Promise.all([parts, this.#reading]).then(
      ([read]) => this.#write(entry, read),
      (error) => this.#refuse(entry, error),
    );
    this.#reading = reading.then(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
  }

  #write(entry, attachments) {
    // It was sent first, and has had its end while its parts were read.
    if (!this.#mine.has(entry.ref)) return;
    const { ref, text, emittedAt: createdAt, key: seq } = entry;
    const { namespace } = this.#context;
    const record = { seq, namespace, text, attachments, createdAt, expiresAt: this.#expiresAt(entry), ref };
    this.#store.append([record]).then(
      (seqs) => this.#appended(entry, seqs?.[0]),
      (error) => this.#refuse(entry, error),
    );
  }

  #expiresAt({ emittedAt, expiresIn: { given, stored } }) {
    const expiresAt = emittedAt + (this.#outlive ? stored : given);
    return expiresAt === Infinity ? undefined : expiresAt;
  }

  #appended(entry, key) {
    if (!this.#mine.has(entry.ref)) return;
    this.#context.kept(entry.ref, true);
    if (this.#adopted.has(key)) return;
    if (key === undefined) {
      if (entry.cancelled) this.cancel(entry.ref);
    } else if (entry.cancelled) {
      this.#store.erase([key]);
      this.#change(entry.ref, { fate: "cancelled", value: entry.args });
    } else {
      this.#take({ ...entry, seq: key, expiresAt: this.#expiresAt(entry) }, { maybeSent: false });
    }
  }

  #full({ ref, args }) {
    const fate = this.#context.bufferPolicy === "dropNewest" ? "dropped" : "refused";
    this.#change(ref, { fate, error: new Error("the buffer is full"), value: args });
  }

  #refuse(entry, error) {
    const { ref, key, args } = entry;
    if (!this.#mine.has(ref)) return;
    if (this.#adopted.has(key)) {
      // It is on its way already, and goes on from memory.
      this.#context.kept(ref, false);
      return this.#context.failed(error);
    }
    if (error?.code === "full") return this.#full(entry);
    this.#change(ref, { fate: "refused", error, value: args });
  }

  cancel(ref) {
    const entry = this.#mine.get(ref);
    if (!entry) return;
    if (this.#adopted.has(entry.key)) return this.#cancelAdopted(entry.key);
    entry.cancelled = true;
    if (this.#role === "leader") return;
    const cancelled = (never) => never && this.#change(ref, { fate: "cancelled", value: entry.args });
    this.#store.cancel(ref).then(cancelled, () => {});
  }

  clear() {
    return this.#store.clear();
  }

  #cleared(seqs, refs) {
    for (const seq of seqs) this.#cancelAdopted(seq);
    // Another tab has these, and may have sent them.
    for (const ref of refs) this.#change(ref, { fate: "uncertain" });
  }

  #change(ref, change) {
    const entry = this.#mine.get(ref);
    if (!entry) return;
    if (isFinal(change.fate)) {
      this.#mine.delete(ref);
      this.#bytes -= entry.size;
      if (entry.message) this.#context.forget(entry.message);
      entry.message = undefined;
    }
    // It has reached the server before the disk.
    if (change.fate === "acknowledged") this.#context.kept(ref, true);
    this.#context.changed(ref, change);
  }

  // --- What the core sends ----------------------------------------------------------------------------------------

  /** A record of this page, or of another. */
  #take({ seq, tab = this.#store.tab, ref, text, attachments, parts = attachments, expiresAt }, how) {
    const entry = tab === this.#store.tab ? this.#mine.get(ref) : undefined;
    const maxAge = expiresAt === undefined ? undefined : expiresAt - Date.now();
    let message;
    try {
      message = entry?.message ?? this.#context.encode(text, parts ?? []);
    } catch (cause) {
      this.#store.erase([seq]);
      return this.#context.failed(Object.assign(new Error("outbox: a record cannot be read", { cause }), { kept: null, lost: 1 }));
    }
    if (entry) entry.key = seq;
    this.#adopt(seq, message, { ...how, entry, maxAge, timeout: entry?.timeout });
    // Cancelled while it was on its way here.
    if (entry?.cancelled) this.#cancelAdopted(seq);
  }

  #adopt(key, message, { entry, earlier = false, timeout, maxAge, maybeSent }) {
    this.#adopted.set(key, { entry, earlier });
    if (entry) entry.message = undefined;
    this.#context.adopt(key, message, { timeout, maxAge, maybeSent, earlier: earlier && !entry }, (ticket) => {
      this.#keys.set(ticket, key);
      const adopted = this.#adopted.get(key);
      if (adopted) adopted.ticket = ticket;
    });
  }

  #cancelAdopted(key) {
    const ticket = this.#adopted.get(key)?.ticket;
    if (ticket !== undefined) this.#context.cancel(ticket);
  }

  /** Whether the ticket is of an emit that was adopted. */
  changed(ticket, change) {
    const key = this.#keys.get(ticket);
    const adopted = this.#adopted.get(key);
    // The end is told by its ack id, before.
    if (isFinal(change.fate)) return this.#keys.delete(ticket);
    if (adopted && (adopted.sent || change.fate !== "held")) {
      adopted.sent = true;
      this.#tell(key, adopted, change);
    }
    return key !== undefined;
  }

  #tell(key, { entry }, change) {
    if (entry) this.#change(entry.ref, change);
    else this.#store.tell([{ seq: key, ...change }]);
  }

  settled(key, { value, ...change }) {
    const adopted = this.#adopted.get(key);
    if (!adopted) return;
    this.#adopted.delete(key);
    // Before anybody is told, who may emit at once: it takes no room any longer.
    this.#store.erase([key]);
    const told = change.fate === "acknowledged" || change.fate === "uncertain" ? change : { ...change, value };
    this.#tell(key, adopted, told);
    if (adopted.earlier && !adopted.entry) this.#context.settled({ seq: key, ...change, value });
    if (this.#retiring && this.#adopted.size === 0) this.#retire();
  }
}
