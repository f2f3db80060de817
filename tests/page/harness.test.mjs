// The harness itself: both browsers run WebAssembly and reach the Node server from a page of another origin.
import assert from "node:assert/strict";
import { test } from "node:test";
import { browsers, launch, nodeServer, open } from "./harness.mjs";

for (const name of browsers) {
  test(`${name} runs WebAssembly and speaks to the Node server`, async (t) => {
    const [origin, server] = [await nodeServer(t), await nodeServer(t)];
    const browser = await launch(name);
    t.after(() => browser.close());
    const page = await open(browser, `${origin.url}/__blank`);
    assert.equal(await page.evaluate(() => typeof WebAssembly.instantiate), "function");
    const handshake = await page.evaluate(
      async (url) => (await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text()).slice(0, 8),
      server.url,
    );
    assert.equal(handshake, '0{"sid":');
    const stats = await page.evaluate(async (url) => (await fetch(`${url}/__stats`)).json(), server.url);
    assert.equal(stats.requests.total, 1);
    assert.deepEqual(page.problems, []);
  });
}
