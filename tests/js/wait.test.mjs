// The waits of these tests: one that cannot fail proves nothing.
import assert from "node:assert/strict";
import test from "node:test";
import { until } from "../servers/wait.mjs";

const SHORT = 20;

test("until: the first true value, at once or promised", async () => {
  for (const promised of [false, true]) {
    let looks = 0;
    const look = () => (looks += 1) === 3 && "third";
    assert.equal(await until(promised ? async () => look() : look), "third");
    assert.equal(looks, 3);
  }
});

test("until: what is never true fails, and says what it was", async () => {
  const never = { false: () => false, promised: async () => false, unsettled: () => new Promise(() => {}) };
  for (const [what, condition] of Object.entries(never)) {
    await assert.rejects(until(condition, what, SHORT), { message: `not within ${SHORT} ms: ${what}` });
  }
  let looks = 0;
  const told = () => `${looks > 1}`;
  await assert.rejects(until(async () => void (looks += 1), told, SHORT), { message: `not within ${SHORT} ms: true` });
});

test("until: what the condition throws, at once or promised", async () => {
  const broken = () => {
    throw new Error("broken");
  };
  await assert.rejects(until(broken), { message: "broken" });
  await assert.rejects(until(async () => broken()), { message: "broken" });
});
