// Emits that outlive the page, with the browser's Rust face: stored, sent by whichever tab leads, settled once.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { test } from "node:test";
import { Child, browsers, launch, open, root } from "../page/harness.mjs";
import { build } from "./build.mjs";

const module = build("durable", "web", "--features", "outbox");
const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const page = `<!doctype html><title>durable</title><link rel=icon href=data:,><script type=module>
  import init, { Tab } from "./durable.js";
  globalThis.lines = [];
  const tell = (...line) => { globalThis.lines.push(line.join(" ")); };
  await init();
  globalThis.Tab = Tab;
  globalThis.start = (url, name, once) => { globalThis.tab = new Tab(url, name, once, tell); };
  globalThis.ready = true;
</script>`;

async function serve(t) {
  const folder = dirname(module);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    const name = pathname === "/" ? "index.html" : pathname;
    response.setHeader("content-type", types[extname(name)] ?? "text/plain");
    response.end(name === "index.html" ? page : readFileSync(join(folder, name)));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections() ?? server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

const server = async (t) => {
  const child = new Child(t, process.execPath, [join(root, "tests/wasm/durable-server.mjs")]);
  child.url = `http://127.0.0.1:${(await child.waitJson("its port", (line) => line.port)).port}`;
  child.ran = () => child.lines.map((line) => JSON.parse(line)).filter((line) => line.ran).map((line) => line.ran);
  return child;
};

/** Waits until the page's lines have one like this. */
const line = (tab, pattern) =>
  tab.waitForFunction((source) => globalThis.lines.some((line) => new RegExp(source).test(line)), { polling: 20 }, pattern);

for (const name of browsers) {
  test(`${name}: what a page leaves in its outbox the next one sends`, async (t) => {
    const [site, node, browser] = [await serve(t), await server(t), await launch(name)];
    t.after(() => browser.close());
    const begin = async (url) => {
      const tab = await open(browser, site);
      await tab.waitForFunction(() => globalThis.ready, { polling: 20 });
      await tab.evaluate((url) => globalThis.start(url, "box", true), url);
      return tab;
    };
    // Nobody is there: it is stored, and no more.
    const first = await begin("http://127.0.0.1:9");
    assert.match(
      await first.evaluate(() => globalThis.tab.store_and_cancel("run", 4)),
      /^true (true Some\(Cancelled\)|false Some\((Cancelled|Uncertain.*)\)) /,
    );
    // What was cancelled is erased by the time when what came after it is stored.
    const stored = await first.evaluate(() => Promise.all([1, 2, 3].map((number) => globalThis.tab.store("run", number))));
    assert.deepEqual(stored, [true, true, true]);
    assert.deepEqual(await first.evaluate(() => globalThis.lines.filter((line) => /^(settled|error)/.test(line))), []);
    await first.close();

    // One that cannot send them either knows of them.
    const idle = await begin("http://127.0.0.1:9");
    await idle.waitForFunction(() => globalThis.tab.left().length === 3, { polling: 20 });
    assert.deepEqual(await idle.evaluate(() => globalThis.tab.left()), ["1", "2", "3"]);
    await idle.close();

    const second = await begin(node.url);
    for (const number of [1, 2, 3]) await line(second, `^settled \\d+ acknowledged \\["run",${number}\\] \\[${number * 7}\\]`);
    assert.equal(await second.evaluate(() => globalThis.tab.ask("run", 5)), 35);

    // Another tab: who leads sends for it, and it has its fate and its answer.
    const third = await begin(node.url);
    // It ends before what is settled is erased: who takes its place, and has been told, does not send that again.
    await second.evaluate(() => {
      IDBObjectStore.prototype.delete = () => {
        throw new Error("the disk is gone");
      };
    });
    assert.equal(await third.evaluate(() => globalThis.tab.ask("run", 6)), 42);
    await second.close();
    assert.equal(await third.evaluate(() => globalThis.tab.ask("run", 7)), 49);
    assert.deepEqual(node.ran(), [1, 2, 3, 5, 6, 7]);
    // Where the disk does not do it, that is told; then it is empty.
    await third.evaluate(() => {
      globalThis.clearing = IDBObjectStore.prototype.clear;
      IDBObjectStore.prototype.clear = () => {
        throw new Error("the disk is gone");
      };
    });
    assert.match(await third.evaluate(() => globalThis.tab.clear()), /^the outbox was not emptied: ./);
    await third.evaluate(() => {
      IDBObjectStore.prototype.clear = globalThis.clearing;
    });
    assert.equal(await third.evaluate(() => globalThis.tab.clear()), undefined);
    assert.deepEqual(third.problems, []);
    assert.deepEqual(await third.evaluate(() => globalThis.lines.filter((line) => /^(settled|error)/.test(line))), []);
  });

  test(`${name}: a tab whose client is not connected does not keep the others from sending`, async (t) => {
    const [site, node, browser] = [await serve(t), await server(t), await launch(name)];
    t.after(() => browser.close());
    const begin = async () => {
      const tab = await open(browser, site);
      await tab.waitForFunction(() => globalThis.ready, { polling: 20 });
      await tab.evaluate((url) => globalThis.start(url, "lead", true), node.url);
      return tab;
    };
    const ask = (tab, number) => tab.evaluate((number) => globalThis.tab.ask("run", number), number);
    const one = await begin();
    assert.equal(await ask(one, 1), 7);
    const two = await begin();
    assert.equal(await ask(two, 2), 14);
    // It leads, and leaves with what waits unsent: the other sends that, and its own.
    await one.evaluate(() => globalThis.tab.disconnect());
    assert.equal(await one.evaluate(() => globalThis.tab.store("run", 3)), true);
    assert.equal(await ask(two, 4), 28);
    assert.deepEqual(node.ran(), [1, 2, 3, 4]);
    const acknowledged = () => globalThis.lines.filter((line) => /^fate \d+ acknowledged$/.test(line)).length === 2;
    await one.waitForFunction(acknowledged, { polling: 20 });
    // The other way round.
    await one.evaluate(() => globalThis.tab.connect());
    await two.evaluate(() => globalThis.tab.disconnect());
    assert.equal(await ask(one, 5), 35);
    // Nobody has the client any longer: what is under way is answered, and erased, and the lead is free.
    await two.evaluate(() => globalThis.tab.connect());
    await one.evaluate(() => globalThis.tab.free());
    assert.equal(await ask(two, 6), 42);
    assert.deepEqual(node.ran(), [1, 2, 3, 4, 5, 6]);
    for (const tab of [one, two]) assert.deepEqual(tab.problems, []);
  });

  test(`${name}: without room the newest is refused, or dropped, and nothing that is stored`, async (t) => {
    const [site, browser] = [await serve(t), await launch(name)];
    t.after(() => browser.close());
    const full = async (policy) => {
      const tab = await open(browser, site);
      await tab.waitForFunction(() => globalThis.ready, { polling: 20 });
      return tab.evaluate((policy) => globalThis.Tab.full(policy, policy), policy);
    };
    for (const policy of ["refuse", "drop oldest"]) {
      const [stored, here, other, answer, first] = await full(policy);
      assert.deepEqual([stored, other, first], ["stored true", "Some(Refused)", "Some(Held)"], policy);
      assert.match(here, /^error the buffer is full \(1 emits/);
      assert.match(answer, /^not sent: .*the buffer is full$/);
    }
    const [stored, here, other, answer, first] = await full("drop newest");
    assert.deepEqual([stored, here, other, first], ["stored true", "Some(Dropped)", "Some(Dropped)", "Some(Held)"]);
    assert.match(answer, /^not sent: /);
  });

  test(`${name}: what has left, and cannot be stored, is known at once not to be`, async (t) => {
    const [site, node, browser] = [await serve(t), await server(t), await launch(name)];
    t.after(() => browser.close());
    const tab = await open(browser, site);
    await tab.waitForFunction(() => globalThis.ready, { polling: 20 });
    const stored = await tab.evaluate(async (url) => {
      const tab = globalThis.Tab.write_behind(url, "behind");
      // It leads, and has numbers.
      await tab.ask("run", 1);
      IDBObjectStore.prototype.add = () => {
        throw new Error("the disk is full");
      };
      return tab.is_stored("never answered");
    }, node.url);
    assert.match(stored, /^false false Some\(InFlight/);
  });
}
