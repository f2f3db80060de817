// Child processes that speak JSON lines, each handed on as it comes.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { root } from "../../client-wasm/js/cargo.mjs";
import { Speaker } from "./speaker.mjs";

const children = new Set();

// Nothing that was started here outlives us.
process.on("exit", () => children.forEach((child) => child.process.kill("SIGKILL")));

/** Its lines are values. Other lines, and standard error, are its words: `word` tells of one more. */
export class Child extends Speaker {
  /** `descriptors`: what it inherits as 3, 4, … */
  constructor(command, args, env = {}, descriptors = []) {
    super([command, ...args].join(" "));
    children.add(this);
    const stdio = ["pipe", "pipe", "pipe", ...descriptors];
    this.process = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio });
    this.process.stdin.on("error", () => {});
    createInterface({ input: this.process.stdout }).on("line", (line) => this.#line(line));
    createInterface({ input: this.process.stderr }).on("line", (line) => this.word(line));
    this.exit = new Promise((resolve) => {
      this.process.on("error", (error) => resolve({ error: error.message }));
      this.process.on("close", (code, signal) => resolve({ code, signal }));
    });
    this.exit.then(({ error, signal, code }) => {
      children.delete(this);
      this.end(error ?? signal ?? `exit code ${code}`);
    });
  }

  /** Writes one value as a line of JSON. */
  send(value) {
    this.process.stdin.write(`${JSON.stringify(value)}\n`);
  }

  /** SIGKILL, and waits until it is gone and all that it wrote was handed on. */
  async kill() {
    if (!this.ended) this.process.kill("SIGKILL");
    await this.exit;
  }

  #line(line) {
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      return this.word(line);
    }
    this.emit("line", value);
  }
}
