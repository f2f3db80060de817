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

export function publish(where, settings, rows) {
  // What a client said is of no use without its whole output.
  const kept = rows.map(({ words: _words, doubtful: _doubtful, ...row }) => row);
  writeFileSync(join(here, "results.json"), `${JSON.stringify({ conditions: where, settings, rows: kept }, null, 1)}\n`);
  const { seed, cuts, handlerMs } = settings;
  const lines = [
    begin,
    "",
    `${where.date}, commit ${where.commit}, ${where.cpus}, node ${where.node}; seed ${seed}, ${cuts} cuts, handlers of 0 to ${handlerMs} ms.`,
    "",
    table(rows),
    "",
    ...notes(rows),
    "",
    "Configurations:",
    "",
    ...new Set(rows.map(({ client, options }) => `- ${client}: \`${JSON.stringify(options)}\``)),
    "",
    end,
  ];
  const file = join(here, "README.md");
  const text = readFileSync(file, "utf8");
  const [before, rest] = text.split(begin);
  const [, after] = rest.split(end);
  writeFileSync(file, `${before}${lines.join("\n")}${after}`);
}
