// Child processes that speak JSON lines, each handed on as it comes.
import { spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { createInterface } from "node:readline";
import { root } from "../../client-wasm/js/cargo.mjs";

const children = new Set();

// Nothing that was started here outlives us.
process.on("exit", () => children.forEach((child) => child.process.kill("SIGKILL")));

/** Emits `line` with each value. Other lines, and standard error, are kept in `words`: `word` tells of one more. */
export class Child extends EventEmitter {
  ended = false;
  words = [];

  /** `descriptors`: what it inherits as 3, 4, … */
  constructor(command, args, env = {}, descriptors = []) {
    super();
    this.setMaxListeners(0);
    this.name = [command, ...args].join(" ");
    children.add(this);
    const stdio = ["pipe", "pipe", "pipe", ...descriptors];
    this.process = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio });
    this.process.stdin.on("error", () => {});
    createInterface({ input: this.process.stdout }).on("line", (line) => this.#line(line));
    createInterface({ input: this.process.stderr }).on("line", (line) => this.#word(line));
    this.exit = new Promise((resolve) => {
      this.process.on("error", (error) => resolve({ error: error.message }));
      this.process.on("close", (code, signal) => resolve({ code, signal }));
    });
    this.exit.then(() => {
      this.ended = true;
      children.delete(this);
      this.emit("ended");
    });
  }

  /** Writes one value as a line of JSON. */
  send(value) {
    this.process.stdin.write(`${JSON.stringify(value)}\n`);
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
      const ended = () => fail("it ended");
      const timer = setTimeout(() => fail(`nothing within ${limit} ms`), limit);
      this.on(event, look);
      this.on("ended", ended);
      if (this.ended) ended();
    });
  }

  error(why) {
    return new Error([`${this.name}: ${why}`, ...this.words.slice(-20)].join("\n"));
  }

  /** SIGKILL, and waits until it is gone and all that it wrote was handed on. */
  async kill() {
    if (!this.ended) this.process.kill("SIGKILL");
    await this.exit;
  }

  #word(line) {
    this.words.push(line);
    this.emit("word");
  }

  #line(line) {
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      return this.#word(line);
    }
    this.emit("line", value);
  }
}
