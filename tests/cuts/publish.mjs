// The comparison's results, for readers and for programs.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { notes, table } from "./table.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const begin = "<!-- results: rewritten by run.mjs --publish -->";
const end = "<!-- end of results -->";

export function conditions() {
  const git = (...args) => execFileSync("git", args, { cwd: here, encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") ? "+" : "");
  return { date: new Date().toISOString().slice(0, 10), commit, cpus: `${cpus().length} x ${cpus()[0].model}`, node: process.version };
}

/** Rewrites `results.json` and the results in `README.md` of a folder; `text` has their lines. */
export function rewrite(folder, where, settings, rows, text) {
  // What a client said is of no use without its whole output.
  const kept = rows.map(({ words: _words, doubtful: _doubtful, ...row }) => row);
  writeFileSync(join(folder, "results.json"), `${JSON.stringify({ conditions: where, settings, rows: kept }, null, 1)}\n`);
  const file = join(folder, "README.md");
  const [before, rest] = readFileSync(file, "utf8").split(begin);
  const [, after] = rest.split(end);
  const made = `${where.date}, commit ${where.commit}, ${where.cpus}, node ${where.node}; `;
  writeFileSync(file, `${before}${[begin, "", `${made}${text[0]}`, ...text.slice(1), "", end].join("\n")}${after}`);
}

export function publish(where, settings, rows) {
  const { seed, cuts, handlerMs } = settings;
  rewrite(here, where, settings, rows, [
    `seed ${seed}, ${cuts} cuts, handlers of 0 to ${handlerMs} ms.`,
    "",
    table(rows),
    "",
    ...notes(rows),
    "",
    "Configurations:",
    "",
    ...new Set(rows.map(({ client, options }) => `- ${client}: \`${JSON.stringify(options)}\``)),
  ]);
}
