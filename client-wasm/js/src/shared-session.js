// The session of one namespace, where it is kept beside its outbox (`recoveryStore: "outbox"`): only the tab that leads takes
// it up, and stores its own. So it is decided before the first CONNECT who leads; another tab connects without.
//
// `page` is what outbox.js gives it; `store` the outbox's.
import { pause } from "./store/pause.js";

/**
 * For the page that comes next in this tab: the database is written to once a second, and a page that ends may have no
 * transaction any more, or, as in Firefox, no connection either.
 */
function note(key, tab, session) {
  try {
    if (session === "") sessionStorage.removeItem(`sio-${key}`);
    else sessionStorage.setItem(`sio-${key}`, JSON.stringify({ tab, session }));
  } catch {
    // Node, a worker, or no room.
  }
}

/** The store has so long to say whose session it is. */
const PATIENCE = 5000;

/** When a session has heard from the server last (saved.rs). */
const heard = (session) => Number(session.split(" ")[2]);

/** What such a page has noted, if the database has the session of that very one, and nothing newer. */
function newest(key, { text, by }) {
  try {
    const { tab, session } = JSON.parse(sessionStorage.getItem(`sio-${key}`));
    return tab === by && heard(session) >= heard(text) ? session : text;
  } catch {
    return text;
  }
}

/** Undefined if it takes too long. */
const inTime = (promise) => Promise.race([promise, pause(PATIENCE)]);

export class SharedSession {
  #page;
  #store;
  /** Nobody knows yet whether this tab leads. */
  undecided = true;
  /** How often this tab has lost the lead. */
  #term = 0;
  /** In which term the store was given the session that the core has; undefined if it has none. */
  #kept;
  /** What is being stored: `{ term, done }`. */
  #saving;

  constructor(page, store) {
    this.#page = page;
    this.#store = store;
  }

  /** Of what it wants before it leads. */
  get wanted() {
    return this.undecided ? this.#page.key : undefined;
  }

  /** `found`: what was stored. Before the core is told that this tab leads. */
  leads(found, durable) {
    if (!this.undecided) return this.#saveCurrent();
    const stored = found && newest(this.#page.key, found);
    const session = durable ? stored : "";
    this.#kept = durable && session ? this.#term : undefined;
    if (session !== undefined) this.#page.restore(session);
    return undefined;
  }

  /** What was stored may never be known: who goes on has missed something. */
  missed() {
    if (this.undecided) this.#page.restore("");
  }

  /** Another tab may lead, and take up what is stored. */
  follows() {
    this.#term += 1;
  }

  /** Known by now; the connection waits for that. */
  decided() {
    if (!this.undecided) return;
    this.undecided = false;
    this.#page.decided();
  }

  /** Only while this tab leads. An empty text: there is none. */
  save(session) {
    if (!this.#store.leading || this.#isStale(session)) return;
    note(this.#page.key, this.#store.tab, session);
    const term = this.#term;
    const saved = (done) => {
      if (done) this.#kept = session === "" ? undefined : term;
    };
    // No room: a page after this one goes without.
    const done = this.#store.save(this.#page.key, session).then(saved, () => {});
    const saving = { term, done };
    this.#saving = saving;
    done.then(() => {
      if (this.#saving === saving) this.#saving = undefined;
    });
  }

  /** Of a connection that has ended, while another tab may have led, and taken the session up. */
  #isStale(session) {
    const since = this.#kept ?? this.#saving?.term;
    return !Number.isNaN(heard(session)) && since !== this.#term && !this.#page.connected();
  }

  /** An event has come; it is not saved yet. */
  noted(session) {
    if (this.#store.leading) note(this.#page.key, this.#store.tab, session);
  }

  #saveCurrent() {
    const session = this.#page.current();
    if (session !== undefined) this.save(session);
  }

  /** The lead is given up. */
  leaves(why) {
    // This page goes on, and perhaps its session does; another tab must not.
    if (why === "idle") this.save("");
    else this.#saveCurrent();
  }

  /** Before CONNECT: calls `then`, unless another tab may have taken up the core's session, which is forgotten then. */
  async claim(then) {
    return (await this.#isOwn()) ? then() : this.#page.forget();
  }

  async #isOwn() {
    await inTime(this.#saving?.done);
    const since = this.#kept ?? this.#saving?.term;
    if (since === undefined) return true;
    // What cannot be asked is not answered either: it goes on.
    const asked = this.#store.claim(this.#page.key).catch(() => ({ by: "this", remains: true }));
    const { by, remains } = (await inTime(asked)) ?? { by: "nobody", remains: true };
    // What is gone, as the database may be, nobody has found while this tab led.
    const own = by === "this" || (by === "nobody" && since === this.#term);
    if (!own || !remains) this.#kept = undefined;
    return own;
  }
}
