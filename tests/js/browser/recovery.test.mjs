// Sessions that are resumed in a browser: after a connection that is gone only for us, and after a reload.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "../../page/harness.mjs";
import { upstream } from "../client.mjs";
import { halfOpener } from "../half-open.mjs";
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
        proxy.cut();
        await page.evaluate(() => new Promise((resolve) => globalThis.socket.connected ? globalThis.socket.once("disconnect", resolve) : resolve()));
        io.emit("missed", round);
        await page.evaluate(() => new Promise((resolve) => globalThis.socket.connected ? resolve() : globalThis.socket.once("connect", resolve)));
      }
      const told = await page.evaluate(async () => {
        while (globalThis.told.length < 7) await new Promise((resolve) => globalThis.socket.once("missed", resolve));
        return globalThis.told;
      });
      assert.deepEqual(told, ["connect false", 1, "connect true", 2, "connect true", 3, "connect true"]);
      assert.equal(await page.evaluate(() => globalThis.socket.id), id);
      const asked = requests.filter(({ url }) => url.searchParams.has("sid")).map(({ transport }) => transport);
      assert.deepEqual(asked, ["polling", "websocket", "polling", "websocket", "polling", "websocket"]);
    });

    test("polling: a close packet ends the session", async (t) => {
      const { page, io, proxy, requests } = await tabBehind(t, browser);
      await page.evaluate(join, proxy.url, { transports: ["polling"] });
      proxy.cut();
      await page.evaluate(() => new Promise((resolve) => globalThis.socket.connected ? globalThis.socket.once("disconnect", resolve) : resolve()));
      io.emit("missed", 1);
      const told = await page.evaluate(async () => {
        while (globalThis.told.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
        return globalThis.told;
      });
      assert.deepEqual(told, ["connect false", 1, "connect true"]);
      assert.ok(requests.some(({ method, body }) => method === "POST" && body === "1"));
    });
  });
}
