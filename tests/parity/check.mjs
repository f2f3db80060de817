// The parity table against the tests that ran. `node check.mjs [TABLES RESULTS]`; see README.md.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

const [, , tables = "tests/parity", results = "tests/.work/results"] = process.argv;

const upstream = { client: 116, engine: 109, "socket-parser": 34, "engine-parser": 38 };
const total = 297;
const apart = { types: 14, members: undefined };
const reasons = /^(Internet Explorer: .{9,}|Node: .{9,}|WebTransport: later)$/;
const most = 3;

const problems = [];
const problem = (...words) => problems.push(words.join(" "));

// --- What ran ----------------------------------------------------------------------------------------------------

/** Test → whether it passed each time. */
const ran = new Map();

function note(test, passed) {
  ran.set(test, passed && (ran.get(test) ?? true));
}

/** "Running tests/json.rs (target/debug/deps/json-0123456789abcdef)", then "test emit::order ... ok". */
function cargo(log) {
  let binary;
  for (const line of log.split("\n")) {
    const running = /^\s*Running .*\((?:.*[/\\])?([^/\\]+)-[0-9a-f]{16}(?:\.exe)?\)/.exec(line);
    if (running) binary = running[1];
    const test = /^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)/.exec(line);
    if (test && test[2] !== "ignored") note(`${binary} > ${test[1]}`, test[2] === "ok");
  }
}

for (const file of existsSync(results) ? readdirSync(results) : []) {
  const text = readFileSync(join(results, file), "utf8");
  if (file.endsWith(".log")) cargo(text);
  if (!file.endsWith(".jsonl")) continue;
  for (const line of text.split("\n").filter(Boolean)) {
    const { test, passed } = JSON.parse(line);
    note(test, passed);
  }
}

// --- The table ---------------------------------------------------------------------------------------------------

function read(name) {
  const file = join(tables, `${name}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"));
  problem(basename(file), "is not there");
  return [];
}

function checkRow(table, row, serves) {
  const name = row.member ?? row.name;
  const at = `${table}.json: ${name}:`;
  if (!name) return problem(at, "no name");
  if (row.boundary !== undefined) {
    if (row.test || row.asserts) problem(at, "a test and a boundary");
    if (!reasons.test(row.boundary)) problem(at, `a boundary without its reason: "${row.boundary}"`);
    return;
  }
  const tests = [row.test ?? []].flat().filter(Boolean);
  if (tests.length === 0) problem(at, "neither a test nor a boundary");
  if (!row.asserts) problem(at, "does not say what its test asserts");
  for (const test of new Set(tests)) {
    serves.set(test, (serves.get(test) ?? 0) + 1);
    if (!ran.has(test)) problem(at, "did not run:", test);
    else if (!ran.get(test)) problem(at, "did not pass:", test);
  }
}

function checkTables(names, label) {
  const serves = new Map();
  let rows = 0;
  let boundaries = 0;
  for (const [name, wanted] of Object.entries(names)) {
    const table = read(name);
    const bounded = table.filter((row) => row.boundary !== undefined).length;
    if (wanted !== undefined && table.length !== wanted) problem(`${name}.json: ${table.length} rows, not ${wanted}`);
    const seen = new Set();
    for (const row of table) {
      const key = row.member ?? `${row.file} ${row.name}`;
      if (seen.has(key)) problem(`${name}.json: twice:`, key);
      seen.add(key);
      checkRow(name, row, serves);
    }
    console.log(`${name}: ${table.length} rows, ${bounded} boundaries`);
    rows += table.length;
    boundaries += bounded;
  }
  for (const [test, count] of serves) if (count > most) problem(`serves ${count} ${label}, at most ${most}:`, test);
  console.log(`${label}: ${rows}, ${serves.size} tests, ${boundaries} boundaries`);
  return rows;
}

const rows = checkTables(upstream, "upstream's tests");
if (rows !== total) problem(`${rows} rows of upstream's tests, not ${total}`);
for (const [name, wanted] of Object.entries(apart)) checkTables({ [name]: wanted }, name);

console.log(`${ran.size} tests ran, ${[...ran.values()].filter((passed) => !passed).length} did not pass`);
for (const line of problems) console.log(`FAILED ${line}`);
process.exitCode = problems.length === 0 ? 0 : 1;
