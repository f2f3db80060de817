// Sessions that are resumed in a browser: after a connection that is gone only for us, and after a reload.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch, open } from "../../page/harness.mjs";
import { browserModule, upstream } from "../client.mjs";
import { halfOpener } from "../half-open.mjs";
import { until } from "../server.mjs";
import { watch } from "../wire.mjs";
import { openTab } from "./tab.mjs";

const options = { skip: upstream && "it does not tell the server" };

/** A tab, and a proxy to its server: another origin. */
async function tabBehind(t, browser) {
  const proxy = await halfOpener(t);
  const tab = await openTab(t, browser, { pingInterval: 25_000 });
  proxy.port = tab.port;
  return { ...tab, proxy, ...watch(tab) };
}

// In the page: connects, with an offset, and keeps what it hears in `told`.
const join = async (url, settings) => {
  const { io } = await globalThis.load();
  const told = (globalThis.told = []);
  const socket = (globalThis.socket = io(url, { reconnectionDelay: 10, randomizationFactor: 0, ...settings }));
  socket.on("missed", (number) => told.push(number));
  socket.on("gap", ({ reason }) => told.push(reason));
  socket.on("connect", () => told.push(`connect ${socket.recovered}`));
  if (settings.greets !== false) {
    socket.emit("hi");
    await new Promise((resolve) => socket.once("hi", resolve));
  } else {
    await new Promise((resolve) => socket.once("connect", resolve));
  }
  return socket.id;
};

for (const name of browsers) {
  describe(name, options, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    test("take-over of a WebSocket that is gone only for us, from another origin", async (t) => {
      const { page, io, proxy, requests } = await tabBehind(t, browser);
      const id = await page.evaluate(join, proxy.url, { transports: ["websocket"] });
      for (const round of [1, 2, 3]) {
        // Into the connection that is gone.
        proxy.cut();
        io.emit("missed", round);
        await page.waitForFunction((length) => globalThis.told.length === length, { polling: 20 }, 1 + 2 * round);
      }
      const told = await page.evaluate(() => globalThis.told);
      assert.deepEqual(told, ["connect false", 1, "connect true", 2, "connect true", 3, "connect true"]);
      assert.equal(await page.evaluate(() => globalThis.socket.id), id);
      const asked = requests.filter(({ url }) => url.searchParams.has("sid")).map(({ transport }) => transport);
      // It is asked, told, and asked again whether it has noticed.
      assert.match(asked.join(" "), /^(polling websocket (polling ?)+){3}$/);
    });

    test("polling: a close packet ends the session", async (t) => {
      const { page, io, proxy, requests } = await tabBehind(t, browser);
      await page.evaluate(join, proxy.url, { transports: ["polling"], reconnectionDelay: 300 });
      await page.evaluate(() => {
        globalThis.lost = new Promise((resolve) => globalThis.socket.once("disconnect", () => resolve()));
      });
      // Browsers repeat a GET that was cut.
      proxy.down = true;
      proxy.cut();
      await page.evaluate(() => globalThis.lost);
      proxy.down = false;
      io.emit("missed", 1);
      await page.waitForFunction(() => globalThis.told.length === 3, { polling: 20 });
      assert.deepEqual(await page.evaluate(() => globalThis.told), ["connect false", 1, "connect true"]);
      assert.ok(requests.some(({ method, body }) => method === "POST" && body === "1"));
    });

    // In the page: what is stored for the page after it.
    const stored = () => Object.entries({ ...sessionStorage });
    const session = { recoveryStore: "session", transports: ["websocket"], reconnectionDelay: 10 };

    for (const transports of [["websocket"], ["polling"]]) {
      test(`page reload with stored pid, over ${transports}`, async (t) => {
        const { page, io, url } = await openTab(t, browser, { pingInterval: 25_000 });
        const settings = { ...session, transports };
        const id = await page.evaluate(join, url, settings);
        await page.evaluate(() => {
          addEventListener("pagehide", () => globalThis.socket.emit("leaving"));
        });
        for (const round of [1, 2]) {
          const left = new Promise((resolve) => {
            io.sockets.sockets.get(id).once("leaving", resolve).once("disconnect", resolve);
          });
          await page.evaluate(() => setTimeout(() => location.reload()));
          await left;
          io.emit("missed", round);
          await page.waitForFunction(() => globalThis.load === undefined, { polling: 20 }).catch(() => {});
          await page.waitForFunction(() => document.readyState === "complete", { polling: 20 });
          await page.evaluate((path) => (globalThis.load = () => import(path)), `/client/${browserModule}`);
          assert.equal(await page.evaluate(join, url, { ...settings, greets: false }), id, "the same session");
          assert.deepEqual(await page.evaluate(() => globalThis.told), [round, "connect true"]);
          assert.equal(await page.evaluate(() => globalThis.socket.recovered), true);
          // With an offset that is newer.
          io.emit("missed", 0);
          await page.waitForFunction(() => globalThis.told.at(-1) === 0, { polling: 20 });
        }
        assert.deepEqual(page.problems.filter((problem) => !/400|Bad Request/.test(problem)), []);
      });
    }

    // In the page: what it hears of `names`, once it has heard the last mark.
    const hear = async (url, settings, path, names, last) => {
      const { io } = await import(path);
      const told = (globalThis.told = []);
      const socket = (globalThis.socket = io(url, settings));
      for (const name of names) socket.on(name, (number) => told.push(`${name} ${number}`));
      socket.on("gap", ({ reason }) => told.push(reason));
      await new Promise((resolve) => socket.once("connect", resolve));
      if (last) await new Promise((resolve) => socket.on("mark", (number) => number === last && resolve()));
      return socket.id;
    };
    const changed = (page, before) =>
      page.waitForFunction((before) => JSON.stringify(Object.entries({ ...sessionStorage })) !== before, { polling: 20 }, before);

    test("page reload while an event waits for its first listener: the next page gets it", async (t) => {
      const { page, io, url } = await openTab(t, browser, { pingInterval: 25_000 });
      const path = `/client/${browserModule}`;
      const settings = { ...session, holdEvents: ["late"] };
      const id = await page.evaluate(hear, url, settings, path, ["mark"]);
      const before = JSON.stringify(await page.evaluate(stored));
      io.emit("mark", 1);
      // How far it came is written behind it.
      await changed(page, before);
      io.emit("late", 1);
      io.emit("mark", 2);
      await page.waitForFunction(() => globalThis.told.includes("mark 2"), { polling: 20 });
      await page.reload();
      const next = page.evaluate(hear, url, settings, path, ["mark", "late"], 3);
      await until(() => io.sockets.sockets.get(id)?.recovered, "the session is resumed");
      io.emit("mark", 3);
      assert.equal(await next, id, "the same session");
      // What the first page had handled may come again: no mark is written behind an event that waits.
      const told = await page.evaluate(() => globalThis.told);
      assert.ok(told.includes("late 1") && told.at(-1) === "mark 3", `${told}`);
      assert.equal(new Set(told).size, told.length, `${told}`);
    });

    for (const [moment, waits] of [["before the connection is cut", true], ["in what is replayed after it", false]]) {
      test(`an event comes ${moment}, and waits for its first listener: the next page gets it`, async (t) => {
        const { page, io, url } = await openTab(t, browser, { pingInterval: 25_000 });
        const path = `/client/${browserModule}`;
        const settings = { ...session, holdEvents: ["late"], randomizationFactor: 0 };
        const id = await page.evaluate(hear, url, settings, path, ["mark"]);
        const before = JSON.stringify(await page.evaluate(stored));
        io.emit("mark", 1);
        await changed(page, before);
        // In the page: what is stored says whether it was claimed, the offset, and of which connection.
        const read = async () => {
          const [[, text]] = await page.evaluate(stored);
          const [, how, , , offset, length, rest] = JSON.parse(text).session.split(" ");
          return { claimed: Number(how) % 2 === 1, offset, sid: rest.slice(0, length) };
        };
        const { offset, claimed } = await read();
        assert.equal(claimed, false);
        assert.notEqual(offset, "");
        if (waits) {
          io.emit("late", 1);
          io.emit("mark", 2);
          await page.waitForFunction(() => globalThis.told.includes("mark 2"), { polling: 20 });
        }
        const server = io.sockets.sockets.get(id);
        const { conn } = server;
        server.once("disconnect", () => !waits && io.emit("late", 1));
        conn.close();
        await page.waitForFunction((sid) => globalThis.socket.connected && globalThis.socket.io.engine.id !== sid, { polling: 20 }, conn.id);
        const sid = await page.evaluate(() => globalThis.socket.io.engine.id);
        assert.equal(await page.evaluate(() => globalThis.socket.recovered), true);
        // The connection that it has now, and where it was before the event.
        assert.deepEqual(await read(), { claimed: true, offset, sid });
        // So it is, too, when the page goes.
        await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
        assert.deepEqual(await read(), { claimed: true, offset, sid });
        const recovered = io.sockets.sockets.get(id);
        await page.reload();
        const next = page.evaluate(hear, url, settings, path, ["mark", "late"], 3);
        await until(() => ![undefined, recovered].includes(io.sockets.sockets.get(id)), "the session is resumed");
        io.emit("mark", 3);
        assert.equal(await next, id, "the same session");
        assert.deepEqual(await page.evaluate(() => globalThis.told), [...(waits ? ["late 1", "mark 2"] : ["late 1"]), "mark 3"]);
      });
    }

    test("page reload in the middle of events", async (t) => {
      const { page, io, url } = await openTab(t, browser, { pingInterval: 25_000 });
      // In the page: what this page and those before it have heard.
      const hear = async (url, settings, path) => {
        const { io } = await import(path);
        const socket = (globalThis.socket = io(url, settings));
        const tell = (...words) => localStorage.setItem("told", `${localStorage.getItem("told") ?? ""}${words.join(" ")},`);
        socket.on("connect", () => tell("connect", socket.recovered));
        socket.on("missed", (number) => tell(number));
        socket.on("gap", ({ reason }) => tell("gap", reason));
        await new Promise((resolve) => socket.once("missed", resolve));
      };
      const path = `/client/${browserModule}`;
      let sent = 0;
      const stream = setInterval(() => io.emit("missed", (sent += 1)), 1);
      t.after(() => clearInterval(stream));
      await page.evaluate(hear, url, session, path);
      for (let round = 0; round < 5; round += 1) {
        await page.reload();
        await page.evaluate(hear, url, session, path);
      }
      clearInterval(stream);
      await page.waitForFunction((last) => localStorage.getItem("told").endsWith(`,${last},`), { polling: 20 }, sent);
      const told = (await page.evaluate(() => localStorage.getItem("told"))).split(",").slice(0, -1);
      assert.deepEqual(told.filter((word) => /[a-z]/.test(word)), ["connect false", ...Array(5).fill("connect true")]);
      const numbers = told.map(Number).filter((number) => number > 0);
      assert.deepEqual(numbers, numbers.map((_, at) => numbers[0] + at), "each once, in order");
      assert.equal(numbers.at(-1), sent);
    });

    test("a duplicated tab does not take the other's session; a session that was left is forgotten", async (t) => {
      const { page, io, url } = await openTab(t, browser);
      const id = await page.evaluate(join, url, session);
      await page.waitForFunction(() => sessionStorage.length === 1, { polling: 20 });
      const copy = await page.evaluate(stored);
      const other = await open(browser, `${url}/blank`);
      t.after(() => other.close());
      await other.evaluate((path) => (globalThis.load = () => import(path)), `/client/${browserModule}`);
      await other.evaluate((copy) => copy.forEach(([key, value]) => sessionStorage.setItem(key, value)), copy);
      const second = await other.evaluate(join, url, session);
      assert.notEqual(second, id);
      assert.deepEqual(await other.evaluate(() => globalThis.told), ["connect false"]);
      assert.ok(io.sockets.sockets.has(id), "the first goes on");
      await page.evaluate(() => globalThis.socket.disconnect());
      assert.deepEqual(await page.evaluate(stored), []);
    });

    test("a duplicated tab that never joins keeps no copy: the other's session goes on, whatever is loaded again", async (t) => {
      const { page, io, url } = await openTab(t, browser, { pingInterval: 25_000 });
      const load = async (page) => {
        await page.reload();
        await page.evaluate((path) => (globalThis.load = () => import(path)), `/client/${browserModule}`);
      };
      const id = await page.evaluate(join, url, session);
      await page.waitForFunction(() => sessionStorage.length === 1, { polling: 20 });
      const copy = await page.evaluate(stored);
      const other = await open(browser, `${url}/blank`);
      t.after(() => other.close());
      await other.evaluate((copy) => copy.forEach(([key, value]) => sessionStorage.setItem(key, value)), copy);
      await load(other);
      await other.evaluate(async (url, settings) => {
        const { io } = await globalThis.load();
        globalThis.socket = io(url, { ...settings, autoConnect: false });
      }, url, session);
      // It knows by now that the page lives whose session it is.
      await other.waitForFunction(() => sessionStorage.length === 0, { polling: 20 });
      // What has the session now has another name than what was copied.
      for (let round = 0; round < 2; round += 1) {
        await load(page);
        assert.equal(await page.evaluate(join, url, session), id, "the same session");
      }
      await load(other);
      assert.notEqual(await other.evaluate(join, url, session), id);
      io.emit("missed", 7);
      for (const tab of [page, other]) await tab.waitForFunction(() => globalThis.told.at(-1) === 7, { polling: 20 });
    });

    test("what is stored is damaged, old, or another server's: a gap, and never an exception", async (t) => {
      const { page, url } = await openTab(t, browser);
      const key = `sio-session:${url}/socket.io/`;
      const gone = (session) => JSON.stringify({ page: "gone", session });
      const now = Date.now();
      const values = [
        ["", "storage"],
        ["{", "storage"],
        ["null", "storage"],
        [gone("nonsense"), "storage"],
        [gone("1 0 99999999999999999999 1  3 sidpid"), "storage"],
        [gone(`1 0 ${now} ${now}  30 sidpid`), "storage"],
        [gone(`9 0 ${now} ${now}  3 sidpid`), "storage"],
        [gone(`1 0 ${now} ${now + 60_000}  3 sidpid`), "no-offset"],
        [gone(`1 1 1000 2000 ${"Q7zOKAz"} 3 sidpid`), "unknown-session"],
      ];
      for (const [value, reason] of values) {
        await page.reload();
        await page.evaluate((path) => (globalThis.load = () => import(path)), `/client/${browserModule}`);
        await page.evaluate((key, value) => (sessionStorage.clear(), sessionStorage.setItem(key, value)), key, value);
        await page.evaluate(join, url, { ...session, greets: false });
        await page.waitForFunction(() => globalThis.told.length === 2, { polling: 20 });
        assert.deepEqual(await page.evaluate(() => globalThis.told), ["connect false", reason], value);
        await page.evaluate(() => globalThis.socket.disconnect());
      }
      assert.deepEqual(page.problems.filter((problem) => !/400|Bad Request/.test(problem)), []);
    });
  });
}
