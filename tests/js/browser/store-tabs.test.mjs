// Several tabs with one outbox: one of them leads, and whatever tab is closed, nothing is lost, nothing is handled
// twice, and all stays in order. With Web Locks, and with the lease that stands in for them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "../../page/harness.mjs";
import { Judge, emit, empty, leads, start, storeSite, told, until, when } from "./store-tab.mjs";

/** How often the leader's tab is closed. */
const CLOSES = process.env.TESTS_FULL ? 50 : 5;

const withoutLocks = () => delete Navigator.prototype.locks;

/** Without locks. In the page `frozen` stops all intervals, `jumped` sets the clock, `transactions` counts. */
function freezable() {
  delete Navigator.prototype.locks;
  const { now } = Date;
  Date.now = () => now() + (globalThis.jumped ?? 0);
  const { transaction } = IDBDatabase.prototype;
  globalThis.transactions = 0;
  IDBDatabase.prototype.transaction = function (...args) {
    globalThis.transactions += 1;
    return transaction.apply(this, args);
  };
  const { setInterval } = globalThis;
  globalThis.setInterval = (due, time) => setInterval(() => globalThis.frozen || due(), time);
}

const isLeading = (page) => page.evaluate(() => globalThis.sender.outbox.leading);
const waitLeading = (page) => when(page, () => globalThis.sender.outbox.leading);
/** In the page: whether all that it has emitted has its fate. */
const settled = () => [...globalThis.sender.fates.values()].every((fate) => fate === "acknowledged");

/** The renderer process is gone at once: nothing in the page hears of it. */
async function crash(page) {
  const session = await page.createCDPSession();
  // The answer never comes.
  session.send("Page.crash").catch(() => {});
  await new Promise((resolve) => page.once("error", resolve));
  await page.close();
}

/** What must hold whatever was closed. */
function check(judge) {
  const handled = judge.of("handled");
  assert.equal(new Set(handled).size, handled.length, "handled twice");
  assert.deepEqual(judge.missing, [], "lost");
  // Of each tab in the order in which it appended.
  const last = new Map();
  for (const { tab, ref, seq } of judge.handled) {
    assert.ok(ref > (last.get(tab) ?? 0), `${tab}: ${ref} after ${last.get(tab)} (seq ${seq})`);
    last.set(tab, ref);
  }
  // And across tabs: what was stored before another was begun is handled before it.
  const place = new Map(handled.map((asker, index) => [asker, index]));
  let before = -1;
  const begun = new Map();
  for (const [what, asker] of judge.happened) {
    if (what === "appending") begun.set(asker, before);
    if (what === "appended") before = Math.max(before, place.get(asker));
  }
  for (const [asker, least] of begun) {
    if (place.has(asker)) assert.ok(place.get(asker) > least, `${asker} overtook what was stored before it`);
  }
  // The numbers of the whole outbox ascend, and a leader that was succeeded sends nothing more.
  const seqs = judge.handled.map(({ seq }) => seq);
  assert.deepEqual(seqs, seqs.toSorted((a, b) => a - b));
  assert.equal(new Set(judge.handled.map(({ id }) => id)).size, 1, "one delivery id");
  assert.deepEqual(judge.rivals, [], "two leaders at one time");
}

test("the judge: two that send by turns are told, in whatever order that arrives; one after another are not", async () => {
  const judge = new Judge();
  const send = (by, at) => judge.send({ id: "box", seq: 0, by, at, tab: by, ref: 1 });
  for (const [by, at] of [["one", 1], ["two", 5], ["one", 3], ["two", 6], ["three", 6]]) await send(by, at);
  assert.deepEqual(judge.rivals, []);
  await send("one", 8);
  assert.deepEqual(judge.rivals, [["one", "two"], ["one", "three"]]);
  await send("two", 7);
  assert.deepEqual(judge.rivals, [["one", "two"], ["one", "three"], ["two", "three"]]);
});

for (const name of browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    test("another tab's emits go by the leader, in order, and the tab that asked learns their fates", async (t) => {
      const { judge, open } = await storeSite(t);
      const [one, two, three] = [await open(browser), await open(browser), await open(browser)];
      await start(one);
      await leads(one);
      const tabs = [await start(two), await start(three)];
      // One after another: this is the order of the whole outbox.
      for (let i = 0; i < 12; i += 1) await emit([one, two, three][i % 3], `[${i}]`);
      await until(() => judge.handled.length === 12);
      assert.deepEqual(judge.texts, Array.from({ length: 12 }, (_, index) => `[${index}]`));
      for (const page of [one, two, three]) await when(page, settled);
      await empty(one);
      assert.deepEqual([await told(two, "onLeader"), await told(three, "onLeader")], [[], []]);
      assert.equal((await told(two, "onFate")).length, 4);
      assert.deepEqual(new Set((await told(one, "onEntry")).map(({ tab }) => tab)), new Set(tabs));
      check(judge);
    });

    test("a tab cancels what it has appended: before it has a number itself, then by the leader", async (t) => {
      const { judge, open } = await storeSite(t);
      const [one, two] = [await open(browser), await open(browser)];
      judge.open = false;
      await start(one);
      await leads(one);
      await emit(one, "[0]");
      await start(two);
      await emit(two, "[1]", "[2]");
      await when(one, () => globalThis.sender.of("onEntry").length === 2);
      assert.equal(await two.evaluate(() => globalThis.sender.outbox.cancel(1)), false);
      await when(two, () => globalThis.sender.fates.get(1) === "cancelled");
      // No leader: nobody can have sent it.
      await one.close();
      await waitLeading(two);
      await two.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
      await emit(two, "[3]");
      assert.equal(await two.evaluate(() => globalThis.sender.outbox.cancel(3)), true);
      assert.equal(await two.evaluate(() => globalThis.sender.outbox.cancel(99)), false);
      await two.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
      judge.answer();
      await empty(two);
      assert.deepEqual(judge.texts.toSorted(), ["[0]", "[2]"]);
    });

    test("clear in one tab clears for all, and tells each", async (t) => {
      const { judge, open } = await storeSite(t);
      const [one, two, three] = [await open(browser), await open(browser), await open(browser)];
      judge.open = false;
      await start(one);
      await leads(one);
      await emit(one, "[0]");
      for (const page of [two, three]) await start(page);
      await emit(two, "[1]");
      await emit(three, "[2]");
      await when(one, () => globalThis.sender.of("onEntry").length === 2);
      await three.evaluate(() => globalThis.sender.outbox.clear());
      for (const page of [one, two, three]) await when(page, () => globalThis.sender.of("onClear").length === 1);
      assert.deepEqual((await told(one, "onClear"))[0].seqs, [0, 1, 2]);
      assert.deepEqual((await told(two, "onClear"))[0].refs, [1]);
      assert.deepEqual((await told(three, "onClear"))[0].refs, [1]);
      await empty(one);
      judge.answer();
      await emit(two, "[3]");
      await until(() => judge.texts.includes("[3]"));
      assert.deepEqual(judge.texts, ["[0]", "[3]"]);
    });

    test("what a leader has sent arrives when its tab is gone and another leads: handled once, and no second leader", async (t) => {
      const { judge, open } = await storeSite(t);
      const [one, two] = [await open(browser), await open(browser)];
      const tab = await start(one);
      await leads(one);
      let arrive;
      judge.delay = (event) => event.tab === tab && !arrive && new Promise((resolve) => (arrive = resolve));
      await emit(one, "[0]");
      await until(() => arrive);
      await start(two);
      await one.close();
      await emit(two, "[1]");
      await until(() => judge.handled.length === 2);
      arrive();
      await until(() => judge.again === 1);
      await emit(two, "[2]");
      await empty(two);
      assert.deepEqual([judge.texts, judge.reigns.size], [["[0]", "[1]", "[2]"], 2]);
      check(judge);
    });

    const closing = (prepare, closes) => async (t) => {
      const { judge, open } = await storeSite(t);
      const tabs = [];
      const add = async () => {
        const page = await open(browser, prepare);
        await start(page, "box", { report: true });
        await page.evaluate(() => void globalThis.sender.chatter());
        tabs.push(page);
      };
      for (let i = 0; i < 3; i += 1) await add();
      for (let round = 1; round <= closes; round += 1) {
        // It has led for a while.
        const reigns = judge.reigns.size;
        await until(() => judge.reigns.size >= round, `leader ${round}`);
        const enough = judge.handled.length + 5;
        await until(() => judge.handled.length >= enough, "it sends");
        const leading = await Promise.all(tabs.map(isLeading));
        assert.equal(leading.filter(Boolean).length, 1, `${reigns}: ${leading}`);
        const [leader] = tabs.splice(leading.indexOf(true), 1);
        if (name === "chromium" && round % 2 === 0) await crash(leader);
        else await leader.close();
        await add();
      }
      for (const page of tabs) await page.evaluate(() => globalThis.sender.stop());
      await until(() => judge.missing.length === 0, "all that was stored is handled");
      await empty(tabs[0]);
      check(judge);
      for (const page of tabs) {
        await when(page, settled);
        assert.deepEqual([page.problems, await told(page, "onError")], [[], []]);
      }
      t.diagnostic(`${judge.handled.length} handled, ${judge.again} sent again, ${judge.reigns.size} leaders`);
    };

    test(`three tabs, the leader's closed ${CLOSES} times while all of them emit`, closing(undefined, CLOSES));

    // These wait, most of the time.
    describe("in time", { concurrency: true }, () => {
      test("a tab that dies between storing and saying so: the leader finds it", async (t) => {
        const { judge, open } = await storeSite(t);
        const mute = () => (BroadcastChannel.prototype.postMessage = () => {});
        const [one, two] = [await open(browser), await open(browser, mute)];
        await start(one);
        await leads(one);
        await start(two);
        await emit(two, "[1]");
        await two.close();
        await until(() => judge.handled.length === 1);
        await empty(one);
      });

      test(`by a lease: three tabs, the leader's closed ${CLOSES / 5} times`, closing(withoutLocks, CLOSES / 5));

      test("by a lease: a leader that stands still is succeeded, and does not send when it goes on", async (t) => {
        const { judge, open } = await storeSite(t);
        const [one, two] = [await open(browser, freezable), await open(browser, freezable)];
        judge.open = false;
        await start(one);
        await waitLeading(one);
        await emit(one, "[1]");
        await start(two);
        await emit(two, "[2]");
        await when(one, () => globalThis.sender.of("onEntry").length === 1);
        await one.evaluate(() => (globalThis.frozen = true));
        await waitLeading(two);
        // Nothing has told it yet.
        assert.deepEqual([await told(one, "onFollower"), await isLeading(one)], [[], false]);
        await emit(one, "[3]");
        assert.equal((await told(one, "onFollower")).length, 1);
        judge.answer();
        await empty(two);
        for (const page of [one, two]) await when(page, settled);
        assert.deepEqual(judge.texts, ["[1]", "[2]", "[3]"]);
        assert.deepEqual([await isLeading(one), await isLeading(two)], [false, true]);
      });

      test("by a lease: the clock jumps a day ahead, and back, and the leader is the same", async (t) => {
        const { judge, open } = await storeSite(t);
        const [one, two] = [await open(browser, freezable), await open(browser, freezable)];
        await start(one);
        await waitLeading(one);
        await start(two);
        for (const jumped of [86_400_000, -86_400_000]) {
          for (const page of [one, two]) await page.evaluate((jumped) => (globalThis.jumped = jumped), jumped);
          // Renewed, and looked at by the other, after the jump.
          for (const page of [one, two]) {
            const seen = await page.evaluate(() => globalThis.transactions);
            await when(page, (seen) => globalThis.transactions > seen, seen);
          }
          await emit(two, `[${jumped}]`);
          await when(two, settled);
        }
        await empty(one);
        assert.equal(judge.handled.length, 2);
        assert.deepEqual([(await told(one, "onFollower")).length, (await told(two, "onLeader")).length], [0, 0]);
      });
    });
  });
}
