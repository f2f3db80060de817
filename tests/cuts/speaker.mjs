// Whoever speaks in lines, and is waited for: a child process, or a client in a page.
import { EventEmitter } from "node:events";

/** Emits `line` with each value that it says, and `ended` when it says no more. What else it said is in `words`. */
export class Speaker extends EventEmitter {
  /** How, once it is true. */
  ended = false;
  words = [];

  constructor(name) {
    super();
    this.setMaxListeners(0);
    this.name = name;
  }

  /** The next line (or `word`) for which `wanted` gives something true: that. */
  next(what, wanted, { event = "line", limit = 30_000 } = {}) {
    return new Promise((resolve, reject) => {
      const settle = (act, value) => {
        clearTimeout(timer);
        this.off(event, look);
        this.off("ended", ended);
        act(value);
      };
      const fail = (why) => settle(reject, this.error(`${why}, waiting for ${what}`));
      const look = (value) => {
        const found = wanted(value);
        if (found) settle(resolve, found);
      };
      const ended = () => fail(`it ended (${this.ended})`);
      const timer = setTimeout(() => fail(`nothing within ${limit} ms`), limit);
      this.on(event, look);
      this.on("ended", ended);
      if (this.ended) ended();
    });
  }

  error(why) {
    return new Error([`${this.name}: ${why}`, ...this.words.slice(-20)].join("\n"));
  }

  /** One more of its words. */
  word(word) {
    this.words.push(word);
    this.emit("word");
  }

  /** `how` it ended. */
  end(how) {
    this.ended = how;
    this.emit("ended");
  }
}
