// The judge finds what it is there to find.
import assert from "node:assert/strict";
import { test } from "node:test";
import { broken, judge, promises, repeated, valueOf } from "./judge.mjs";

const acked = (n) => ({ n, fate: "acknowledged", value: { n, value: valueOf(n) } });
const runs = (...numbers) => numbers.map((n, at) => ({ n, at }));
const clean = { sent: [0, 1, 2, 3], settled: [0, 1, 2, 3].map(acked), runs: runs(0, 1, 2, 3) };
const sum = (changes) => judge({ ...clean, ...changes });

test("nothing is found where all is well", () => {
  const { events, runs, ...faults } = sum({});
  assert.deepEqual([events, runs], [4, 4]);
  for (const [what, times] of Object.entries(faults)) assert.equal(times, 0, what);
  assert.deepEqual(broken(sum({}), promises.exactlyOnce), []);
});

test("what ran more than once", () => {
  assert.deepEqual([...repeated(runs(0, 1, 2, 1, 1, 3, 0))], [1, 0]);
});

const cases = {
  "an event that no handler saw, though it was acknowledged": [{ runs: runs(0, 1, 3) }, { lost: 1, wrongAcks: 1 }],
  "an event that ran three times": [{ runs: runs(0, 1, 1, 1, 2, 3) }, { twice: 2 }],
  "a resend behind later ones": [{ runs: runs(0, 1, 2, 0, 1, 2, 3) }, { twice: 3, jumps: 1 }],
  "first runs in another order": [{ runs: runs(0, 3, 1, 2) }, { outOfOrder: 2, jumps: 1 }],
  "runs are ordered by time, not by line": [{ runs: runs(0, 1, 2, 3).reverse() }, {}],
  "another event's value": [
    { settled: [acked(0), acked(1), acked(2), { ...acked(3), value: { n: 2, value: valueOf(2) } }] },
    { wrongAcks: 1 },
  ],
  "a wrong value": [
    { settled: [acked(0), acked(1), acked(2), { ...acked(3), value: { n: 3, value: 3 } }] },
    { wrongAcks: 1 },
  ],
  "no value": [{ settled: [acked(0), acked(1), acked(2), { n: 3, fate: "acknowledged" }] }, { wrongAcks: 1 }],
  "silence": [{ settled: [acked(0), acked(1), acked(2)] }, { unaccounted: 1 }],
  "an error for what ran": [
    { settled: [acked(0), acked(1), acked(2), { n: 3, fate: "error" }] },
    { errors: 1, falseErrors: 1 },
  ],
  "an error for what did not run": [
    { settled: [acked(0), acked(1), acked(2), { n: 3, fate: "error" }], runs: runs(0, 1, 2) },
    { errors: 1, lost: 1 },
  ],
  "doubt, with a run": [
    { settled: [acked(0), acked(1), acked(2), { ...acked(3), value: { $delivery: { error: "inDoubt" } } }] },
    { inDoubt: 1 },
  ],
  "doubt, without": [
    { settled: [acked(0), acked(1), acked(2), { n: 3, fate: "error", error: "inDoubt" }], runs: runs(0, 1, 2) },
    { inDoubt: 1 },
  ],
  "two fates": [{ settled: [...clean.settled, acked(3)] }, { contradictions: 1 }],
};

for (const [name, [changes, wanted]] of Object.entries(cases)) {
  test(name, () => {
    const counts = sum(changes);
    const { events: _events, runs: _runs, ...faults } = counts;
    const found = Object.fromEntries(Object.entries(faults).filter(([, times]) => times > 0));
    assert.deepEqual(found, wanted);
    const promised = Object.keys(wanted).filter((what) => what in promises.exactlyOnce);
    assert.equal(broken(counts, promises.exactlyOnce).length, promised.length);
  });
}
