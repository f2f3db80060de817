// What browsers do to a database, and what damaged ones hold: nothing hangs, nothing is lost in silence.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "../../page/harness.mjs";
import { emit, empty, leads, reported, start, storeSite, told, until, when } from "./store-tab.mjs";

/** Ways in which a browser has no database, done to the page before it begins. */
const unavailable = {
  "the page may not have one": () =>
    Object.defineProperty(globalThis, "indexedDB", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    }),
  "there is none": () => Object.defineProperty(globalThis, "indexedDB", { value: undefined }),
  "it fails to open": () => {
    IDBFactory.prototype.open = () => {
      const request = { error: new DOMException("no room", "QuotaExceededError") };
      queueMicrotask(() => request.onerror());
      return request;
    };
  },
  "another tab blocks it": () => {
    IDBFactory.prototype.open = () => {
      const request = {};
      queueMicrotask(() => request.onblocked());
      return request;
    };
  },
  "it is never opened": () => {
    IDBFactory.prototype.open = () => ({});
  },
};

/** In the page: `add` fails for texts with "big" in them while `globalThis.full` says how. */
function limited() {
  const { add } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.add = function (value, ...key) {
    const { full } = globalThis;
    const error = () => new DOMException("no room", "QuotaExceededError");
    if (!full || !value?.text?.includes("big")) return add.call(this, value, ...key);
    if (full === "throws") throw error();
    const request = add.call(this, value, ...key);
    const { transaction } = this;
    Object.defineProperty(transaction, "error", { get: error });
    transaction.abort();
    return request;
  };
}

/** In the page: after `globalThis.doubt = true` the next transaction is stored, and seems not to be. */
function doubtful() {
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (...args) {
    const made = transaction.apply(this, args);
    if (globalThis.doubt) {
      globalThis.doubt = false;
      Object.defineProperty(made, "oncomplete", { set: () => made.addEventListener("complete", () => made.onabort()) });
    }
    return made;
  };
}

for (const name of browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    for (const [why, prepare] of Object.entries(unavailable)) {
      test(`no database, for ${why}: in memory, and told`, async (t) => {
        const { judge, open } = await storeSite(t);
        const page = await open(browser, prepare);
        await start(page);
        await page.evaluate(() => {
          for (let i = 0; i < 20; i += 1) globalThis.sender.emit(`[${i}]`);
        });
        await until(() => judge.handled.length === 20);
        assert.deepEqual(judge.texts, Array.from({ length: 20 }, (_, index) => `[${index}]`));
        assert.deepEqual((await told(page, "onError")).map(({ code }) => code), ["unavailable"]);
        assert.equal((await told(page, "onLeader"))[0].durable, false);
        const cleared = page.evaluate(async () => {
          const { outbox } = globalThis.sender;
          await outbox.reserve(99999);
          await outbox.clear();
          await outbox.close();
        });
        await cleared;
        assert.deepEqual(page.problems, []);
      });
    }

    for (const full of ["throws", "aborts"]) {
      test(`a full disk (${full}): that emit is refused, those before and after it are stored`, async (t) => {
        const { judge, open } = await storeSite(t);
        const page = await open(browser, limited);
        await start(page);
        await leads(page);
        const outcome = await page.evaluate(async (full) => {
          globalThis.full = full;
          const { sender } = globalThis;
          const done = ["[1]", '["big"]', "[2]"].map((text) => sender.emit(text));
          const outcomes = await Promise.allSettled(done);
          const told = outcomes.map(({ reason }) => (reason ? [reason.code, reason.cause.name] : "stored"));
          globalThis.full = undefined;
          await sender.emit('["big again"]');
          return told;
        }, full);
        assert.deepEqual(outcome, ["stored", ["storage", "QuotaExceededError"], "stored"]);
        await empty(page);
        assert.deepEqual(judge.texts, ["[1]", "[2]", '["big again"]']);
        assert.deepEqual([await told(page, "onError"), page.problems], [[], []]);
      });
    }

    test("what was stored although the browser did not say so is not sent twice", async (t) => {
      const { judge, open } = await storeSite(t);
      const [one, two] = [await open(browser, doubtful), await open(browser, doubtful)];
      await start(one);
      await leads(one);
      await start(two);
      await emit(two, "[0]");
      await until(() => judge.handled.length === 1);
      for (const page of [one, two, one]) {
        await page.evaluate(() => (globalThis.doubt = true));
        await emit(page, "[1]", "[2]");
        assert.equal(await page.evaluate(() => globalThis.doubt), false);
        await emit(page, "[3]");
        await when(page, () => [...globalThis.sender.fates.values()].every((fate) => fate === "acknowledged"));
      }
      // Also long after it was settled.
      const again = { namespace: "/", text: "[0]", ref: 1, createdAt: 0 };
      await two.evaluate((record) => globalThis.sender.outbox.append([record]), again);
      await emit(two, "[4]");
      await until(() => judge.texts.includes("[4]"));
      await empty(one);
      assert.deepEqual(judge.texts, ["[0]", ...Array(3).fill(["[1]", "[2]", "[3]"]).flat(), "[4]"]);
      assert.deepEqual([await told(one, "onError"), await told(two, "onError")], [[], []]);
    });

    test("damaged records are skipped, counted and told; the others are sent, and none comes back", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      judge.open = false;
      await start(page);
      await leads(page);
      for (let i = 0; i < 6; i += 1) await emit(page, `[${i}]`);
      await page.evaluate(async () => {
        const rows = await globalThis.stored("box");
        await globalThis.tamper("box", "records", rows[1][0], (record) => ({ ...record, text: "[9]" }));
        await globalThis.tamper("box", "records", rows[3][0], (record) => ({ ...record, seq: 0 }));
        await globalThis.tamper("box", "records", rows[4][0], () => "nonsense");
      });
      await page.reload();
      judge.answer();
      await start(page);
      const { kept, lost } = await reported(page, "corrupt");
      assert.deepEqual([kept, lost], [3, 3]);
      await empty(page);
      assert.deepEqual(judge.texts, ["[0]", "[2]", "[5]"]);
      await page.reload();
      await start(page);
      await leads(page);
      assert.deepEqual(await told(page, "onError"), []);
    });

    test("another tab's record that is damaged before the leader sees it is told too", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      await start(page);
      await leads(page);
      await page.evaluate(async () => {
        const db = await new Promise((resolve) => {
          indexedDB.open("sio-outbox:box").onsuccess = ({ target }) => resolve(target.result);
        });
        const transaction = db.transaction("records", "readwrite");
        const records = transaction.objectStore("records");
        for (const value of [undefined, { text: "[1]", ref: 1, tab: "x", crc: 1 }]) records.add(value);
        transaction.oncomplete = () => {
          db.close();
          new BroadcastChannel("sio-outbox:box").postMessage({ v: 1, type: "entry" });
        };
      });
      assert.deepEqual((await reported(page, "corrupt")).lost, 2);
      await emit(page, "[2]");
      await empty(page);
      assert.deepEqual(judge.texts, ["[2]"]);
    });

    for (const [what, change] of Object.entries({
      changed: (meta) => ({ ...meta, next: 1 }),
      nonsense: () => 7,
    })) {
      test(`metadata that is ${what}: a new delivery id, told, and all records`, async (t) => {
        const { judge, open } = await storeSite(t);
        const page = await open(browser);
        judge.open = false;
        await start(page);
        await leads(page);
        await emit(page, "[1]", "[2]");
        const [{ id }] = await told(page, "onLeader");
        await page.evaluate(`tamper("box", "meta", "outbox", ${change})`);
        await page.evaluate(`tamper("box", "meta", "leader", ${change})`);
        await page.reload();
        judge.answer();
        await start(page);
        assert.deepEqual((await reported(page, "metadata")).kept, 2);
        const [opened] = await told(page, "onLeader");
        assert.notEqual(opened.id, id);
        assert.match(opened.id, /^[\w-]{22}$/);
        assert.equal(opened.next, 2);
        await empty(page);
        // The first had been sent under the old one.
        assert.deepEqual(judge.texts, ["[1]", "[1]", "[2]"]);
      });
    }

    test("deleted underneath: not blocked, told in each tab, and it goes on with the same id", async (t) => {
      const { judge, open } = await storeSite(t);
      const [one, two] = [await open(browser), await open(browser)];
      judge.open = false;
      await start(one);
      await leads(one);
      await start(two);
      await emit(one, "[1]");
      await emit(two, "[2]");
      await when(one, () => globalThis.sender.of("onEntry").length === 1);
      const [{ id }] = await told(one, "onLeader");
      await two.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const request = indexedDB.deleteDatabase("sio-outbox:box");
            request.onsuccess = resolve;
            request.onerror = () => reject(request.error);
          }),
      );
      for (const page of [one, two]) await reported(page, "deleted");
      // What the tabs still hold may be appended again: it is not sent twice.
      await two.evaluate(() => {
        const { outbox, tab } = globalThis.sender;
        return outbox.append([{ namespace: "/", text: "[2]", ref: 1, tab, createdAt: 0 }]);
      });
      await emit(two, "[3]");
      await emit(one, "[4]");
      judge.answer();
      await until(() => judge.handled.length === 4);
      await empty(one);
      assert.deepEqual(judge.texts, ["[1]", "[2]", "[3]", "[4]"]);
      assert.deepEqual(judge.handled.map(({ seq }) => seq), [0, 1, 2, 3]);
      await one.reload();
      await start(one);
      await two.close();
      await leads(one);
      const [opened] = await told(one, "onLeader");
      assert.equal(opened.id, id);
      assert.ok(opened.next >= 4, String(opened.next));
    });

    test("a newer library upgrades: it is let in, and this page goes on in memory", async (t) => {
      const { judge, open } = await storeSite(t);
      const [one, two] = [await open(browser), await open(browser)];
      await start(one);
      await leads(one);
      const [{ id }] = await told(one, "onLeader");
      const upgraded = two.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const request = indexedDB.open("sio-outbox:box", 2);
            request.onsuccess = () => resolve(request.result.version);
            request.onerror = () => reject(request.error);
          }),
      );
      assert.equal(await upgraded, 2);
      await reported(one, "newer");
      await emit(one, "[1]");
      await until(() => judge.handled.length === 1);
      assert.notEqual(judge.handled[0].id, id);
      // It does not keep the lock from the newer one.
      assert.equal(await two.evaluate(() => navigator.locks.request("sio-outbox:box", () => 1)), 1);
      await start(two);
      await reported(two, "newer");
      assert.deepEqual(one.problems, []);
    });

    test("a lock that is taken away: this tab stops, and leads again after the thief", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      await start(page);
      await leads(page);
      await page.evaluate(() => {
        globalThis.theft = new Promise((begun) => {
          navigator.locks.request("sio-outbox:box", { steal: true }, () => {
            begun();
            return new Promise((resolve) => (globalThis.giveBack = resolve));
          });
        });
      });
      await when(page, () => globalThis.sender.of("onFollower").length === 1);
      await emit(page, "[1]");
      await page.evaluate(() => globalThis.giveBack());
      await until(() => judge.handled.length === 1);
      await empty(page);
      assert.equal((await told(page, "onLeader")).length, 2);
    });

    test("handlers that throw stop nothing", async (t) => {
      const { open } = await storeSite(t);
      const page = await open(browser);
      await page.evaluate(async () => {
        const { openOutbox } = await import("/store/index.js");
        let next = 0;
        globalThis.outbox = openOutbox("throws", {
          onLeader(opened) {
            next = opened.next;
            throw new Error("onLeader");
          },
          sequence: () => next++,
        });
        await globalThis.outbox.append([{ text: "[1]", ref: 1 }]);
      });
      await until(() => page.problems.length > 0);
      assert.match(page.problems.join(), /onLeader/);
      assert.deepEqual(await page.evaluate(() => globalThis.outbox.append([{ text: "[1]", ref: 2 }])), [1]);
    });

    if (name === "chromium") {
      test("the user clears the site's data: told, and goes on", async (t) => {
        const { judge, open, url } = await storeSite(t);
        const page = await open(browser);
        judge.open = false;
        await start(page);
        await leads(page);
        await emit(page, "[1]");
        const session = await page.createCDPSession();
        const { origin } = new URL(url);
        await session.send("Storage.clearDataForOrigin", { origin, storageTypes: "indexeddb" });
        await reported(page, "deleted");
        await emit(page, "[2]");
        judge.answer();
        await until(() => judge.handled.length === 2);
        assert.deepEqual(judge.handled.map(({ seq }) => seq), [0, 1]);
        await empty(page);
      });
    }
  });
}
