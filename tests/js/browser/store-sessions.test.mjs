// Sessions beside the outbox (`recoveryStore: "outbox"`): the tab that leads keeps its own there, and takes up what was left;
// nobody else does.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { sealed } from "../../../client-wasm/js/src/store/record.js";
import { browsers, launch } from "../../page/harness.mjs";
import { browserModule, upstream } from "../client.mjs";
import { until } from "../server.mjs";
import { openTab } from "./tab.mjs";

const client = `/client/${browserModule}`;

/** In the page: connects, and keeps what it hears in `told`. */
const join = async (client, options) => {
  const { io } = await import(client);
  const told = (globalThis.told = []);
  const settings = { transports: ["websocket"], reconnectionDelay: 10, outbox: "box", recoveryStore: "outbox", ...options };
  const socket = (globalThis.socket = io(location.origin, settings));
  socket.on("missed", (number) => told.push(number));
  socket.on("gap", ({ reason }) => told.push(reason));
  socket.on("connect", () => told.push(`connect ${socket.recovered}`));
  socket.on("outbox_error", ({ code }) => told.push(code));
  if (settings.autoConnect !== false) await new Promise((resolve) => socket.once("connect", resolve));
  return socket.id;
};

const when = (page, condition, ...args) => page.waitForFunction(condition, { polling: 20 }, ...args);
const told = (page) => page.evaluate(() => globalThis.told);
const idOf = (page) => page.evaluate(() => globalThis.socket.id);
const hears = (page, number) => when(page, (number) => globalThis.told.at(-1) === number, number);
const ask = (page, value) => page.evaluate((value) => globalThis.socket.emitWithAck("echo", value), value);

/** In the page: all that stands in the database's `meta` under a session's name; `change` puts another value there. */
const sessions = (page, change) =>
  page.evaluate(async (change) => {
    const db = await new Promise((resolve, reject) => {
      const request = indexedDB.open("sio-outbox:box");
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const transaction = db.transaction("meta", "readwrite");
    const meta = transaction.objectStore("meta");
    if (change) meta.put(change.value, change.key);
    const [keys, values] = [meta.getAllKeys(), meta.getAll()];
    await new Promise((resolve) => (transaction.oncomplete = resolve));
    db.close();
    return keys.result.map((key, i) => [key, values.result[i]]).filter(([key]) => key.startsWith("session "));
  }, change);

for (const name of upstream ? [] : browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    /** `tab(prepare)` gives a page, and `joined(page)` an id. */
    async function site(t) {
      const first = await openTab(t, browser, { pingInterval: 25_000 });
      const key = `session ${first.url}/socket.io /`;
      const tab = async (prepare) => {
        const page = await browser.newPage();
        t.after(() => page.close().catch(() => {}));
        page.setDefaultTimeout(30_000);
        page.problems = [];
        page.on("pageerror", (error) => page.problems.push(String(error)));
        if (prepare) await page.evaluateOnNewDocument(prepare);
        await page.goto(`${first.url}/blank`);
        return page;
      };
      const joined = (page, options = {}) => page.evaluate(join, client, options);
      /** Gone, for all that the server knows. */
      const gone = (id) => until(() => !first.io.sockets.sockets.has(id), `${id} is gone`);
      return { ...first, key, tab, joined, gone };
    }

    test("the leader's page is loaded again: it goes on, and hears what it missed, once", async (t) => {
      const { io, tab, joined, gone } = await site(t);
      const page = await tab();
      const id = await joined(page);
      assert.deepEqual(await told(page), ["connect false"]);
      for (const round of [1, 2, 3]) {
        // With an offset, of which only the page's end tells the store.
        io.emit("missed", 10 * round);
        await hears(page, 10 * round);
        io.sockets.sockets.get(id).once("disconnect", () => io.emit("missed", round));
        await page.reload();
        await gone(id);
        assert.equal(await joined(page), id, `the same session: ${await told(page)}`);
        assert.deepEqual(await told(page), [round, "connect true"]);
        assert.equal(await ask(page, round), round);
      }
      assert.deepEqual(page.problems, []);
    });

    test("a second tab connects without the session; it goes on where the leader's is closed, and keeps its own from then", async (t) => {
      const { io, tab, joined, gone } = await site(t);
      const [one, two] = [await tab(), await tab()];
      const first = await joined(one);
      io.emit("missed", 1);
      await hears(one, 1);
      const second = await joined(two);
      assert.notEqual(second, first);
      assert.deepEqual(await told(two), ["connect false"]);
      io.emit("missed", 2);
      await Promise.all([hears(one, 2), hears(two, 2)]);
      const [[, before]] = await sessions(two);
      await one.close();
      await gone(first);
      assert.equal(await ask(two, 3), 3);
      await until(() => [...io.sockets.sockets.keys()].every((id) => id === second));
      assert.equal(await idOf(two), second);
      // Its own, not the one that was there.
      await when(two, () => globalThis.socket.connected);
      let [[, kept]] = await sessions(two);
      assert.notEqual(kept.tab, before.tab);
      io.emit("missed", 4);
      await hears(two, 4);
      await two.reload();
      await gone(second);
      assert.equal(await joined(two), second);
      assert.ok((await told(two)).includes("connect true"));
      [[, kept]] = await sessions(two);
      assert.notEqual(kept.session, before.session);
    });

    test("what a closed tab has left one of those that come takes up", async (t) => {
      const { io, tab, joined, gone } = await site(t);
      const page = await tab();
      const id = await joined(page);
      io.emit("missed", 1);
      await hears(page, 1);
      // A tab that is closed may have no time for it; within a second it is stored.
      for (let kept; !kept; kept = / Q[\w-]{6}/.test((await sessions(page))[0]?.[1].session));
      await page.close();
      await gone(id);
      io.emit("missed", 2);
      const tabs = [await tab(), await tab(), await tab()];
      const ids = await Promise.all(tabs.map((page) => joined(page)));
      assert.equal(new Set(ids).size, 3);
      assert.equal(ids.filter((other) => other === id).length, 1);
      const [recovered] = (await Promise.all(tabs.map(told))).filter((lines) => lines.includes("connect true"));
      assert.deepEqual(recovered, [2, "connect true"]);
      io.emit("missed", 3);
      await Promise.all(tabs.map((page) => hears(page, 3)));
    });

    test("a tab that comes back finds its session taken: it begins another one, and both hear", async (t) => {
      const { io, tab, joined } = await site(t);
      const [one, two] = [await tab(), await tab()];
      const id = await joined(one);
      io.emit("missed", 1);
      await hears(one, 1);
      await one.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
      assert.equal(await joined(two), id);
      assert.ok((await told(two)).includes("connect true"));
      await one.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
      await when(one, (id) => globalThis.socket.connected && globalThis.socket.id !== id, id);
      assert.ok(!(await told(one)).includes("connect true"));
      io.emit("missed", 2);
      await Promise.all([hears(one, 2), hears(two, 2)]);
      assert.equal(await ask(one, 3), 3);
    });

    test("a tab that leaves, or gives up, leaves no session behind", async (t) => {
      const { io, tab, joined } = await site(t);
      const [one, two] = [await tab(), await tab()];
      const id = await joined(one);
      io.emit("missed", 1);
      await hears(one, 1);
      assert.equal((await sessions(one)).length, 1);
      await one.evaluate(() => globalThis.socket.disconnect());
      assert.notEqual(await joined(two), id);
      assert.deepEqual(await told(two), ["connect false"]);
      // It does not connect again by itself: its session may still be resumed here, and not elsewhere.
      await two.evaluate(() => globalThis.socket.io.reconnection(false));
      io.sockets.sockets.get(await idOf(two)).conn.close();
      await when(two, () => !globalThis.socket.connected);
      await one.evaluate(() => globalThis.socket.connect());
      await when(one, () => globalThis.socket.connected);
      assert.deepEqual(await told(one), ["connect false", 1, "connect false", "namespace-disconnect"]);
    });

    test("what is stored is damaged, or another server's", async (t) => {
      const { key, tab, joined } = await site(t);
      const page = await tab();
      await joined(page);
      await page.evaluate(() => globalThis.socket.disconnect());
      const now = Date.now();
      const good = sealed({ tab: "gone", session: `1 1 1000 2000 Q7zOKAz 3 sidpid` });
      const values = [
        [1, "storage"],
        ["text", "storage"],
        [{ ...good, session: good.session.replace("pid", "pie") }, "storage"],
        [{ ...good, crc: "" }, "storage"],
        [sealed({ tab: "gone" }), "storage"],
        [sealed({ tab: "gone", session: "nonsense" }), "storage"],
        [sealed({ tab: "gone", session: "-" }), "storage"],
        [sealed({ tab: "gone", session: `1 0 ${now} ${now + 60_000}  3 sidpid` }), "no-offset"],
        [good, "unknown-session"],
      ];
      for (const [value, reason] of values) {
        await page.reload();
        await sessions(page, { key, value });
        await joined(page);
        await when(page, () => globalThis.told.length === 2);
        assert.deepEqual(await told(page), ["connect false", reason], JSON.stringify(value));
        await page.evaluate(() => globalThis.socket.disconnect());
      }
      await page.reload();
      const foreign = "session https://elsewhere:443/socket.io /";
      await sessions(page, { key: foreign, value: good });
      await joined(page);
      assert.equal(await ask(page, 1), 1);
      assert.deepEqual(await told(page), ["connect false"]);
      assert.deepEqual((await sessions(page)).find(([key]) => key === foreign)[1], good);
      assert.deepEqual(page.problems, []);
    });

    test("without IndexedDB there is a gap at once, and it goes on in memory", async (t) => {
      const { tab, joined } = await site(t);
      const page = await tab(() => {
        Object.defineProperty(globalThis, "indexedDB", { value: undefined });
      });
      await joined(page);
      await when(page, () => globalThis.told.length === 3);
      assert.deepEqual((await told(page)).toSorted(), ["connect false", "storage", "unavailable"]);
      assert.equal(await ask(page, 1), 1);
      assert.deepEqual(page.problems, []);
    });

    test("left before it is decided who leads: nothing is sent, and the next connect takes it up", async (t) => {
      const { io, tab, joined, gone } = await site(t);
      const page = await tab();
      const id = await joined(page);
      io.emit("missed", 1);
      await hears(page, 1);
      await page.reload();
      await gone(id);
      await joined(page, { autoConnect: false });
      await page.evaluate(() => void globalThis.socket.connect().disconnect());
      await page.evaluate(() => globalThis.socket.connect());
      await when(page, () => globalThis.socket.connected);
      assert.equal(await idOf(page), id);
      assert.deepEqual(await told(page), ["connect true"]);
    });
  });
}
