// Sessions that outlive the page, with the browser's Rust face: `recovery_store`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { sioServer, until } from "../js/server.mjs";
import { browsers, launch, open } from "../page/harness.mjs";
import { build } from "./build.mjs";

const folder = dirname(build("session", "web"));
const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
// What this page and those before it have told.
const page = `<!doctype html><title>session</title><link rel=icon href=data:,><script type=module>
  import init, { Listener } from "./session.js";
  await init();
  // A sandboxed frame has no storage.
  const lines = globalThis.origin === "null" ? {} : localStorage;
  globalThis.listen = (url, { polling = false, path = false } = {}) => {
    const tell = (line) => { lines.told = (lines.told ?? "") + line + ","; };
    globalThis.listener = new Listener(url, polling, path, tell);
  };
  globalThis.told = () => (lines.told ?? "").split(",").slice(0, -1);
  globalThis.ready = true;
</script>`;

function serve(request, response) {
  const { pathname } = new URL(request.url, "http://x");
  if (pathname === "/frame") {
    const sandboxed = `<!doctype html><link rel=icon href=data:,><iframe sandbox="allow-scripts" src="/"></iframe>`;
    return response.writeHead(200, { "content-type": "text/html" }).end(sandboxed);
  }
  const name = pathname === "/" ? "index.html" : pathname;
  // For a frame of no origin, too.
  response.writeHead(200, { "content-type": types[extname(name)] ?? "text/plain", "access-control-allow-origin": "*" });
  return response.end(name === "index.html" ? page : readFileSync(join(folder, name)));
}

const ready = (tab) => tab.waitForFunction(() => globalThis.ready, { polling: 20 });

/** Until the tab has told this last. */
const last = (tab, line) =>
  tab.waitForFunction((line) => globalThis.told?.().at(-1) === line, { polling: 20 }, String(line));

const told = (tab) => tab.evaluate(() => globalThis.told());
const stored = (tab) => tab.evaluate(() => Object.entries({ ...sessionStorage }));
const refused = /400|Bad Request/;

// In the page: what is stored while the server is asked for the session.
const watchClaims = () => {
  const { send } = WebSocket.prototype;
  globalThis.claims = [];
  WebSocket.prototype.send = function (data) {
    if (/^40.*"pid"/.test(data)) globalThis.claims.push(JSON.parse(Object.values({ ...sessionStorage })[0]).session);
    return send.call(this, data);
  };
};

test("Node keeps nothing: it works without, and there is no gap", async (t) => {
  const { io, url } = await sioServer(t);
  globalThis.WebSocket = WebSocket;
  const { Listener } = await import(build("session", "node"));
  const told = [];
  const listener = new Listener(url, false, false, (line) => told.push(line));
  t.after(() => listener.close());
  // A namespace that is left before it is known whether anything is stored, and joined again.
  listener.disconnect();
  listener.connect();
  await until(() => told.length === 1, "a connection");
  io.emit("missed", 1);
  await until(() => told.length === 2, "an event");
  assert.deepEqual(told, ["connect false", "1"]);
});

for (const name of browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    /** A tab, whose page listens. */
    const begin = async (t, options, url) => {
      const server = url ? { url } : await sioServer(t, { plain: serve, pingInterval: 25_000 });
      const tab = await open(browser, server.url);
      t.after(() => tab.close());
      const listen = async () => {
        await ready(tab);
        await tab.evaluate((url, options) => globalThis.listen(url, options), server.url, options);
      };
      return { tab, listen, ...server };
    };

    for (const options of [{ path: true }, { polling: true }]) {
      test(`a page that is loaded again hears what was missed: ${JSON.stringify(options)}`, async (t) => {
        const { tab, io, listen } = await begin(t, options);
        await listen();
        await last(tab, "connect false");
        io.emit("missed", 0);
        await last(tab, 0);
        const id = await tab.evaluate(() => globalThis.listener.id());
        await tab.evaluate(() => addEventListener("pagehide", () => globalThis.listener.emit("leaving")));
        const expected = ["connect false", "0"];
        for (const round of [1, 3]) {
          // The page that is gone, or is about to be, does not hear it, or the next one does not.
          await tab.reload();
          io.emit("missed", round);
          io.emit("missed", round + 1);
          await ready(tab);
          await tab.evaluate(watchClaims);
          await listen();
          await last(tab, round + 1);
          // Nobody else may claim it.
          assert.deepEqual(await tab.evaluate(() => globalThis.claims), options.polling ? [] : ["-"]);
          expected.push("connect true", String(round), String(round + 1));
          assert.deepEqual(await told(tab), expected);
          assert.equal(await tab.evaluate(() => globalThis.listener.id()), id, "the same session");
        }
        assert.deepEqual(tab.problems.filter((problem) => !refused.test(problem)), []);
      });
    }

    test("a page that is loaded again in the middle of events", async (t) => {
      const { tab, io, listen } = await begin(t);
      let sent = 0;
      const stream = setInterval(() => io.emit("missed", (sent += 1)), 1);
      t.after(() => clearInterval(stream));
      await listen();
      const some = (length) => tab.waitForFunction((length) => globalThis.told().length > length, { polling: 20 }, length);
      await some(2);
      for (let round = 0; round < 5; round += 1) {
        await tab.reload();
        await ready(tab);
        const { length } = await told(tab);
        await listen();
        await some(length + 2);
      }
      clearInterval(stream);
      await last(tab, sent);
      const lines = await told(tab);
      assert.deepEqual(lines.filter((line) => /[a-z]/.test(line)), ["connect false", ...Array(5).fill("connect true")]);
      const numbers = lines.filter((line) => /^\d+$/.test(line)).map(Number);
      assert.deepEqual(numbers, numbers.map((_, at) => numbers[0] + at), "each once, in order");
    });

    for (const [moment, waits] of [["before the connection is cut", true], ["in what is replayed after it", false]]) {
      test(`an event comes ${moment}, and waits for its first listener: the next page gets it`, async (t) => {
        const { tab, io, listen } = await begin(t);
        await listen();
        await last(tab, "connect false");
        const id = await tab.evaluate(() => globalThis.listener.id());
        // What is stored says whether it was claimed, the offset, and of which connection.
        const read = async () => {
          const [[, text]] = await stored(tab);
          const [, how, , , offset, length, rest] = JSON.parse(text).session.split(" ");
          return { claimed: Number(how) % 2 === 1, offset, sid: rest.slice(0, length) };
        };
        io.emit("missed", 1);
        // How far it came is written behind it.
        const hasOffset = () => JSON.parse(Object.values({ ...sessionStorage })[0]).session.split(" ")[4] !== "";
        await tab.waitForFunction(hasOffset, { polling: 20 });
        const { offset } = await read();
        if (waits) {
          io.emit("late", 1);
          io.emit("missed", 2);
          await last(tab, 2);
        }
        const server = io.sockets.sockets.get(id);
        server.once("disconnect", () => !waits && io.emit("late", 1));
        server.conn.close();
        await last(tab, "connect true");
        const recovered = io.sockets.sockets.get(id);
        // The connection that it has now, and where it was before the event: also when the page goes.
        const expected = { claimed: true, offset, sid: recovered.conn.id };
        assert.deepEqual(await read(), expected);
        await tab.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
        assert.deepEqual(await read(), expected);
        await tab.reload();
        await ready(tab);
        await tab.evaluate(() => localStorage.clear());
        await listen();
        await tab.evaluate(() => globalThis.listener.hearLate());
        await until(() => ![undefined, recovered].includes(io.sockets.sockets.get(id)), "the session is resumed");
        io.emit("missed", 3);
        await last(tab, 3);
        const lines = await told(tab);
        assert.equal(await tab.evaluate(() => globalThis.listener.id()), id, "the same session");
        assert.deepEqual(lines.toSorted(), ["3", "connect true", "late 1", ...(waits ? ["2"] : [])].toSorted());
      });
    }

    test("a duplicated tab does not take the other's session; one that was left is forgotten", async (t) => {
      const { tab, io, url, listen } = await begin(t);
      await listen();
      await last(tab, "connect false");
      io.emit("missed", 1);
      await last(tab, 1);
      const id = await tab.evaluate(() => globalThis.listener.id());
      const copy = await stored(tab);
      assert.equal(copy.length, 1);
      const other = await begin(t, {}, url);
      await ready(other.tab);
      await other.tab.evaluate(() => localStorage.clear());
      await other.tab.evaluate((copy) => copy.forEach((entry) => sessionStorage.setItem(...entry)), copy);
      await other.listen();
      await last(other.tab, "connect false");
      assert.deepEqual(await told(other.tab), ["connect false"]);
      assert.notEqual(await other.tab.evaluate(() => globalThis.listener.id()), id);
      assert.ok(io.sockets.sockets.has(id), "the first goes on");
      await tab.evaluate(() => globalThis.listener.disconnect());
      assert.deepEqual(await stored(tab), []);
    });

    test("a duplicated tab that is refused keeps no copy", async (t) => {
      const { tab, io, url, listen } = await begin(t);
      await listen();
      await last(tab, "connect false");
      io.emit("missed", 1);
      await last(tab, 1);
      const copy = await stored(tab);
      assert.equal(copy.length, 1);
      io.use((_, next) => next(new Error("not this one")));
      const other = await begin(t, {}, url);
      await ready(other.tab);
      await other.tab.evaluate((copy) => copy.forEach((entry) => sessionStorage.setItem(...entry)), copy);
      await other.listen();
      // It knows by now that the page lives whose session it is. Once that has another name, nobody would know.
      await other.tab.waitForFunction(() => sessionStorage.length === 0, { polling: 20 });
      assert.equal((await stored(tab)).length, 1);
    });

    test("what is stored is damaged, old, or another's: a gap, and never an exception", async (t) => {
      const { tab, url, listen } = await begin(t);
      const key = `sio-session:${url}/socket.io/`;
      const gone = (session) => JSON.stringify({ page: "gone", session });
      const now = Date.now();
      const values = [
        ["", "storage"],
        ["{", "storage"],
        ["null", "storage"],
        [`{"page":"gone","session":7}`, "storage"],
        [gone("nonsense"), "storage"],
        [gone("-"), "storage"],
        [gone(`1 0 ${now} ${now}  30 sidpid`), "storage"],
        [gone(`1 0 ${now} ${now + 60_000}  3 sidpid`), "no-offset"],
        [gone("1 1 1000 2000 Q7zOKAz 3 sidpid"), "unknown-session"],
      ];
      for (const [value, reason] of values) {
        await ready(tab);
        await tab.reload();
        await ready(tab);
        const set = (key, value) => (sessionStorage.clear(), sessionStorage.setItem(key, value), localStorage.clear());
        await tab.evaluate(set, key, value);
        await listen();
        await last(tab, `gap ${reason}`);
        assert.deepEqual(await told(tab), ["connect false", `gap ${reason}`], value);
        await tab.evaluate(() => globalThis.listener.disconnect());
        assert.deepEqual(await stored(tab), []);
      }
      assert.deepEqual(tab.problems.filter((problem) => !refused.test(problem)), []);
    });

    test("a session that is left before it is taken up is forgotten, and the next one is kept", async (t) => {
      const { tab, io, listen } = await begin(t);
      await listen();
      await last(tab, "connect false");
      io.emit("missed", 1);
      await last(tab, 1);
      await tab.reload();
      await ready(tab);
      await tab.evaluate(() => localStorage.clear());
      const [[key]] = await stored(tab);
      await tab.evaluate((url) => {
        globalThis.listen(url);
        globalThis.listener.disconnect();
        globalThis.listener.connect();
      }, new URL(tab.url()).origin);
      await last(tab, "connect false");
      assert.deepEqual(await told(tab), ["connect false"]);
      const [[again, session]] = await stored(tab);
      assert.equal(again, key);
      assert.match(session, /"session":"1 0 /);
    });

    test("a frame from which the browser keeps storage is told of a gap, and works", async (t) => {
      const { io, url } = await sioServer(t, { plain: serve, pingInterval: 25_000 });
      const tab = await open(browser, `${url}/frame`);
      t.after(() => tab.close());
      const frame = tab.frames().find((frame) => frame.parentFrame());
      await ready(frame);
      await frame.evaluate((url) => globalThis.listen(url), url);
      await last(frame, "gap storage");
      io.emit("missed", 1);
      await last(frame, 1);
      assert.deepEqual(await told(frame), ["connect false", "gap storage", "1"]);
    });
  });
}
