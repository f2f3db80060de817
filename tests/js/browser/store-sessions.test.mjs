// Sessions beside the outbox (`recoveryStore: "outbox"`): the tab that leads keeps its own there, and takes up what was left;
// nobody else does.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { sealed } from "../../../client-wasm/js/src/store/record.js";
import { browsers, launch, newTab } from "../../page/harness.mjs";
import { browserModule, upstream } from "../client.mjs";
import { once, until } from "../server.mjs";
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
        const page = await newTab(browser);
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

    test("a tab that leads again before it is connected again stores nothing over what another has left", async (t) => {
      const { io, tab, joined, gone } = await site(t);
      const [one, two] = [await tab(), await tab()];
      const id = await joined(one);
      io.emit("missed", 1);
      await hears(one, 1);
      await one.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
      // No connection is opened, and none fails, before `goOn`.
      await one.evaluate(() => {
        const { WebSocket } = globalThis;
        globalThis.WebSocket = class {
          constructor() {
            globalThis.goOn = () => {
              globalThis.WebSocket = WebSocket;
              this.onclose({ code: 1006, reason: "" });
            };
          }
          close() {}
        };
      });
      io.sockets.sockets.get(id).conn.close();
      await when(one, () => globalThis.goOn);
      assert.equal(await joined(two), id);
      io.emit("missed", 2);
      await hears(two, 2);
      const kept = async () => (await sessions(one))[0]?.[1];
      for (let by; by === undefined; by = / Q[\w-]{6}/.test((await kept())?.session));
      await two.close();
      await gone(id);
      const { tab: theirs } = await kept();
      await one.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
      await when(one, async () => (await navigator.locks.query()).held.some(({ name }) => name === "sio-outbox:box"));
      // Behind the transaction in which it takes the lead, and another one that may follow.
      for (let turn = 0; turn < 2; turn += 1) await sessions(one);
      assert.equal((await kept()).tab, theirs);
      await one.evaluate(() => globalThis.goOn());
      await when(one, () => globalThis.socket.connected);
      assert.notEqual(await idOf(one), id);
      assert.ok(!(await told(one)).includes("connect true"), `${await told(one)}`);
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
      // What was left is erased, unless the page is gone before.
      while ((await sessions(page)).some(([at]) => at === key));
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

    /** In the page: `connect` is what is done with `a`, `b` and their manager. */
    const several = async (client, connect) => {
      const { Manager } = await import(client);
      const manager = new Manager(location.origin, { transports: ["websocket"], recoveryStore: "outbox", autoConnect: false });
      const sockets = ["a", "b"].map((name) => manager.socket(`/${name}`, { outbox: name }));
      const connected = sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve)));
      new Function("a", "b", "manager", connect)(...sockets, manager);
      await Promise.all(connected.filter((_, i) => sockets[i].active));
      return sockets.map((socket) => socket.connected);
    };

    test("a namespace that is left, or whose manager is closed, before it is decided who leads keeps no other waiting", async (t) => {
      const { io, tab } = await site(t);
      for (const name of ["/a", "/b"]) io.of(name).on("connection", () => {});
      const page = await tab();
      const calls = {
        "a.connect(); b.connect(); a.disconnect()": [false, true],
        "b.connect(); a.connect(); a.disconnect()": [false, true],
        "a.connect(); manager.disconnect(); b.connect()": [true, true],
        "a.connect(); b.connect(); manager.disconnect(); manager.open()": [true, true],
        "a.connect(); b.connect(); a.disconnect(); a.connect()": [true, true],
      };
      for (const [connect, connected] of Object.entries(calls)) {
        await page.reload();
        assert.deepEqual(await page.evaluate(several, client, connect), connected, connect);
      }
      assert.deepEqual(page.problems, []);
    });

    /** The connection is lost. What the client says before CONNECT waits for `goOn`, in the page. */
    async function cut({ io }, page) {
      await page.evaluate(() => {
        globalThis.goOn = undefined;
        globalThis.socket.auth = (say) => (globalThis.goOn = () => say({}));
      });
      io.sockets.sockets.get(await idOf(page)).conn.close();
      await when(page, () => globalThis.goOn);
    }

    test("a tab that comes back asks for its session a second time: it is its own still", async (t) => {
      const opened = await site(t);
      const { io, tab, joined } = opened;
      const page = await tab();
      const id = await joined(page);
      io.emit("missed", 1);
      await hears(page, 1);
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
      await cut(opened, page);
      // What it says first does not arrive.
      const lost = Promise.race(
        Object.values(io.engine.clients).map((conn) => {
          conn.removeAllListeners("data");
          return once(conn, "data").then(() => conn.close());
        }),
      );
      io.emit("missed", 2);
      await page.evaluate(() => {
        const { goOn } = globalThis;
        globalThis.goOn = undefined;
        goOn();
      });
      await lost;
      await when(page, () => globalThis.goOn);
      assert.deepEqual((await sessions(page)).length, 0, "nobody else finds it");
      await page.evaluate(() => globalThis.goOn());
      await when(page, () => globalThis.socket.connected);
      assert.equal(await idOf(page), id);
      assert.deepEqual(await told(page), ["connect false", 1, 2, "connect true"]);
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
      assert.equal(await ask(page, 3), 3);
    });

    /** In the page: the database goes; `fails`: and no other is opened, of which `refuse` tells. */
    const removes = async (fails) => {
      if (fails) {
        IDBFactory.prototype.open = () => {
          const request = {};
          globalThis.refuse = () => request.onerror(Object.assign(request, { error: new DOMException("no", "UnknownError") }));
          return request;
        };
      }
      await new Promise((resolve) => (indexedDB.deleteDatabase("sio-outbox:box").onsuccess = resolve));
    };

    for (const [what, fails, code] of [["is deleted", false, "deleted"], ["falls back to memory", true, "unavailable"]]) {
      test(`the database ${what} while the leader is not connected: it goes on with its session`, async (t) => {
        const opened = await site(t);
        const { io, tab, joined } = opened;
        const page = await tab();
        const id = await joined(page);
        io.emit("missed", 1);
        await hears(page, 1);
        await cut(opened, page);
        io.emit("missed", 2);
        await page.evaluate(removes, fails);
        await when(page, fails ? () => globalThis.refuse : () => globalThis.told.includes("deleted"));
        await page.evaluate(() => {
          globalThis.goOn();
          if (globalThis.refuse) setTimeout(globalThis.refuse);
        });
        await when(page, () => globalThis.socket.connected);
        assert.deepEqual(await told(page), ["connect false", 1, code, 2, "connect true"]);
        assert.equal(await idOf(page), id);
        assert.equal(await ask(page, 3), 3);
      });
    }

    /** In the page: a transaction that goes on until `release`; resolves once it has begun. */
    const occupy = () =>
      new Promise((begun) => {
        indexedDB.open("sio-outbox:box").onsuccess = ({ target: { result: db } }) => {
          const meta = db.transaction(["meta", "records"], "readwrite").objectStore("meta");
          let released = false;
          globalThis.release = () => (released = true);
          const goOn = () => {
            begun();
            if (released) db.close();
            else meta.get("none").onsuccess = goOn;
          };
          goOn();
        };
      });

    test("another tab keeps the database busy: the connection waits for it, and not for ever", async (t) => {
      const opened = await site(t);
      const { io, tab, joined } = opened;
      const busy = await tab();
      // The lock is there, and the transaction that takes the lead is not.
      const page = await tab(`{
        const request = LockManager.prototype.request;
        const occupied = new Promise((occupied) => (globalThis.occupied = occupied));
        LockManager.prototype.request = async function (...args) {
          await occupied;
          return request.apply(this, args);
        };
      }`);
      await joined(page, { autoConnect: false });
      await page.evaluate(() => void globalThis.socket.connect());
      await busy.waitForFunction(
        () => indexedDB.databases().then((all) => all.some(({ name }) => name === "sio-outbox:box")),
        { polling: 20 },
      );
      await busy.evaluate(occupy);
      await page.evaluate(() => globalThis.occupied());
      await when(page, () => globalThis.told.length === 2);
      assert.deepEqual((await told(page)).toSorted(), ["connect false", "storage"]);
      await busy.evaluate(() => globalThis.release());
      assert.equal(await ask(page, 1), 1);
      io.emit("missed", 1);
      await hears(page, 1);
      for (let kept; !kept; kept = (await sessions(page)).length > 0);
      // It leads by now, and cannot ask whether its session is its own still.
      const id = await idOf(page);
      await cut(opened, page);
      io.emit("missed", 2);
      await busy.evaluate(occupy);
      await page.evaluate(() => globalThis.goOn());
      await when(page, () => globalThis.socket.connected);
      assert.equal(await idOf(page), id);
      assert.deepEqual((await told(page)).slice(2), [1, 2, "connect true"]);
      await busy.evaluate(() => globalThis.release());
      assert.equal(await ask(page, 3), 3);
    });

    test("nobody says who leads: the connection does not wait for ever", async (t) => {
      const { tab, joined } = await site(t);
      const never = {
        locks: () => {
          LockManager.prototype.request = LockManager.prototype.query = () => new Promise(() => {});
        },
        database: () => {
          IDBFactory.prototype.open = () => ({});
        },
        hidden: () => {
          addEventListener("DOMContentLoaded", () => {
            const { request } = LockManager.prototype;
            LockManager.prototype.request = function (...args) {
              if (args[0].startsWith("sio-outbox")) dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
              return request.apply(this, args);
            };
          });
        },
      };
      const heard = async ([name, prepare]) => {
        const page = await tab(prepare);
        await joined(page, { outbox: name });
        if (name !== "locks") await when(page, () => globalThis.told.includes("storage"));
        return told(page);
      };
      const [locks, database, hidden] = await Promise.all(Object.entries(never).map(heard));
      assert.deepEqual(locks, ["connect false"]);
      for (const lines of [database, hidden]) assert.deepEqual(lines.slice(0, 2).toSorted(), ["connect false", "storage"]);
    });
  });
}
