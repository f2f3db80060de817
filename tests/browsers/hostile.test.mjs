// Servers that mean harm, some of those of `js/hostile.test.mjs`, and the npm package in a page of each browser: what the application
// is told, what it holds, and that it works again with a server that does not. Writes `.work/hostile-browsers.md`.
// HOSTILE_ONLY='polling a body' chooses lines.
import assert from "node:assert/strict";
import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { markdown } from "../cuts/markdown.mjs";
import { browsers, launch, open, root } from "../page/harness.mjs";
import { browserModule, upstream } from "../js/client.mjs";
import { servePackage } from "../js/browser/tab.mjs";
import { rows as told } from "../js/hostile/pages.mjs";
import { mebibytes } from "../js/hostile/process.mjs";
import { LEFT, options, transports, wasmBound } from "../js/hostile/rows.mjs";
import { Servers } from "../js/hostile/servers.mjs";
import { sioServer } from "../js/server.mjs";

const only = process.env.HOSTILE_ONLY ?? "";

/** Firefox takes seconds for each of these; a full run has them. */
const takesLong = (browser, { name }) => browser === "firefox" && name.startsWith("20,000") && !process.env.TESTS_FULL;

/** `/blank`, the package, and below `/tests/` what runs in the page. */
function serve(request, response) {
  const [, file] = /^\/tests\/([\w/]+\.mjs)$/.exec(request.url) ?? [];
  if (!file) return servePackage(request, response);
  response.writeHead(200, { "content-type": "text/javascript" });
  createReadStream(join(root, "tests/js", file)).pipe(response);
}

/** In the page. */
const load = async (module) => {
  const { size } = await import("/tests/instrument.mjs");
  const { Subject } = await import("/tests/hostile/subject.mjs");
  const client = await import(`/client/${module}`);
  const begin = ({ transports, ...job }) => {
    globalThis.subject = new Subject(client, { ...job, transports: transports.map((name) => client[name] ?? name) });
  };
  globalThis.hostile = { size, begin };
};

/** The client in a page. All that it asks for goes through one port, so that no permission of another origin is needed. */
class Page {
  #page;
  #servers;
  #gate;
  #good;
  #session;
  #before;

  static async start(t, name, servers, good) {
    const it = new Page();
    it.name = name;
    [it.#servers, it.#good] = [servers, good];
    // Whatever row it is: it never speaks itself.
    it.#gate = await servers.start(0);
    await servers.mend(it.#gate, good);
    const browser = await launch(name);
    t.after(() => browser.close());
    it.#page = await open(browser, `http://127.0.0.1:${it.#gate}/blank`);
    if (name === "chromium") it.#session = await it.#page.createCDPSession();
    await it.#page.evaluate(load, browserModule);
    return it;
  }

  /** A client of what is behind the gate. */
  begin(transport, more) {
    const job = { url: `http://127.0.0.1:${this.#gate}`, transports: transports[transport] ?? [transport], ...options, ...more };
    return this.#page.evaluate((given) => globalThis.hostile.begin(given), job);
  }

  /** What JavaScript holds when it is collected; Chromium tells. */
  async held() {
    if (!this.#session) return NaN;
    await this.#session.send("HeapProfiler.collectGarbage");
    return (await this.#page.metrics()).JSHeapUsedSize;
  }

  works() {
    return this.#page.evaluate(() => globalThis.subject.works());
  }

  close() {
    return this.#page.evaluate(() => globalThis.subject.close());
  }

  /** Before any row: what the client has loaded and compiled. */
  async warm() {
    for (const transport of Object.keys(told)) {
      await this.begin(transport);
      await this.works();
      await this.close();
    }
    this.#before = await this.held();
  }

  /** Closes a client that would read on for ever: the connection ends. */
  async leave(row) {
    const port = await this.#servers.start(row.row);
    await this.#servers.mend(this.#gate, port);
    await this.begin(row.through, { maxPayload: 0 });
    await this.#servers.reach(port, 100);
    await this.close();
    await this.#servers.left(port);
    await this.#servers.mend(this.#gate, this.#good);
    await this.#servers.end(port);
  }

  /** What is told of a row, and what is there behind it; the client works again. */
  async endure(row, wanted) {
    const port = await this.#servers.start(row.row);
    try {
      await this.#servers.mend(this.#gate, port);
      await this.begin(row.through);
      const { words } = await this.#page.evaluate((which) => globalThis.subject.told(which), wanted);
      await this.#servers.mend(this.#gate, this.#good);
      await this.works();
      // Of a client that is still there.
      const left = (await this.held()) - this.#before;
      if (wanted.goesOn) {
        const ends = words.filter(({ kind }) => kind === "open" || kind === "closed");
        assert.deepEqual(ends, [], "the session goes on");
      }
      const wasm = await this.#page.evaluate(() => globalThis.hostile.size());
      const is = ({ kind, text }) => (!wanted.kind || kind === wanted.kind) && text.includes(wanted.text);
      return { ...row, browser: this.name, told: words.find(is).text, wasm, left };
    } finally {
      await this.close();
      await this.#servers.mend(this.#gate, this.#good);
      await this.#servers.end(port);
    }
  }
}

const columns = {
  sent: ({ name }) => name,
  transport: ({ through }) => through,
  browser: ({ browser }) => browser,
  told: ({ told }) => (told === "done" ? "–" : told),
  WebAssembly: ({ wasm }) => mebibytes(wasm),
  bound: ({ bound }) => mebibytes(wasmBound(bound)),
  left: ({ left }) => (Number.isNaN(left) ? "not told" : mebibytes(Math.max(0, left))),
};

const introduction = `What some of the same servers send to the npm package in a page of each browser, with \`maxPayload\` of 2 MiB; what its application is
told; WebAssembly's memory, which never shrinks, of one page that meets them all, and the bound of it (\`js/hostile/rows.mjs\`); and what
JavaScript holds when the client works again, beyond what it held before, which only Chromium tells and which is at most ${mebibytes(LEFT)}:`;

/** Rows with what is told of each; of those that have one name the last, which comes in a session. */
function chosen(all) {
  const of = new Map(all.map((row) => [`${row.transport} ${row.name}`, row]));
  const rows = Object.entries(told).flatMap(([through, names]) =>
    Object.entries(names).map(([name, wanted]) => ({ ...of.get(`${through === "Fetch" ? "polling" : through} ${name}`), through, wanted })),
  );
  // WebAssembly's memory never shrinks.
  return rows
    .filter(({ name, through }) => `${through} ${name}`.includes(only))
    .sort((a, b) => wasmBound(a.bound) - wasmBound(b.bound));
}

test("what becomes of a page of each hostile server", { skip: upstream && "it has no such limits" }, async (t) => {
  const servers = await Servers.start(t);
  const { port: good } = await sioServer(t, { plain: serve });
  const rows = chosen(servers.rows);
  const failed = [];
  const played = browsers.map(async (name) => {
    const page = await Page.start(t, name, servers, good);
    await page.warm();
    const lines = [];
    for (const row of rows) {
      const wanted = row.wanted.text ? row.wanted : row.wanted[name];
      if (!wanted || takesLong(name, row)) continue;
      try {
        const line = await page.endure(row, wanted);
        lines.push(line);
        if (row.through === "Fetch") await page.leave(row);
        assert.ok(line.wasm <= wasmBound(row.bound), `WebAssembly has ${mebibytes(line.wasm)}`);
        assert.ok(!(line.left > LEFT), `${mebibytes(line.left)} are left`);
      } catch (error) {
        failed.push(`${row.name}, ${row.through}, ${name}: ${error.message}`);
      }
    }
    return lines;
  });
  const lines = (await Promise.all(played)).flat();
  const most = mebibytes(Math.max(...lines.map(({ wasm }) => wasm)));
  t.diagnostic(`${lines.length} hostile servers in pages of both browsers: each told as what it is, at most ${most} of WebAssembly; works again after each`);
  if (!only) writeFileSync(join(root, "tests/.work/hostile-browsers.md"), `${introduction}\n\n${markdown(columns, lines)}\n`);
  assert.equal(failed.length, 0, `${failed.length}:\n${failed.join("\n")}`);
});
