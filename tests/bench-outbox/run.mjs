// What emits cost: plain ones beside those of an earlier commit, reliable and stored ones beside plain ones, and stored ones
// beside the store alone. Runs are interleaved; the server is a process of its own; CPU time is the client's.
//
//   node tests/bench-outbox/run.mjs [--rounds 9] [--base COMMIT]
//   node tests/bench-outbox/run.mjs --instructions [--base COMMIT]
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { medianOf } from "../bench-browser/table.mjs";
import { measure as instructions } from "./instructions.mjs";
import { conditions, publish, run, withPrograms } from "./programs.mjs";

/** The last commit before there was an outbox. */
const BASE = "13baf1e";

const { values: given } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    base: { type: "string", default: BASE },
    instructions: { type: "boolean", default: false },
  },
});
const rounds = Number(given.rounds);

/** Runs a measurement, and returns the line of JSON that it prints last. */
const measure = (binary, args) => JSON.parse(run(binary, args.map(String)).split("\n").at(-1));

async function times({ before, now, url, work }) {
  const outbox = join(now, "bench-outbox");
  const plain = (folder) => measure(join(folder, "ours"), ["send", url, 20_000, 400_000]).cpu_ns / 400_000;
  const file = () => join(work, `store-${Math.random().toString(36).slice(2)}`);
  const cases = {
    "plain, before": () => ({ cpu: plain(before) / 1000 }),
    "plain, now": () => ({ cpu: plain(now) / 1000 }),
    "plain": () => figures("plain", 200_000),
    "with ack": () => figures("acked", 50_000),
    "reliable": () => figures("reliable", 50_000),
    "reliable, its text comes back": () => figures("reliable-echoed", 50_000),
    "bare: emit and read an answer": () => figures("bare", 50_000),
    "stored first": () => figures("stored-first", 20_000, file()),
    "write behind": () => figures("write-behind", 20_000, file()),
    "the store alone": () => figures("append", 20_000, file()),
  };
  function figures(mode, count, ...rest) {
    const { cpuUs, rate, p50Us, p99Us } = measure(outbox, [mode, url, count, ...rest]);
    return { cpu: cpuUs, rate, p50: p50Us, p99: p99Us };
  }

  const seen = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  const load = loadavg()[0].toFixed(1);
  for (let round = 1; round <= rounds; round += 1) {
    const order = round % 2 ? Object.keys(cases) : Object.keys(cases).reverse();
    for (const name of order) seen[name].push(cases[name]());
    console.log(`round ${round} of ${rounds}`);
  }

  const number = (value) => (value === undefined || value === null ? "–" : value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(2));
  const cell = (runs, figure) => {
    const all = runs.map((one) => one[figure]).filter((value) => value !== undefined && value !== null);
    return all.length ? `${number(medianOf(all))} (${number(Math.min(...all))}–${number(Math.max(...all))})` : "–";
  };
  const ratios = (one, other) => {
    const all = seen[one].map((_, at) => seen[one][at].cpu / seen[other][at].cpu);
    return `${medianOf(all).toFixed(2)} (${Math.min(...all).toFixed(2)}–${Math.max(...all).toFixed(2)})`;
  };
  const table = [
    `${conditions(given.base)}, ${rounds} interleaved rounds, load of the machine before: ${load}. Medians, and the spread.`,
    "",
    "| emits | CPU us each | per s | median us | p99 us |",
    "|---|---|---|---|---|",
    ...Object.entries(seen).map(([name, runs]) => `| ${name} | ${["cpu", "rate", "p50", "p99"].map((figure) => cell(runs, figure)).join(" | ")} |`),
    "",
    `CPU time, now : before, plain: ${ratios("plain, now", "plain, before")}. Reliable : plain: ${ratios("reliable", "plain")}; reliable : with ack: ${ratios("reliable", "with ack")}; bare : plain: ${ratios("bare: emit and read an answer", "plain")}.`,
  ].join("\n");
  publish("<!-- figures -->", table);
}

await (given.instructions ? instructions(given.base) : withPrograms(given.base, times));
