// Tabs of a real browser with an outbox (store-sender.js), on an origin of their own; and who judges what they send.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { PATIENCE, newTab, root } from "../../page/harness.mjs";
import { until } from "../server.mjs";

const folder = join(root, "client-wasm/js/src/store");
const blank = "<!doctype html><title>store</title><link rel=icon href=data:,>";

async function bodyOf(request) {
  let text = "";
  for await (const part of request.setEncoding("utf8")) text += part;
  return JSON.parse(text);
}

/** The other side: handles an event once, by its key, as the middleware does; and keeps what happened, in order. */
export class Judge {
  /** `["appending" | "appended" | "handled", asker]`. */
  happened = [];
  /** Of each leader when it sent its first request and its last, in the order in which they began to. */
  reigns = new Map();
  /** What was handled: `{ id, seq, tab, ref, text, bytes }`. */
  handled = [];
  /** Sent for a second time; not handled again. */
  again = 0;
  /** Whether it answers. What comes meanwhile is not handled. */
  open = true;
  /** Resolves once a request may arrive. */
  delay = () => {};
  #keys = new Set();
  #waiting = [];

  async send(event) {
    await this.delay(event);
    if (!this.open) await new Promise((resolve) => this.#waiting.push(resolve));
    const { id, seq, by, at, tab, ref } = event;
    // A leader's last request may arrive when its tab is gone and another one sends: what counts is when it was sent.
    const [first, last] = this.reigns.get(by) ?? [at, at];
    this.reigns.set(by, [Math.min(first, at), Math.max(last, at)]);
    const key = `${id} ${seq}`;
    if (this.#keys.has(key)) {
      this.again += 1;
    } else {
      this.#keys.add(key);
      this.handled.push(event);
      this.happened.push(["handled", `${tab} ${ref}`]);
    }
    return { fate: "acknowledged" };
  }

  mark(what, { tab, refs }) {
    for (const ref of refs) this.happened.push([what, `${tab} ${ref}`]);
    return {};
  }

  answer() {
    this.open = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  get texts() {
    return this.handled.map(({ text }) => text);
  }

  /** The askers of what is stored, and was not handled. */
  get missing() {
    const handled = new Set(this.of("handled"));
    return this.of("appended").filter((asker) => !handled.has(asker));
  }

  /** Pairs of leaders of which one has sent between the other's first request and its last. */
  get rivals() {
    const reigns = [...this.reigns].toSorted(([, [a]], [, [b]]) => a - b);
    return reigns.slice(1).flatMap(([by, [first]], index) => {
      const before = reigns.slice(0, index + 1).filter(([, [, last]]) => last > first);
      return before.map(([other]) => [other, by]);
    });
  }

  of(what) {
    return this.happened.filter(([name]) => name === what).map(([, value]) => value);
  }
}

/** `{ judge, url, open }`; `open(browser, prepare)` gives a tab in which `globalThis.start(name)` makes a Sender. */
export async function storeSite(t) {
  const judge = new Judge();
  async function serve(request, response) {
    const { pathname } = new URL(request.url, "http://host");
    const reply = (body) => response.setHeader("content-type", "application/json").end(JSON.stringify(body));
    if (pathname === "/") return response.setHeader("content-type", "text/html").end(blank);
    if (pathname === "/send") return reply(await judge.send(await bodyOf(request)));
    if (request.method === "POST") return reply(judge.mark(pathname.slice(1), await bodyOf(request)));
    const isSender = pathname === "/sender.js";
    const file = isSender ? join(import.meta.dirname, "store-sender.js") : join(folder, basename(pathname));
    response.setHeader("content-type", "text/javascript");
    return createReadStream(file).on("error", () => response.writeHead(404).end()).pipe(response);
  }
  // A tab that is gone may leave half a request.
  const server = createServer((request, response) => serve(request, response).catch(() => response.destroy()));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const pages = new Set();
  t.after(async () => {
    await Promise.all([...pages].map((page) => page.close()));
    server.closeAllConnections();
    server.close();
  });

  /** `prepare` runs in the page before anything else does. */
  async function open(browser, prepare) {
    const page = await newTab(browser);
    pages.add(page);
    page.on("close", () => pages.delete(page));
    page.setDefaultTimeout(PATIENCE);
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(String(error)));
    if (prepare) await page.evaluateOnNewDocument(prepare);
    await page.goto(url);
    return page;
  }
  return { judge, url, open, server };
}

/** Makes the page's Sender, `globalThis.sender`, and returns its tab. */
export const start = (page, name = "box", options = {}) =>
  page.evaluate(
    async (name, options) => {
      const { Sender, stored, tamper } = await import("/sender.js");
      Object.assign(globalThis, { sender: new Sender(name, options), stored, tamper });
      return globalThis.sender.tab;
    },
    name,
    options,
  );

/** Waits for a condition in the page; not by its frames, of which a tab in the background has none. */
export const when = (page, condition, ...args) => page.waitForFunction(condition, { polling: 20 }, ...args);

export const leads = (page) => when(page, () => globalThis.sender.of("onLeader").length > 0);

/** Emits; the refs, once stored. */
export const emit = (page, ...texts) => page.evaluate((texts) => globalThis.sender.emit(...texts), texts);

/** Reads what the Sender was told. */
export const told = (page, event) =>
  page.evaluate((event) => {
    const plain = (value) => {
      if (!(value instanceof Error)) return value;
      const { code, kept, lost, cause } = value;
      return { code, kept, lost, cause: String(cause) };
    };
    return globalThis.sender.of(event).map(plain);
  }, event);

/** Waits until the outbox has reported such an error; that. */
export async function reported(page, code) {
  await when(page, (code) => globalThis.sender.of("onError").some((error) => error.code === code), code);
  return (await told(page, "onError")).find((error) => error.code === code);
}

/** Waits until nothing is stored. */
export async function empty(page, name = "box") {
  await when(page, async (name) => (await globalThis.stored(name)).length === 0, name);
}

export { until };
