// What our clients promise, while connections are cut and servers killed. TESTS_FULL=1: as often as it is worth publishing.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../client-wasm/js/cargo.mjs";
import { clients } from "./clients.mjs";
import { ROUNDS, arrived, transports } from "./goodbyes.mjs";
import { leave } from "./proxy.mjs";
import { freshSeed } from "./random.mjs";
import { play } from "./row.mjs";
import { table } from "./table.mjs";

const full = Boolean(process.env.TESTS_FULL);
const seed = Number(process.env.CHAOS_SEED ?? freshSeed());
const names = ["ours", "npm"];
const work = join(root, "tests/.work");
const programs = {};
const rows = [];
const goodbyes = [];

before(() => {
  mkdirSync(join(work, "tmp"), { recursive: true });
  for (const name of names) programs[name] = clients[name].program();
  console.log(`CHAOS_SEED=${seed}`);
});

after(leave);
after(() => {
  const lines = [`Seed ${seed}:`, "", table(rows)];
  lines.push("", "`emit`, then `disconnect` at once, what arrived:", "", ...goodbyeTable());
  writeFileSync(join(work, "cuts.md"), `${lines.join("\n")}\n`);
});

function goodbyeTable() {
  const columns = Object.keys(transports);
  const cells = names.map((name) => {
    const counts = columns.map((transport) => goodbyes.find((it) => it.name === name && it.transport === transport)?.count);
    return [name, ...counts.map((count) => `${count ?? "?"} of ${ROUNDS}`)];
  });
  return [["client", ...columns], ["---", ...columns.map(() => "---")], ...cells].map((line) => `| ${line.join(" | ")} |`);
}

/** Plays a row, and wants all promises kept. */
async function row(server, name, window, settings) {
  const client = { ...clients[name], ...programs[name] };
  const options = clients[name].options(server, window);
  const common = { seed, handlerMs: 30, loseAcks: true, transports: ["websocket"] };
  const played = await play({ ...common, ...settings, server, client, window, options });
  rows.push({ server, client: name, window, promised: true, ...settings, ...played });
  const wrong = [...played.faults, ...played.problems];
  assert.deepEqual(wrong, [], [...wrong, ...played.words.slice(-20), `CHAOS_SEED=${seed}`].join("\n"));
}

const cuts = (few, many) => ({ cuts: full ? many : few });

describe("at least once: nothing is lost, first runs are in order, every event has one fate", () => {
  for (const server of ["N", "P"]) {
    for (const name of names) {
      for (const window of [1, 16]) test(`${server}, ${name}, window ${window}`, () => row(server, name, window, cuts(50, 300)));
    }
  }
});

describe("exactly once: and nothing runs twice, in order, with the right answer", () => {
  for (const server of ["M", "MR", "P+"]) {
    for (const name of names) {
      for (const window of full ? [1, 16] : [16]) {
        test(`${server}, ${name}, window ${window}`, () => row(server, name, window, cuts(50, 1000)));
      }
    }
  }
});

describe("both over other transports", () => {
  for (const transports of [["polling"], ["polling", "websocket"]]) {
    for (const server of ["N", "MR"]) {
      for (const name of names) {
        const settings = { ...cuts(50, 300), transports };
        test(`${server}, ${name}, ${transports.join(" to ")}`, () => row(server, name, 16, settings));
      }
    }
  }
});

describe("servers killed: what was under way may run twice, or is told to be in doubt", () => {
  const kills = full ? 6 : 2;
  for (const name of names) {
    test(`MR, ${name}`, () => row("MR", name, 16, { kills }));
    test(`MR, ${name}, in doubt: fail`, () => row("MR", name, 16, { kills, inDoubt: "fail" }));
  }
});

describe("emit, then disconnect at once", () => {
  for (const name of names) {
    for (const transport of Object.keys(transports)) {
      test(`${name}, ${transport}`, async () => {
        const count = await arrived(programs[name], transport);
        goodbyes.push({ name, transport, count });
        assert.equal(count, ROUNDS);
      });
    }
  }
});
