// IndexedDB. The one place that knows of its transactions, and of all the ways in which browsers take a database away.
import { OutboxError } from "./errors.js";
import { randomId } from "./record.js";

/** Of the layout. Once a library with a higher one has been there, this one cannot open the database any longer. */
const VERSION = 1;
/** How long it may take to open: a tab that does not let go of a deleted one would stop all emits, in silence. */
const PATIENCE = 10_000;
/** Not the transaction's fault but the connection's. */
const LOST = /^(Abort|InvalidState|TransactionInactive|Unknown)Error$/;

const asked = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Undefined for what cannot be read; that is not to end the transaction. */
const tried = (request) =>
  new Promise((resolve) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = (event) => {
      event.preventDefault();
      resolve(undefined);
    };
  });

function connect(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, VERSION);
    let late = false;
    const fail = (error) => {
      late = true;
      clearTimeout(timer);
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error("the browser does not open it")), PATIENCE);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("records", { autoIncrement: true });
      // Another one after it was deleted.
      request.result.createObjectStore("meta").add(randomId(), "born");
    };
    request.onblocked = () => fail(new Error("another tab blocks it"));
    request.onerror = () => fail(request.error);
    request.onsuccess = () => {
      if (late) return request.result.close();
      clearTimeout(timer);
      resolve(request.result);
    };
  });
}

/** Also while the data are being deleted: until that is done, new connections are closed like the last. */
async function patiently(name) {
  for (let wait = 50; ; wait *= 4) {
    try {
      return await connect(name);
    } catch (error) {
      if (error?.name !== "AbortError" || wait > 1000) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** What `work` does in one transaction: resolves once all of it is stored, rejects if nothing is. */
function transact(db, strict, work) {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(["records", "meta"], "readwrite", { durability: strict ? "strict" : "relaxed" });
    const [records, meta] = [transaction.objectStore("records"), transaction.objectStore("meta")];
    let result, failure;
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = () => reject(transaction.error ?? failure ?? new DOMException("aborted", "AbortError"));
    const tx = {
      /** A request, whose result is the key once the transaction is complete. */
      add: (value) => records.add(value),
      put: (value, key) => records.put(value, key),
      delete: (key) => records.delete(key),
      clear: () => records.clear(),
      /** `[key, value]` of all after a key, in order; undefined as the value of one that cannot be read. */
      async rows(after) {
        const range = IDBKeyRange.lowerBound(after, true);
        const [keys, values] = await Promise.all([asked(records.getAllKeys(range)), tried(records.getAll(range))]);
        if (values) return keys.map((key, index) => [key, values[index]]);
        return Promise.all(keys.map(async (key) => [key, await tried(records.get(key))]));
      },
      row: (key) => tried(records.get(key)),
      last: async () => (await asked(records.openKeyCursor(null, "prev")))?.key ?? 0,
      get: (name) => asked(meta.get(name)),
      set: (name, value) => meta.put(value, name),
      unset: (name) => meta.delete(name),
    };
    // It may have ended by itself, and then it can be neither committed nor aborted.
    const end = (method) => {
      try {
        transaction[method]();
      } catch {}
    };
    work(tx).then(
      (value) => {
        result = value;
        end("commit");
      },
      (error) => {
        failure = error;
        end("abort");
      },
    );
  });
}

export class Database {
  #name;
  #onDeleted;
  #onDropped;
  /** A promise of `#db`. */
  #opened;
  #db;
  #born;

  /**
   * `onDeleted`: it is another one than before, and empty. `onDropped`: the browser, or another tab, wanted it closed;
   * the next `run` opens it again.
   */
  constructor(name, onDeleted, onDropped) {
    this.#name = name;
    this.#onDeleted = onDeleted;
    this.#onDropped = onDropped;
  }

  /** Rejects with an OutboxError if there is no database. */
  async open() {
    this.#opened ??= this.#open();
    try {
      return await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw new OutboxError(error?.name === "VersionError" ? "newer" : "unavailable", error);
    }
  }

  async #open() {
    const db = await patiently(this.#name);
    this.#db = db;
    db.onversionchange = db.onclose = () => {
      this.#drop(db);
      this.#onDropped();
    };
    const born = await transact(db, false, (tx) => tx.get("born"));
    if (this.#born !== undefined && born !== this.#born) this.#onDeleted();
    this.#born = born;
    return db;
  }

  #drop(db) {
    db.close();
    if (this.#db === db) this.#db = this.#opened = undefined;
  }

  /** What `work` does is done as a whole, or the promise rejects. It may be called twice. */
  async run(strict, work) {
    const db = await this.open();
    try {
      return await transact(db, strict, work);
    } catch (error) {
      if (!LOST.test(error?.name)) throw error;
      this.#drop(db);
      return transact(await this.open(), strict, work);
    }
  }

  close() {
    this.#db?.close();
  }
}
