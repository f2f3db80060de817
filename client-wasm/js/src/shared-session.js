// The session of one namespace, where it is kept beside its outbox (`recoveryStore: "outbox"`): only the tab that leads takes
// it up, and stores its own. So it is decided before the first CONNECT who leads; another tab connects without.
//
// `page` is what outbox.js gives it; `store` the outbox's.

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

export class SharedSession {
  #page;
  #store;
  /** Nobody knows yet whether this tab leads. */
  undecided = true;
  /** Whether the store may have the session that the core has. */
  #kept = false;
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
    this.#kept = durable && Boolean(session);
    if (session !== undefined) this.#page.restore(session);
    return undefined;
  }

  /** Known by now; the connection waits for that. */
  decided() {
    if (!this.undecided) return;
    this.undecided = false;
    this.#page.decided();
  }

  /** Only while this tab leads. An empty text: there is none. */
  save(session) {
    if (!this.#store.leading) return;
    note(this.#page.key, this.#store.tab, session);
    const saving = this.#store.save(this.#page.key, session).then(
      (saved) => {
        if (saved) this.#kept = session !== "";
      },
      // No room: a page after this one goes without.
      () => {},
    );
    this.#saving = saving;
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

  /** Before CONNECT: calls `then`, unless another tab has taken up the core's session, which is forgotten then. */
  async claim(then) {
    await this.#saving;
    // What cannot be asked is not answered either: it goes on.
    const own = !this.#kept || (await this.#store.claim(this.#page.key).catch(() => true));
    if (own) return then();
    this.#kept = false;
    return this.#page.forget();
  }
}
