// Results in this process: for one server process, and gone with it.
import { sizeOf } from "./parser.js";

const MIB = 1024 * 1024;

// About what an entry, or a client, takes beside its result.
const ENTRY = 200;

const number = (field) => Number(field.split("#")[0]);

/** What is known of one scope. Both maps have the oldest first. */
class Scope {
  base = 0;
  /** Field → `{ hash, node, deadline, alive }`: claims. */
  open = new Map();
  /** Field → `{ hash, frames, size, at }`: results. */
  done = new Map();
  bytes = ENTRY;
  at = 0;

  get(field) {
    return this.open.get(field) ?? this.done.get(field);
  }

  remove(field) {
    if (this.open.delete(field)) this.bytes -= ENTRY;
    const result = this.done.get(field);
    if (!result) return;
    this.done.delete(field);
    this.bytes -= result.size;
  }

  /** Removes from the front of a map while `more(entry)` holds. */
  trim(map, more) {
    for (const [field, entry] of map) {
      if (!more(entry)) return;
      this.remove(field);
    }
  }

  isClaimed(now) {
    for (const { deadline } of this.open.values()) if (deadline > now) return true;
    return false;
  }
}

class Memory {
  #scopes = new Map();
  #bytes = 0;
  #limits;

  constructor(limits) {
    this.#limits = limits;
  }

  get bytes() {
    return this.#bytes;
  }

  /** Works on a scope, which is made if it is not there, and keeps the books. */
  change(name, now, ttl, work) {
    this.#expire(now, ttl);
    const scope = this.#scopes.get(name) ?? new Scope();
    const before = this.#scopes.delete(name) ? scope.bytes : 0;
    // The most recently used is last.
    this.#scopes.set(name, scope);
    scope.at = now;
    const value = work(scope);
    this.#bytes += scope.bytes - before;
    if (this.#bytes > this.#limits.maxBytes) this.#shrink(now);
    return value;
  }

  #forget(name, scope) {
    this.#scopes.delete(name);
    this.#bytes -= scope.bytes;
  }

  #expire(now, ttl) {
    for (const [name, scope] of this.#scopes) {
      if (scope.at + ttl > now || scope.isClaimed(now)) return;
      this.#forget(name, scope);
    }
  }

  /** Forgets those who have not been seen for longest, but no event that runs. */
  #shrink(now) {
    for (const [name, scope] of this.#scopes) {
      if (this.#bytes <= this.#limits.maxBytes) return;
      if (!scope.isClaimed(now)) {
        this.#forget(name, scope);
        continue;
      }
      const before = scope.bytes;
      scope.trim(scope.done, () => true);
      this.#bytes += scope.bytes - before;
    }
  }
}

/** One node's view. */
class Session {
  #memory;
  #clientBytes;
  #settings;

  constructor(memory, clientBytes, settings) {
    this.#memory = memory;
    this.#clientBytes = clientBytes;
    this.#settings = settings;
  }

  #change(name, work) {
    const now = performance.now();
    return this.#memory.change(name, now, this.#settings.ttl, (scope) => work(scope, now));
  }

  join(name, base) {
    return this.#change(name, (scope) => {
      const restored = base < scope.base;
      scope.base = base;
      for (const field of [...scope.open.keys(), ...scope.done.keys()]) if (number(field) < base) scope.remove(field);
      return restored;
    });
  }

  begin(name, seq, hash) {
    return this.#change(name, (scope, now) => {
      if (seq < scope.base) return { state: "stale" };
      let field = String(seq);
      const first = scope.get(field);
      const differs = first !== undefined && first.hash !== hash;
      if (differs) field += `#${hash}`;
      const entry = scope.get(field);
      if (entry?.frames) return { state: "done", field, frames: entry.frames };
      if (entry && entry.deadline > now) return { state: "running", field, alive: entry.alive };
      const { node, lease, results } = this.#settings;
      scope.remove(field);
      scope.open.set(field, { hash, node, deadline: now + lease, alive: false });
      scope.bytes += ENTRY;
      scope.trim(scope.open, () => scope.open.size > results);
      return { state: entry ? "doubt" : "new", field, mismatch: differs && !entry };
    });
  }

  #own(scope, field) {
    const claim = scope.open.get(field);
    return claim?.node === this.#settings.node ? claim : undefined;
  }

  extend(name, fields) {
    this.#change(name, (scope, now) => {
      for (const field of fields) {
        const claim = this.#own(scope, field);
        if (!claim) continue;
        // At the end: the oldest are forgotten first.
        scope.open.delete(field);
        scope.open.set(field, { ...claim, deadline: now + this.#settings.lease, alive: true });
      }
    });
  }

  finish(name, field, hash, frames) {
    return this.#change(name, (scope, now) => {
      if (number(field) < scope.base) return scope.remove(field);
      const before = scope.done.get(field);
      if (before?.hash === hash) return before.frames;
      scope.remove(field);
      const size = ENTRY + sizeOf(frames);
      scope.done.set(field, { hash, frames, size, at: now });
      scope.bytes += size;
      const { ttl, results } = this.#settings;
      const tooMuch = () => scope.bytes > this.#clientBytes && scope.done.size > 1;
      scope.trim(scope.done, ({ at }) => at + ttl < now || scope.done.size > results || tooMuch());
      return undefined;
    });
  }

  undo(name, field) {
    this.#change(name, (scope) => {
      if (this.#own(scope, field)) scope.remove(field);
    });
  }
}

export function memoryStore({ maxBytes = 64 * MIB, clientBytes = 4 * MIB } = {}) {
  const memory = new Memory({ maxBytes });
  return {
    open: (settings) => new Session(memory, clientBytes, settings),
    get bytes() {
      return memory.bytes;
    },
  };
}
