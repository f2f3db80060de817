// Cuts connections and counts what became of every event. `node run.mjs --help`; `README.md` says what it does.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../client-wasm/js/cargo.mjs";
import { clients } from "./clients.mjs";
import { freshSeed } from "./random.mjs";
import { play } from "./row.mjs";
import { table } from "./table.mjs";

const defaults = {
  cuts: "50",
  kills: "0",
  seed: `${freshSeed()}`,
  servers: "N,M,MR",
  clients: "ours,npm",
  window: "1,16",
  "handler-ms": "0..30",
  transports: "websocket",
  "in-doubt": "",
  results: join(root, "tests/.work/cuts/results.json"),
};

const usage = `node run.mjs [options], with these defaults:
${Object.entries(defaults).map(([name, value]) => `  --${name} ${name === "seed" ? "(a new one)" : value}`).join("\n")}
  --no-lose-acks     no answer is thrown away on purpose
  --kills N          instead of cuts: kill -9 of the node that the client uses
servers: N, M, MR, P; clients: ${Object.keys(clients).join(", ")}`;

function options() {
  const strings = Object.entries(defaults).map(([name, value]) => [name, { type: "string", default: value }]);
  const flags = Object.fromEntries(["help", "no-lose-acks"].map((name) => [name, { type: "boolean", default: false }]));
  const { values } = parseArgs({ options: { ...Object.fromEntries(strings), ...flags } });
  const list = (name) => values[name].split(",");
  const [, handlerMs] = /^0\.\.(\d+)$/.exec(values["handler-ms"]) ?? [];
  const unknown = list("clients").filter((name) => !clients[name]);
  if (values.help || !handlerMs || unknown.length) {
    console.error(usage);
    process.exit(values.help ? 0 : 2);
  }
  return {
    cuts: Number(values.cuts),
    kills: Number(values.kills),
    seed: Number(values.seed),
    servers: list("servers"),
    clients: list("clients"),
    windows: list("window").map(Number),
    handlerMs: Number(handlerMs),
    loseAcks: !values["no-lose-acks"],
    transports: list("transports"),
    inDoubt: values["in-doubt"] || undefined,
    results: values.results,
  };
}

const { servers, clients: names, windows, results, ...settings } = options();

function* plannedRows() {
  for (const server of servers) {
    for (const name of names) {
      const client = clients[name];
      for (const window of windows.filter((window) => client.windows?.includes(window) ?? true)) {
        yield { server, name, client, window, options: client.options(server, window) };
      }
    }
  }
}

function commit() {
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") ? "+" : "");
}

mkdirSync(join(root, "tests/.work/tmp"), { recursive: true });
console.log(`seed ${settings.seed}; the same with: --seed ${settings.seed}`);
// Before anything is measured.
const programs = new Map(names.map((name) => [name, clients[name].program()]));
const rows = [];
for (const { server, name, client, window, options } of plannedRows()) {
  const row = await play({ ...settings, server, client: { ...client, ...programs.get(name) }, window, options });
  rows.push({ server, client: name, window, options, promised: Boolean(client.ours), ...row });
  const { faults, problems, words } = row;
  console.log(`${server} ${name} ${window}: ${JSON.stringify(options)}, ${JSON.stringify(row.cuts)}`);
  for (const line of [...faults, ...problems]) console.log(`  ${line}`);
  if (faults.length || problems.length) for (const word of new Set(words)) console.log(`  | ${word}`);
}
console.log(`\n${table(rows)}`);
const conditions = { commit: commit(), date: new Date().toISOString(), cpu: cpus()[0].model, cores: cpus().length };
mkdirSync(dirname(results), { recursive: true });
writeFileSync(results, `${JSON.stringify({ settings, conditions, rows }, null, 1)}\n`);
const failed = rows.filter(({ promised, faults, problems }) => promised && (faults.length || problems.length));
console.log(`\n${failed.length ? `${failed.length} of ` : ""}${rows.length} rows, promises ${failed.length ? "BROKEN" : "kept"}`);
// Nothing that was started is left; a socket that lingers is no reason to stay.
process.exit(failed.length ? 1 : 0);
