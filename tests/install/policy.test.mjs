// Pages with a Content-Security-Policy: one that allows WebAssembly and no more, and one that forbids it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { browsers, launch, nodeServer, open } from "../page/harness.mjs";
import { ours, project, serve } from "./project.mjs";
import { expected } from "./scenario.js";

const head = '<!doctype html><meta charset="utf-8"><title>policy</title><link rel="icon" href="data:,">';
const page = (scripts) => head + scripts;

// The policy allows no inline script either. What reaches nobody's handler is kept.
const watch = `
  globalThis.told = [];
  addEventListener("error", (event) => told.push(String(event.error ?? event.message)));
  addEventListener("unhandledrejection", (event) => told.push(String(event.reason)));
`;
const files = {
  "watch.js": watch,
  "module.js": `
    import { io } from "./node_modules/PACKAGE/dist/socket.io.esm.min.js";
    import { scenario } from "./scenario.mjs";
    globalThis.outcome = scenario(io, location.hash.slice(1));
  `,
  "script.js": `
    globalThis.outcome = import("./scenario.mjs").then(({ scenario }) => scenario(io, location.hash.slice(1)));
  `,
  "module.html": page('<script src="watch.js"></script><script type="module" src="module.js"></script>'),
  "script.html": page(`
    <script src="watch.js"></script>
    <script src="node_modules/PACKAGE/dist/socket.io.min.js"></script><script src="script.js"></script>
  `),
};

for (const browserName of browsers) {
  test(browserName, async (t) => {
    const [server, browser] = [await nodeServer(t), await launch(browserName)];
    t.after(() => browser.close());
    const { folder } = await project(t, files);
    const policy = (script) =>
      `default-src 'none'; img-src data:; script-src ${script}; require-trusted-types-for 'script'; ` +
      `connect-src ${server.url} ${server.url.replace("http", "ws")}`;

    await t.test("'wasm-unsafe-eval' is enough", async (t) => {
      const site = await serve(t, folder, policy("'self' 'wasm-unsafe-eval'"));
      for (const name of ["module.html", "script.html"]) {
        const tab = await open(browser, `${site.url}/${name}#${server.url}`);
        await tab.waitForFunction("globalThis.outcome !== undefined");
        assert.deepEqual(await tab.evaluate("outcome.catch((error) => String(error))"), expected(), name);
        assert.deepEqual([...tab.problems, ...(await tab.evaluate("told"))], []);
        await tab.close();
      }
    });

    if (!ours) return;
    await t.test("without it the page is told what is missing", async (t) => {
      const site = await serve(t, folder, policy("'self'"));
      for (const name of ["module.html", "script.html"]) {
        const tab = await open(browser, `${site.url}/${name}#${server.url}`);
        await tab.waitForFunction("globalThis.told.length > 0 || globalThis.outcome !== undefined");
        const told = await tab.evaluate(async () => {
          const failed = await globalThis.outcome?.catch((error) => String(error));
          return [...globalThis.told, failed];
        });
        // Ours, and not only what the browser itself says.
        assert.match(told.join("\n"), /Content-Security-Policy.*'wasm-unsafe-eval'/, name);
        await tab.close();
      }
    });
  });
}
