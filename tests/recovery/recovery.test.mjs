// What our client promises of events that come to it. TESTS_FULL=1: as often as it is worth publishing, beside the published
// client, and with times as servers have them. CLIENTS=ours,npm: these.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../client-wasm/js/cargo.mjs";
import { freshSeed } from "../cuts/random.mjs";
import { clients } from "./clients.mjs";
import { isFor, isLong, play, rows } from "./rows.mjs";
import { notes, table } from "./table.mjs";

const full = Boolean(process.env.TESTS_FULL);
const seed = Number(process.env.CHAOS_SEED ?? freshSeed());
const promised = (name) => Boolean(clients[name].ours);
const names = process.env.CLIENTS?.split(",") ?? Object.keys(clients).filter((name) => promised(name) || (full && name === "upstream"));
const work = join(root, "tests/.work");
const programs = {};
const played = [];
// By client and name: what was begun before its turn.
const begun = new Map();

const rowsFor = (client) => Object.keys(rows).filter((name) => isFor(name, clients[client], full));

function begin(client, name) {
  const program = { ...clients[client], program: programs[client] };
  return play(name, program, { seed, count: full ? 1000 : (program.share?.cuts ?? 50), full });
}

before(async () => {
  mkdirSync(join(work, "tmp"), { recursive: true });
  for (const client of names) programs[client] = await clients[client].program();
  console.log(`CHAOS_SEED=${seed}`);
  for (const client of full ? names : []) {
    for (const name of rowsFor(client).filter(isLong)) {
      const result = begin(client, name);
      result.catch(() => {});
      begun.set(`${client} ${name}`, result);
    }
  }
});

after(async () => {
  await Promise.all(Object.values(programs).map((program) => program.close()));
  played.sort((a, b) => a.row - b.row);
  const lines = [`Seed ${seed}:`, "", table(played), "", ...notes(played)];
  console.log(lines.join("\n"));
  writeFileSync(join(work, "recovery.md"), `${lines.join("\n")}\n`);
});

for (const client of names) {
  const title = promised(client) ? `${client}: nothing is lost without a word, or heard twice` : `${client}, beside it`;
  describe(title, () => {
    for (const name of rowsFor(client)) {
      test(`row ${rows[name]}: ${name}`, async () => {
        const result = await (begun.get(`${client} ${name}`) ?? begin(client, name));
        played.push({ client, promised: promised(client), ...result });
        const wrong = [...(promised(client) ? result.faults : []), ...result.problems];
        assert.deepEqual(wrong, [], [...wrong, ...result.words, `CHAOS_SEED=${seed}`].join("\n"));
      });
    }
  });
}
