// What our clients promise of events that come to them: a file for each, so that each has the whole time that a file has.
// TESTS_FULL=1: as often as it is worth publishing, beside the published client, and with times as servers have them.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../client-wasm/js/cargo.mjs";
import { leave } from "../cuts/proxy.mjs";
import { freshSeed } from "../cuts/random.mjs";
import { clients } from "./clients.mjs";
import { isFor, isLong, play, rows } from "./rows.mjs";

const full = Boolean(process.env.TESTS_FULL);
const seed = Number(process.env.CHAOS_SEED ?? freshSeed());
/** Each wait has a limit of its own. This one names the row. ms */
const ROW_LIMIT = full ? 600_000 : 120_000;
const work = join(root, "tests/.work/recovery");

const rowsFor = (client) => Object.keys(rows).filter((name) => isFor(name, clients[client], full));

/** The tests of one client, by its name in `clients`. */
export function keeps(client) {
  const promised = Boolean(clients[client].ours);
  const played = [];
  // By name: what was begun before its turn.
  const begun = new Map();
  let program;

  const begin = (name) =>
    play(name, { ...clients[client], program }, { seed, count: full ? 1000 : (clients[client].share?.cuts ?? 50), full });

  before(async () => {
    mkdirSync(join(root, "tests/.work/tmp"), { recursive: true });
    program = await clients[client].program(full);
    console.log(`CHAOS_SEED=${seed}`);
    for (const name of full ? rowsFor(client).filter(isLong) : []) {
      const result = begin(name);
      result.catch(() => {});
      begun.set(name, result);
    }
  });

  after(leave);
  after(async () => {
    await program?.close();
    mkdirSync(work, { recursive: true });
    writeFileSync(join(work, `${client}.json`), JSON.stringify({ seed, played }));
  });

  const title = promised ? `${client}: nothing is lost without a word, or heard twice` : `${client}, beside it`;
  describe(title, () => {
    for (const name of rowsFor(client)) {
      test(`row ${rows[name]}: ${name}`, { timeout: ROW_LIMIT }, async () => {
        const result = await (begun.get(name) ?? begin(name));
        played.push({ client, promised, ...result });
        const wrong = [...(promised ? result.faults : []), ...result.problems];
        assert.deepEqual(wrong, [], [...wrong, ...result.words, `CHAOS_SEED=${seed}`].join("\n"));
      });
    }
  });
}
