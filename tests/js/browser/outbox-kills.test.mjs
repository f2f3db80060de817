// Tabs that are closed or killed while they emit, one durable outbox for all of them: nothing that was stored is lost,
// nothing runs twice, all is in order, and the store is empty at the end. They do not wait for `stored`, so that many of
// them end in the middle of a transaction.
//
// SEED repeats the choices of a run.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Random, freshSeed } from "../../cuts/random.mjs";
import { browsers, launch } from "../../page/harness.mjs";
import { upstream } from "../client.mjs";
import { until } from "../server.mjs";
import { connected, site, told, when } from "./outbox-tab.mjs";

const full = Boolean(process.env.TESTS_FULL);
const seed = Number(process.env.SEED ?? freshSeed());
/** How often. */
const CLOSES = full ? 50 : 3;
const KILLS = full ? 200 : 6;
/** Emits of each tab in a round, and how many of them wait to be stored at a time. */
const BURST = 60;
const UNSTORED = 3;

/** The renderer's process is gone at once: nothing in the page hears of it. */
async function kill(page) {
  const session = await page.createCDPSession();
  // The answer never comes.
  session.send("Page.crash").catch(() => {});
  await new Promise((resolve) => page.once("error", resolve));
  await page.close();
}

/** In the page: emits so many, each as soon as an earlier one is stored. */
const emit = (burst, unstored) => {
  globalThis.unsettled ??= 0;
  globalThis.begun ??= 0;
  const end = globalThis.begun + burst;
  const next = () => {
    if (globalThis.begun >= end) return;
    const n = globalThis.begun++;
    globalThis.note("begun", n);
    globalThis.unsettled += 1;
    const { stored, settled } = globalThis.socket.deliver("say", `${globalThis.tab} ${n}`);
    stored.then((is) => {
      globalThis.note(is ? "stored" : "early", n);
      next();
    });
    settled.then(({ fate }) => {
      globalThis.unsettled -= 1;
      globalThis.note(fate, n);
    });
  };
  for (let i = 0; i < unstored; i += 1) next();
};

/** What a tab has said of its emits, by their number. */
class Told {
  begun = 0;
  /** One more than the last that must run. */
  stored = 0;
  /** How many are known to be stored, or were settled before that. */
  answered = 0;
  fates = { acknowledged: 0, uncertain: 0 };

  note(what, n) {
    if (what === "begun") this.begun = n + 1;
    else if (what === "stored" || what === "early") this.answered += 1;
    else this.fates[what] = (this.fates[what] ?? 0) + 1;
    if (what === "stored" || what === "acknowledged") this.stored = Math.max(this.stored, n + 1);
  }
}

/** In the page: what stands in the database. */
const contents = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open("sio-outbox:box");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const transaction = request.result.transaction(["records", "meta"]);
      const records = transaction.objectStore("records").count();
      const stock = transaction.objectStore("meta").get("stock");
      transaction.oncomplete = () => {
        request.result.close();
        resolve({ records: records.result, count: stock.result.count, bytes: stock.result.bytes });
      };
    };
  });

/** Ends `times` tabs by `leave`, and judges what the server ran. How many emits there were, and of which kind. */
async function endTabs(t, browser, times, leave) {
  const random = new Random(seed);
  t.diagnostic(`SEED=${seed}`);
  const { handled, tab } = await site(t, browser, { middleware: true });
  /** Of each tab that ever was. */
  const all = [];
  const fresh = async () => {
    const [page, own, number] = [await tab(), new Told(), all.length];
    all.push(own);
    await page.exposeFunction("note", (what, n) => own.note(what, n));
    await page.evaluate((number) => void (globalThis.tab = number), number);
    return connected(page, { exactlyOnce: true });
  };
  const answered = () => all.reduce((sum, { answered }) => sum + answered, 0);
  const tabs = [await fresh(), await fresh(), await fresh()];
  for (let round = 0; round < times; round += 1) {
    const enough = answered() + random.between(1, BURST);
    await Promise.all(tabs.map((page) => page.evaluate(emit, BURST, UNSTORED)));
    await until(() => answered() >= enough, "emits are stored");
    // The oldest leads.
    const [page] = tabs.splice(random.pick([0, 0, 1, 2]), 1);
    await leave(page);
    tabs.push(await fresh());
  }
  for (const page of tabs) await when(page, () => !globalThis.unsettled);
  await when(tabs[0], new Function(`return (${contents})().then(({ records }) => records === 0)`));
  assert.deepEqual(await tabs[0].evaluate(contents), { records: 0, count: 0, bytes: 0 });
  for (const page of tabs) assert.deepEqual(await told(page, "errors"), []);

  const runs = all.map(() => []);
  for (const [text] of handled) {
    const [number, n] = text.split(" ").map(Number);
    runs[number].push(n);
  }
  const counts = { ended: times, emits: 0, ran: 0, unanswered: 0, "unanswered, stored": 0, acknowledged: 0, uncertain: 0 };
  all.forEach(({ begun, stored, fates }, number) => {
    const own = runs[number];
    // Emits are stored in their order: without a gap, and only the last of them may have gone with the page.
    assert.deepEqual(own, Array.from(own, (_, index) => index), `tab ${number}, seed ${seed}: each once, in order`);
    assert.ok(own.length >= stored, `tab ${number}, seed ${seed}: ${own.length} ran, ${stored} were stored`);
    const { acknowledged, uncertain, ...others } = fates;
    assert.deepEqual(others, {});
    // What a page says last is not always heard.
    const emits = Math.max(begun, own.length);
    counts.emits += emits;
    counts.ran += own.length;
    counts.unanswered += emits - stored;
    counts["unanswered, stored"] += own.length - stored;
    counts.acknowledged += acknowledged;
    counts.uncertain += uncertain;
  });
  t.diagnostic(`seed ${seed}: ${JSON.stringify(counts)}`);
  return counts;
}

for (const name of upstream ? [] : browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    const what = "while three emit; nothing stored is lost or runs twice, and the store is empty at the end";
    test(`exactlyOnce: tabs are closed ${CLOSES} times ${what}`, (t) => endTabs(t, browser, CLOSES, (page) => page.close()));

    if (name === "chromium") {
      test("a fate that was lost with the tab that led is uncertain in another, which does not lead", async (t) => {
        const { handled, tab } = await site(t, browser, { middleware: true });
        const leader = await connected(await tab(), { exactlyOnce: true });
        await when(leader, () => globalThis.socket.connected);
        const [next, other] = [await tab(), await tab()];
        await connected(next, { exactlyOnce: true });
        await when(next, () => globalThis.socket.connected);
        await connected(other, { exactlyOnce: true });
        await when(other, () => globalThis.socket.connected);
        await leader.evaluate(() => {
          const post = BroadcastChannel.prototype.postMessage;
          BroadcastChannel.prototype.postMessage = function (message) {
            if (message?.type !== "fate") post.call(this, message);
          };
        });
        await other.evaluate(() => {
          globalThis.lost = globalThis.socket.deliver("say", "unheard");
        });
        await until(() => handled.length === 1, "it is handled");
        await when(leader, new Function(`return (${contents})().then(({ records }) => records === 0)`));
        await kill(leader);
        assert.equal(await other.evaluate(async () => (await globalThis.lost.settled).fate), "uncertain");
        assert.deepEqual(handled, [["unheard"]]);
      });

      // How many of them end while an emit is being stored is chance: `unanswered`.
      test(`exactlyOnce: tabs are killed ${KILLS} times ${what}`, (t) => endTabs(t, browser, KILLS, kill));
    }
  });
}
