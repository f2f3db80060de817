// Plays the rows, for several clients, and shows what came of them. `node run.mjs --help`; `README.md` says what it does.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { root } from "../../client-wasm/js/cargo.mjs";
import { conditions, rewrite } from "../cuts/publish.mjs";
import { freshSeed } from "../cuts/random.mjs";
import { clients } from "./clients.mjs";
import { judge } from "./judge.mjs";
import { isFor, isLong, play, rows } from "./rows.mjs";
import { notes, table } from "./table.mjs";

const usage = `node run.mjs [options], with these defaults:
  --clients ours,upstream   of ${Object.keys(clients).join(", ")}
  --rows ${[...new Set(Object.values(rows))].join(",")}
  --cuts 50                 of rows 1 and 2
  --seed (a new one)
  --full                    rows 3 and 6 as long as they are worth publishing, and browsers as they come
  --build                   only what the clients need
  --publish                 rewrites results.json and the results in README.md`;

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "ours,upstream" },
    rows: { type: "string", default: [...new Set(Object.values(rows))].join(",") },
    cuts: { type: "string", default: "50" },
    seed: { type: "string", default: `${freshSeed()}` },
    full: { type: "boolean", default: false },
    build: { type: "boolean", default: false },
    publish: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const names = values.clients.split(",");
const wanted = values.rows.split(",").map(Number);
if (values.help || !names.every((name) => clients[name])) {
  console.error(usage);
  process.exit(values.help ? 0 : 2);
}
// Browsers take these for themselves, and nothing would end.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const settings = { seed: Number(values.seed), count: Number(values.cuts), full: values.full };

mkdirSync(join(root, "tests/.work/tmp"), { recursive: true });
console.log(`seed ${settings.seed}; once more: --seed ${settings.seed}`);
// Of now, not of when it ends.
const where = conditions();
// Built before anything runs.
const programs = {};
for (const name of names) programs[name] = { ...clients[name], program: await clients[name].program(values.full) };
if (values.build) process.exit(0);
const planned = Object.keys(rows).flatMap((name) => names.map((client) => ({ name, client })));
const chosen = planned.filter(({ name, client }) => wanted.includes(rows[name]) && isFor(name, clients[client], true));
/** One that cannot be played is not the end of the others. */
async function begin({ name, client }) {
  try {
    return await play(name, programs[client], settings);
  } catch (error) {
    return { name, row: rows[name], counts: judge([], 0), faults: [], problems: [error.message], words: [], seconds: 0 };
  }
}
// The long ones go on beside all others.
const long = chosen.filter(({ name }) => isLong(name)).map((it) => [it, begin(it)]);
const played = [];

/** Each row as it comes: who ends this early has those. */
function publish() {
  rewrite(dirname(fileURLToPath(import.meta.url)), where, settings, played, [
    `seed ${settings.seed}, ${settings.count} cuts.`,
    "",
    table(played),
    "",
    ...notes(played),
  ]);
}

for (const it of chosen) {
  const { client } = it;
  const result = await (long.find(([other]) => other === it)?.[1] ?? begin(it));
  played.push({ client, promised: Boolean(clients[client].ours), ...result });
  console.log(`row ${result.row}, ${it.name}, ${client}: ${Math.round(result.seconds)} s`);
  if (values.publish) publish();
}
console.log(["", table(played), "", ...notes(played)].join("\n"));
await Promise.all(Object.values(programs).map(({ program }) => program.close()));
const failed = played.filter(({ promised, faults, problems }) => promised && faults.length + problems.length > 0);
for (const { name, words } of failed) console.log(`\nBROKEN: ${name}\n${words.join("\n")}`);
// Nothing that was started is left; a socket that lingers is no reason to stay.
process.exit(failed.length ? 1 : 0);
