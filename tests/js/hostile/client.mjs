// The npm package in a Node process of its own, so that nothing but the client is measured. What `process.mjs` has it do it reads
// as lines of JSON, `{ id, act, ... }`, and answers `{ id, value }` or `{ id, error }`.
//
//   node --expose-gc client.mjs [how many times as fast its clocks go]
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { size } from "../instrument.mjs";
import { until } from "../server.mjs";
import { Subject } from "./subject.mjs";

const faster = Number(process.argv[2] ?? 1);
if (faster > 1) {
  // Before the client takes them.
  for (const clock of [Date, performance]) {
    const now = clock.now.bind(clock);
    const begin = now();
    Object.defineProperty(clock, "now", { value: () => begin + (now() - begin) * faster });
  }
  const later = globalThis.setTimeout;
  globalThis.setTimeout = (act, millis, ...rest) => later(act, millis / faster, ...rest);
}

// After the instrument.
const { client } = await import("../client.mjs");

/**
 * This process's resident memory, `VmRSS` now and `VmHWM` at most, in bytes: the system counts what is in JavaScript's heap and
 * beside it, in WebAssembly, and also what was dropped and not freed yet.
 */
function resident(name) {
  const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"));
  return Number(kilobytes) * 1024;
}

/** After everything that is free was freed. */
async function settled() {
  // What was resolved in this turn is freed in a later one.
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((soon) => setImmediate(soon));
    gc();
  }
}

/** What JavaScript holds. What lies beside its heap is counted together with WebAssembly's memory. */
function held() {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external - size();
}

const subjects = new Map();
let before;

const acts = {
  /** What is told of memory from now on lies beyond this. */
  async begin() {
    await settled();
    before = { resident: resident("VmRSS"), held: held() };
  },
  start({ number, ...job }) {
    // The highest so far.
    writeFileSync("/proc/self/clear_refs", "5");
    subjects.set(number, new Subject(client, job));
  },
  told: ({ number, ...which }) => subjects.get(number).told(which),
  /** At most, since the start of the last client. */
  peak: () => resident("VmHWM") - before.resident,
  /** What is still held, and how large WebAssembly's memory has become, which never shrinks. */
  async left() {
    await settled();
    return { left: held() - before.held, wasm: size() };
  },
  works: ({ number }) => subjects.get(number).works(),
  /** Closes it: no connection is left to where it went. */
  async end({ number, port }) {
    subjects.get(number).close();
    subjects.delete(number);
    const open = () => process._getActiveHandles().filter(({ remotePort, destroyed }) => remotePort === port && !destroyed);
    await until(() => open().length === 0, "no connection is left");
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, act, ...rest } = JSON.parse(line);
  Promise.resolve(acts[act](rest)).then(
    (value) => console.log(JSON.stringify({ id, value: value ?? null })),
    (error) => console.log(JSON.stringify({ id, error: error.message })),
  );
}
