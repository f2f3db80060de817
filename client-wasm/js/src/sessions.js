// Sessions that outlive the page.
//
// In sessionStorage, for the page that comes after this one in its tab. A tab that is duplicated gets a copy of them,
// so each names its page, which holds a Web Lock as long as it lives: another page's session is taken only with that lock.
//
// Or beside the outbox, where all tabs find them (shared-session.js).
//
// Loaded with the outbox, where it is wanted.
import { randomId } from "./store/record.js";

/** The page before may be ending still. */
const PATIENCE = 500;
/** At most so often what has come is written. */
const PAUSE = 1000;

const page = randomId();
const lockOf = (id) => `sio-page:${id}`;
const forEver = () => new Promise(() => {});
let held;

/** Holds a lock for as long as this page lives. False if another page goes on holding it. */
function hold(id, patience) {
  const options = patience === undefined ? {} : { signal: AbortSignal.timeout(patience) };
  return new Promise((resolve) => {
    const own = () => (resolve(true), forEver());
    navigator.locks.request(lockOf(id), options, own).catch(() => resolve(false));
  });
}

/** Undefined for what is none of ours. */
function read(key) {
  try {
    const { page: owner, session } = JSON.parse(sessionStorage.getItem(key));
    return typeof owner === "string" && typeof session === "string" ? { owner, session } : undefined;
  } catch {
    return undefined;
  }
}

function write(key, session) {
  try {
    if (session === "") sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify({ page, session }));
  } catch {
    // No room: a page after this one goes without.
  }
}

/**
 * `take(namespace)` gives what was stored, an empty text for what cannot be read, undefined if there is nothing. `save`
 * stores it, or where it is empty forgets it. `heard()`: what `saved()` gives, `[namespace, session]`, may have changed.
 * `write()` writes that now. Throws where the browser keeps storage from the page.
 */
export async function openSessions(name, saved) {
  // Without locks nobody knows whether a copy is the only one. In Node there is no page.
  if (!globalThis.navigator?.locks || !globalThis.sessionStorage) return { take() {}, save() {}, heard() {}, write() {} };
  await (held ??= hold(page));
  const prefix = `sio-session:${name}`;
  const keys = () => Object.keys(sessionStorage).filter((key) => key.startsWith(prefix));
  const others = () => keys().map((key) => [key, read(key)?.owner]).filter(([, owner]) => owner && owner !== page);
  const gone = new Set();
  const ask = async (owner) => (await hold(owner, PATIENCE)) && gone.add(owner);
  await Promise.all([...new Set(others().map(([, owner]) => owner))].map(ask));
  // A copy of what a living page has: who finds it when that page is gone would go back behind the one after it.
  for (const [key, owner] of others()) if (!gone.has(owner)) write(key, "");
  return new Sessions(prefix, gone, saved);
}

/** Beside the outboxes, which take them up themselves, and save them when the page goes away: `outbox(namespace)`. */
export const shareSessions = (saved, outbox) => new SharedSessions(saved, outbox);

/** Writes what can be resumed, now and then. */
class Writer {
  #saved;
  #timer;

  /** `events`, of the document too, after which there may be no other time. */
  constructor(saved, events) {
    this.#saved = saved;
    const now = () => this.write();
    // Not in Node.
    for (const event of events) globalThis.addEventListener?.(event, now, true);
  }

  heard() {
    this.#timer ??= setTimeout(() => this.write(), PAUSE);
    this.#timer.unref?.();
  }

  write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [namespace, session] of this.#saved()) this.save(namespace, session);
  }
}

class SharedSessions extends Writer {
  #saved;
  #outbox;
  #soon;

  constructor(saved, outbox) {
    super(saved, ["visibilitychange"]);
    this.#saved = saved;
    this.#outbox = outbox;
  }

  take() {}

  save(namespace, session) {
    this.#outbox(namespace)?.save(session);
  }

  heard() {
    super.heard();
    this.#soon ??= setTimeout(() => this.#note());
  }

  /** Once for all that came in one turn. */
  #note() {
    this.#soon = undefined;
    for (const [namespace, session] of this.#saved()) this.#outbox(namespace)?.noted(session);
  }
}

class Sessions extends Writer {
  #prefix;
  /** Pages that are gone. */
  #gone;

  constructor(prefix, gone, saved) {
    super(saved, ["pagehide", "freeze", "visibilitychange"]);
    this.#prefix = prefix;
    this.#gone = gone;
  }

  take(namespace) {
    const key = this.#prefix + namespace;
    if (sessionStorage.getItem(key) === null) return undefined;
    const { owner, session } = read(key) ?? {};
    if (session === undefined) {
      write(key, "");
      return "";
    }
    if (!this.#gone.has(owner)) return undefined;
    // This page's from now on, also if it ends before the server was asked.
    write(key, session);
    return session;
  }

  save(namespace, session) {
    write(this.#prefix + namespace, session);
  }
}
