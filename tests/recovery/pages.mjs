// Clients in pages of real browsers, which speak as the child processes do. What they are cut by, and who judges them, stays
// outside.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { createRequire } from "node:module";
import { root } from "../../client-wasm/js/cargo.mjs";
import { Speaker } from "../cuts/speaker.mjs";
import { launch, open } from "../page/harness.mjs";

const types = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm" };
/** Firefox waits for 200 to 400 ms before it connects again to where a WebSocket was lost. */
const impatient = { extraPrefsFirefox: { "network.websocket.delay-failed-reconnects": false } };

/** What takes a browser longer is not worth waiting for. ms */
const CLOSE_LIMIT = 20_000;

const blank = "<!doctype html><title>recovery</title><link rel=icon href=data:,>";
const published = dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json"));

/** By the first part of a path. `rust`: as soon as it is built. */
const folders = {
  recovery: join(root, "tests/recovery"),
  ours: join(root, "client-wasm/js/dist"),
  upstream: join(published, "dist"),
  rust: join(root, "tests/.work/wasm/recover-web"),
};

/** What a page imports, by whose client it is. */
const modules = {
  ours: "/ours/index.mjs",
  upstream: "/upstream/socket.io.esm.min.js",
  rust: "/rust/recover.js",
};

function answer(request, response) {
  const path = normalize(new URL(request.url, "http://host").pathname);
  if (path === "/") return response.writeHead(200, { "content-type": "text/html" }).end(blank);
  const [, folder, ...names] = path.split("/");
  createReadStream(join(folders[folder] ?? "", ...names))
    .on("error", () => response.writeHead(404).end())
    .on("open", () => response.writeHead(200, { "content-type": types[extname(path)] ?? "text/plain" }))
    .pipe(response);
}

/** In the page: `begin(id, job)`, `command(id, name)`, and `take()`: a promise of the lines since, as soon as there are some. */
async function prepare(kind, module) {
  const client = await import(module);
  const { start } = kind === "rust" ? client : await import("/recovery/application.mjs");
  if (kind === "rust") await client.default();
  const clients = {};
  const lines = [];
  let wake = () => {};
  const print = (id) => (line) => {
    lines.push([id, line]);
    wake();
  };
  globalThis.wake = () => wake();
  globalThis.take = async () => {
    if (lines.length === 0) await new Promise((resolve) => (wake = resolve));
    return lines.splice(0);
  };
  const everybody = (line) => Object.keys(clients).forEach((id) => print(id)(line));
  addEventListener("error", ({ message }) => everybody({ threw: message }));
  addEventListener("unhandledrejection", ({ reason }) => everybody({ threw: String(reason?.stack ?? reason) }));
  globalThis.begin = (id, job) => {
    const tell = print(id);
    clients[id] = true;
    if (kind === "rust") clients[id] = start(JSON.stringify(job), (line) => tell(JSON.parse(line)));
    else clients[id] = start(client.io, job, tell, kind === "ours");
  };
  globalThis.command = (id, name) => clients[id][name]();
}

/** One client in a page that it may share with others. */
class PageClient extends Speaker {
  #page;
  #id;

  constructor(page, id, name) {
    super(name);
    this.#page = page;
    this.#id = id;
  }

  send(command) {
    this.#page.call((id, name) => globalThis.command(id, name), this.#id, command);
  }

  async kill() {
    if (this.ended) return;
    this.end("closed");
    await this.#page.left();
  }
}

/** A page, and the clients in it. */
class Page {
  #tab;
  #clients = [];
  #listening;

  static async open(browser, url, kind) {
    const page = new Page();
    page.#tab = await open(browser, url);
    // By nobody here, if somebody lives in it.
    page.#tab.on("close", () => page.#tell({ threw: "the page is gone" }));
    page.#tab.on("error", (error) => page.#tell({ threw: error.message }));
    page.#tab.on("console", (message) => page.#tell({ word: message.text() }));
    await page.#tab.evaluate(prepare, kind, modules[kind]);
    return page;
  }

  /** What another one has stored, which is something. */
  async copy(other) {
    const stored = () => sessionStorage.length > 0 && Object.entries({ ...sessionStorage });
    const entries = await (await other.#tab.waitForFunction(stored)).jsonValue();
    await this.#tab.evaluate((entries) => entries.forEach((entry) => sessionStorage.setItem(...entry)), entries);
  }

  /** Whether somebody lives in it. */
  get used() {
    return this.#clients.some(({ ended }) => !ended);
  }

  /** It has said nothing yet when this returns. */
  begin(job, name) {
    const id = this.#clients.length;
    const client = new PageClient(this, id, name);
    this.#clients.push(client);
    if (id === 0) this.#listening = this.#listen();
    this.call((id, job) => globalThis.begin(id, job), id, job);
    return client;
  }

  call(act, ...args) {
    this.#tab.evaluate(act, ...args).catch((error) => this.used && this.#tell({ threw: error.message }));
  }

  /** As long as somebody lives in it. */
  async #listen() {
    try {
      while (this.used) {
        const lines = await this.#tab.evaluate(() => globalThis.take());
        for (const [id, line] of lines) this.#clients[id].emit("line", line);
      }
    } catch (error) {
      this.#tell({ threw: error.message });
    }
  }

  async left() {
    if (this.used) return;
    // A question that stays unanswered would keep this process.
    this.call(() => globalThis.wake());
    await this.#listening;
    await this.#tab.close();
  }

  #tell({ word, threw }) {
    for (const client of this.#clients.filter(({ ended }) => !ended)) {
      if (word) client.word(word);
      else client.emit("line", { threw });
    }
  }
}

/** A browser, and a site for its pages: another origin than the server's. */
export class Browser {
  #kind;
  #name;
  #site = createServer(answer);
  #browser;
  #page;
  #hosts = 0;

  /** `kind`: whose client its pages use; `full`: a browser as it comes. */
  static async launch(name, kind, full) {
    const browser = new Browser();
    browser.#kind = kind;
    browser.#name = `${kind} in ${name}`;
    await new Promise((resolve) => browser.#site.listen(0, "127.0.0.1", resolve));
    browser.#browser = await launch(name, full ? {} : impatient);
    return browser;
  }

  /** Another one each time: a browser has one WebSocket at a time on its way to a host, and one without an answer delays the rest. */
  host() {
    this.#hosts += 1;
    return `127.0.1.${1 + (this.#hosts % 250)}`;
  }

  /**
   * Clients that are there at the same time share a page: those in the background have slower timers. With a `store` the next
   * one has a copy of the page, as when a tab is duplicated.
   */
  async start(job) {
    const last = this.#page?.used ? this.#page : undefined;
    if (!last || job.store) {
      this.#page = await Page.open(this.#browser, `http://127.0.0.1:${this.#site.address().port}/`, this.#kind);
      if (last) await this.#page.copy(last);
    }
    return this.#page.begin(job, this.#name);
  }

  async close() {
    const program = this.#browser.process();
    const timer = setTimeout(() => program.kill("SIGKILL"), CLOSE_LIMIT);
    await this.#browser.close();
    clearTimeout(timer);
    this.#site.closeAllConnections();
    this.#site.close();
  }
}
