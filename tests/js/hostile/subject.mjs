// The client under test, and all that it is told, as words. Runs in Node and in pages.

/** The code and reason of a WebSocket's end, the status of an answer, or what an error says. */
function because(description, context) {
  if (typeof description === "number") return ` ${description}`;
  const { code, reason } = context ?? {};
  const ended = typeof code === "number" ? ` ${code}${reason && ` ${reason}`}` : "";
  const said = typeof description === "string" ? description : (description?.error?.message ?? description?.message);
  return `${said ? `: ${said}` : ""}${ended}`;
}

export class Subject {
  /** `{ kind, text }`: `open`, `closed`, `upgrade`, `done`. */
  #words = [];
  #waiting = new Set();
  #floods = 0;

  /** `client`: the package. `options`: more of its. */
  constructor({ io }, { url, transports, timeout = 20_000, ...options }) {
    const delays = { reconnectionDelay: 10, reconnectionDelayMax: 50, randomizationFactor: 0 };
    this.socket = io(url, { forceNew: true, autoConnect: false, transports, timeout, ...delays, ...options });
    const manager = this.socket.io;
    manager.on("error", (error) => this.#tell("open", error.message + because(error.description, error.context)));
    manager.on("close", (reason, details) => {
      const why = details instanceof Error ? `: ${details.message}` : "";
      this.#tell("closed", reason + why + because(details?.description, details?.context));
    });
    manager.on("open", () => {
      manager.engine.on("upgradeError", (error) => this.#tell("upgrade", error.message));
    });
    this.socket.on("done", () => this.#tell("done", "done"));
    this.socket.on("flood", (...args) => {
      this.#floods += 1;
      if (typeof args.at(-1) === "function") args.at(-1)("m".repeat(16 << 10));
    });
    this.socket.connect();
  }

  #tell(kind, text) {
    // A server that is hostile each time says the same each time.
    if (this.#words.length < 100) this.#words.push({ kind, text: text.slice(0, 300) });
    for (const look of [...this.#waiting]) look();
  }

  /** All words up to the first that has the text, of this kind if one is given, and events that came meanwhile. */
  told({ kind, text = "", limit = 25_000 }) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not told "${text}", but ${JSON.stringify(this.#words)}`)), limit);
      const look = () => {
        if (!this.#words.some((word) => (!kind || word.kind === kind) && word.text.includes(text))) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve({ words: this.#words, floods: this.#floods });
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** A call and its answer, whatever became of those before. */
  async works() {
    for (;;) {
      try {
        if ((await this.socket.timeout(20_000).emitWithAck("echo", 7)) === 7) return;
      } catch {
        // The connection ended before the answer.
      }
    }
  }

  close() {
    this.socket.disconnect();
    this.socket.io._close();
  }
}
