// Cuts connections and counts what became of every event. `node run.mjs --help`; `README.md` says what it does.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../client-wasm/js/cargo.mjs";
import { clients } from "./clients.mjs";
import { conditions, publish } from "./publish.mjs";
import { freshSeed } from "./random.mjs";
import { play } from "./row.mjs";
import { kindNames } from "./servers.mjs";
import { notes, table } from "./table.mjs";

const defaults = {
  servers: "N,M,MR",
  clients: "ours,npm",
  window: "1,16",
  cuts: "50",
  kills: "0",
  seed: `${freshSeed()}`,
  "handler-ms": "0..30",
  "in-doubt": "",
  transports: "websocket",
};

const usage = `node run.mjs [options], with these defaults:
${Object.entries(defaults).map(([name, value]) => `  --${name} ${name === "seed" ? "(a new one)" : value}`).join("\n")}
  --kills N          instead of cuts: kill -9 of the node that the client uses
  --no-lose-acks     no answer is thrown away on purpose
  --publish          rewrites results.json and the results in README.md
servers: ${kindNames.join(", ")}
clients: ${Object.keys(clients).join(", ")}`;

function readOptions() {
  const strings = Object.entries(defaults).map(([name, value]) => [name, { type: "string", default: value }]);
  const flags = ["help", "no-lose-acks", "publish"].map((name) => [name, { type: "boolean", default: false }]);
  const { values } = parseArgs({ options: Object.fromEntries([...strings, ...flags]) });
  const list = (name) => values[name].split(",");
  const [, handlerMs] = /^0\.\.(\d+)$/.exec(values["handler-ms"]) ?? [];
  const known = list("clients").every((name) => clients[name]) && list("servers").every((name) => kindNames.includes(name));
  if (values.help || !handlerMs || !known) {
    console.error(usage);
    process.exit(values.help ? 0 : 2);
  }
  return {
    servers: list("servers"),
    names: list("clients"),
    windows: list("window").map(Number),
    isPublished: values.publish,
    settings: {
      cuts: Number(values.cuts),
      kills: Number(values.kills),
      seed: Number(values.seed),
      handlerMs: Number(handlerMs),
      loseAcks: !values["no-lose-acks"],
      transports: list("transports"),
      inDoubt: values["in-doubt"] || undefined,
    },
  };
}

const { servers, names, windows, isPublished, settings } = readOptions();

function* planned() {
  for (const server of servers) {
    for (const name of names) {
      const { windows: possible = windows, options } = clients[name];
      for (const window of windows.filter((window) => possible.includes(window))) {
        yield { server, name, window, options: options(server, window) };
      }
    }
  }
}

mkdirSync(join(root, "tests/.work/tmp"), { recursive: true });
console.log(`seed ${settings.seed}; once more: --seed ${settings.seed}`);
// Of now, not of when it ends.
const where = conditions();
// Built before anything runs.
const programs = Object.fromEntries(names.map((name) => [name, clients[name].program()]));
const rows = [];
for (const { server, name, window, options } of planned()) {
  const client = { ...clients[name], ...programs[name] };
  const row = await play({ ...settings, server, client, window, options });
  rows.push({ server, client: name, window, options, promised: Boolean(client.ours), ...settings, ...row });
  console.log(`${server}, ${name}, window ${window}: ${JSON.stringify(options)}, ${JSON.stringify(row.cuts ?? row.kills)}`);
  const wrong = [...row.faults, ...row.problems];
  for (const line of wrong.length ? [...wrong, ...new Set(row.words)] : []) console.log(`  ${line}`);
}
console.log(["", table(rows), ...notes(rows)].join("\n"));
if (isPublished) publish(where, settings, rows);
const failed = rows.filter(({ promised, faults, problems }) => promised && faults.length + problems.length > 0);
if (failed.length) console.log(`\n${failed.length} of our rows BROKE their promise`);
// Nothing that was started is left; a socket that lingers is no reason to stay.
process.exit(failed.length ? 1 : 0);
