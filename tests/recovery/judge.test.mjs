// The judge sees what it is there for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../cuts/random.mjs";
import { plan } from "./cuts.mjs";
import { broken, judge, sum } from "./judge.mjs";

const n = (...numbers) => numbers.map((number) => ({ heard: "n", args: [number, "offset"] }));
const join = (recovered) => [{ joined: { id: "x", recovered } }];
const left = [{ left: "transport close" }];
const gap = [{ gap: { reason: "unknown-session" } }];

/** What is not as it is where nothing happens. */
function counts(lines, last) {
  const { joins, events, recovered, ...rest } = judge([...join(false), ...lines.flat()], last);
  const seen = Object.entries(rest).filter(([name, count]) => name !== "reasons" && count !== 0);
  return { joins, events, recovered, ...Object.fromEntries(seen) };
}

test("all of it, in order, before and after the join that resumed it", () => {
  assert.deepEqual(counts([n(5, 6), left, join(true), n(7, 8)], 8), { joins: 1, events: 4, recovered: 1 });
  assert.deepEqual(counts([n(5, 6), left, n(7), join(true), n(8)], 8), { joins: 1, events: 4, recovered: 1 });
});

test("what comes twice, or late", () => {
  assert.deepEqual(counts([n(1, 2, 2, 1)], 2), { joins: 0, events: 2, recovered: 0, twice: 2 });
  assert.deepEqual(counts([n(1, 3, 2)], 3), { joins: 0, events: 3, recovered: 0, inversions: 1 });
});

test("a loss is told where the session was not called recovered", () => {
  const told = counts([n(1), left, join(false), gap, n(4)], 4);
  assert.deepEqual(told, { joins: 1, events: 4, recovered: 0, lost: 2, gaps: 1 });
});

test("a loss in a session that was called recovered is a wrong claim", () => {
  const claimed = counts([n(1), left, join(true), n(4, 5), left, join(true), n(6)], 6);
  assert.deepEqual(claimed, { joins: 2, events: 6, recovered: 2, lost: 2, untold: 2, wronglyClaimed: 1 });
});

test("a resumed session that goes deaf was not resumed", () => {
  const deaf = counts([n(1), left, join(true), n(2)], 4);
  assert.deepEqual(deaf, { joins: 1, events: 4, recovered: 1, lost: 2, untold: 2, wronglyClaimed: 1, deaf: 1 });
  assert.deepEqual(counts([n(1), left, join(false)], 1), { joins: 1, events: 1, recovered: 0 });
  assert.deepEqual(counts([], 3), { joins: 0, events: 0, recovered: 0, deaf: 1, lost: 1, untold: 1 });
});

test("an exception in a page is no better than a loss", () => {
  const one = judge([...join(false), ...n(1), { threw: "Error: x" }, ...n(2)], 2);
  assert.deepEqual(broken(one, { recovered: 0 }), ["threw: 1"]);
});

test("what is broken is named", () => {
  const one = judge([...join(false), ...n(1), ...left, ...join(true), ...n(3)], 3);
  assert.deepEqual(broken(one, { recovered: 1 }), ["untold: 1", "wronglyClaimed: 1"]);
  const other = judge([...join(false), ...n(1), ...left, ...join(false), ...gap, ...n(2)], 2);
  assert.deepEqual(broken(other, { recovered: 0, reasons: { "unknown-session": 1 } }), []);
  assert.deepEqual(broken(other, { recovered: 1 }), ["recovered: 0, promised 1", 'gaps: {"unknown-session":1}, promised {}']);
  assert.deepEqual(sum([other, other]).reasons, { "unknown-session": 2 });
});

test("a third of the cuts is half-open, of all kinds, and the last is", () => {
  const kinds = plan(new Random(1), 300, true).map(({ kind }) => kind);
  const open = (kind) => ["client reset", "client fin", "silence"].includes(kind);
  assert.equal(kinds.filter(open).length, 100);
  assert.ok(open(kinds.at(-1)));
  assert.equal(new Set(kinds).size, 7);
  assert.deepEqual(plan(new Random(1), 300, true), plan(new Random(1), 300, true));
  assert.ok(!plan(new Random(1), 300, false).some(({ kind }) => open(kind)));
});
