// Tabs of a real browser with a durable outbox, and a server that notes what it handles.
import { exactlyOnce } from "../../../client-wasm/js/server/index.js";
import { open } from "../../page/harness.mjs";
import { openTab } from "./tab.mjs";

/** In the page: `globalThis.socket`, and what it was told. */
export async function connected(page, options = {}) {
  await page.evaluate(
    async (options) => {
      const { io } = await globalThis.load();
      const told = { settled: [], errors: [], fates: [] };
      const socket = io(location.origin, { transports: ["websocket"], outbox: "box", reconnectionDelay: 10, ...options });
      socket.on("outbox_settled", (change) => told.settled.push(change));
      socket.on("outbox_error", ({ code, message }) => told.errors.push(code ?? message));
      socket.onFate(({ id, fate }) => told.fates.push(`${id} ${fate}`));
      Object.assign(globalThis, { socket, told });
    },
    options,
  );
  return page;
}

export const when = (page, condition, ...args) => page.waitForFunction(condition, { polling: 20 }, ...args);
export const told = (page, what) => page.evaluate((what) => globalThis.told[what], what);

/** Once it is stored. */
export const deliver = (page, ...args) =>
  page.evaluate(async (args) => {
    globalThis.last = globalThis.socket.deliver(...args);
    return globalThis.last.stored;
  }, args);

/** What becomes of an emit of which that is known at once. */
export const settles = (page, ...args) =>
  page.evaluate(async (args) => {
    const { fate, error, value } = await globalThis.socket.deliver(...args).settled;
    return { fate, message: error?.message, value };
  }, args);

/** A server that notes what it handles, and pages on its origin. */
export async function site(t, browser, { middleware = false } = {}) {
  const once = middleware ? exactlyOnce() : undefined;
  const first = await openTab(t, browser, once ? { parser: once.parser } : {});
  once?.install(first.io);
  const handled = [];
  first.io.on("connection", (socket) =>
    socket.on("say", (...args) => {
      const answer = typeof args.at(-1) === "function" ? args.pop() : () => {};
      handled.push(args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString("hex") : arg)));
      answer("said", args[0]);
    }),
  );
  const client = await first.page.evaluate(() => globalThis.clientUrl);
  async function tab() {
    // Not the first, which stays.
    const page = await open(browser, `${first.url}/blank`);
    t.after(() => page.close().catch(() => {}));
    await page.evaluate((url) => void (globalThis.load = () => import(url)), client);
    return page;
  }
  return { ...first, handled, tab };
}
