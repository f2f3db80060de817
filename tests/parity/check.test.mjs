// The checker passes what is right, and fails for each rule that is broken.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const checker = fileURLToPath(new URL("check.mjs", import.meta.url));
const upstream = { client: 116, engine: 109, "socket-parser": 34, "engine-parser": 38 };

/** Tables and results without a fault: two rows for each test, some from cargo. */
function sound() {
  const tables = {};
  const node = [];
  const cargo = ["     Running tests/json.rs (target/debug/deps/json-0123456789abcdef)", ""];
  for (const [table, count] of Object.entries({ ...upstream, types: 14 })) {
    tables[table] = Array.from({ length: count }, (_, i) => {
      const half = i >> 1;
      const rust = half % 5 === 4;
      const test = rust ? `json > ${table}::t${half}` : `tests/js/${table}.test.mjs > outer > t${half}`;
      if (i % 2 === 0) {
        if (rust) cargo.push(`test ${table}::t${half} ... ok`);
        else node.push({ test, passed: true });
      }
      return { suite: table, file: "test/x.js", name: `row ${i}`, test, asserts: "something" };
    });
  }
  tables.members = [{ member: "Socket.on", test: [node[0].test, node[1].test], asserts: "something" }];
  return { tables, node, cargo };
}

function check(t, spoil = () => {}) {
  const folder = mkdtempSync(join(tmpdir(), "parity-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const state = sound();
  spoil(state);
  const results = join(folder, "results");
  mkdirSync(results);
  for (const [table, rows] of Object.entries(state.tables)) {
    writeFileSync(join(folder, `${table}.json`), JSON.stringify(rows));
  }
  writeFileSync(join(results, "js.jsonl"), state.node.map((line) => `${JSON.stringify(line)}\n`).join(""));
  writeFileSync(join(results, "unit.log"), state.cargo.join("\n"));
  const { status, stdout } = spawnSync(process.execPath, [checker, folder, results], { encoding: "utf8" });
  return { status, problems: stdout.split("\n").filter((line) => line.startsWith("FAILED")), stdout };
}

test("a sound table passes, and is counted", (t) => {
  const { status, problems, stdout } = check(t, ({ tables }) => {
    const { suite, file, name } = tables.engine[0];
    tables.engine[0] = { suite, file, name, boundary: "WebTransport: later" };
  });
  assert.deepEqual(problems, []);
  assert.equal(status, 0);
  assert.match(stdout, /^engine: 109 rows, 1 boundaries$/m);
  assert.match(stdout, /^upstream's tests: 297, \d+ tests, 1 boundaries$/m);
});

const bound = (row, boundary) => {
  delete row.test;
  delete row.asserts;
  row.boundary = boundary;
};

const faults = {
  "a test that did not run": ({ node }) => node.splice(3, 1),
  "a test that failed": ({ node }) => (node[3].passed = false),
  "a test that passed once and failed once": ({ node }) => node.push({ ...node[3], passed: false }),
  "a test of cargo that did not run": ({ cargo }) => cargo.pop(),
  "a test of cargo that failed": ({ cargo }) => cargo.push(cargo.pop().replace("ok", "FAILED")),
  "a test of cargo that was ignored": ({ cargo }) => cargo.push(cargo.pop().replace("ok", "ignored")),
  "one of two named tests that did not run": ({ tables }) => tables.members[0].test.push("tests/js/x.test.mjs > no"),
  "neither test nor boundary": ({ tables }) => (tables.client[5].test = ""),
  "a test that does not say what it asserts": ({ tables }) => (tables.client[5].asserts = ""),
  "a boundary without a reason": ({ tables }) => bound(tables.client[5], "Node:"),
  "a boundary for another reason": ({ tables }) => bound(tables.client[5], "Difficult: takes very long"),
  "a boundary beside a test": ({ tables }) => (tables.client[5].boundary = "WebTransport: later"),
  "a test that serves four rows": ({ tables }) => {
    tables.client[2].test = tables.client[3].test = tables.client[0].test;
  },
  "a row too few": ({ tables }) => tables.client.pop(),
  "a row too many": ({ tables }) => tables.engine.push({ ...tables.engine[0], name: "another" }),
  "a row in the place of another": ({ tables }) => (tables.engine[1] = tables.engine[0]),
  "a table that is not there": ({ tables }) => delete tables.types,
  "a row without a name": ({ tables }) => delete tables.types[0].name,
};

for (const [fault, spoil] of Object.entries(faults)) {
  test(`fails for ${fault}`, (t) => {
    const { status, problems } = check(t, spoil);
    assert.equal(status, 1);
    assert.notEqual(problems.length, 0);
  });
}
