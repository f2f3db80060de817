// The packed package in a page and in workers: without a bundler, and built by Vite, esbuild and webpack.
import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { build as esbuild } from "esbuild";
import { build as vite, createServer as viteServer } from "vite";
import webpack from "webpack";
import { browsers, launch, nodeServer, open } from "../page/harness.mjs";
import { ours, project, serve } from "./project.mjs";
import { expected } from "./scenario.js";

const head = '<!doctype html><meta charset="utf-8"><title>install</title><link rel="icon" href="data:,">';
const html = (script) => head + script;

const dist = "node_modules/PACKAGE/dist";

// Whoever runs the scenario in a page leaves its outcome as `outcome`, a promise of what can be posted from a worker.
const inPage = `
  globalThis.outcome = import("./scenario.mjs").then(({ scenario }) => scenario(io, location.hash.slice(1)));
`;
const bundled = `
  import { scenario } from "./scenario.mjs";
  globalThis.outcome = scenario(io, location.hash.slice(1));
`;

const workerStart = `
  const play = (post) => async ({ data: url }) => {
    try {
      const { scenario } = await import("./scenario.mjs");
      post({ report: await scenario(io, url) });
    } catch (error) {
      post({ error: String(error) });
    }
  };
`;
const dedicated = `${workerStart} onmessage = play((value) => postMessage(value));`;
const shared = `${workerStart}
  onconnect = ({ ports: [port] }) => (port.onmessage = play((value) => port.postMessage(value)));
`;
const moduleImport = `import { io } from "./${dist}/socket.io.esm.min.js";`;
const scriptImport = `importScripts("./${dist}/socket.io.min.js");`;

/** Runs in the page. */
const inWorker = (file, type, isShared, url) =>
  new Promise((resolve, reject) => {
    const worker = isShared ? new SharedWorker(file, { type }) : new Worker(file, { type });
    const port = isShared ? worker.port : worker;
    worker.onerror = (event) => reject(new Error(`worker: ${event.message}`));
    port.onmessage = ({ data }) => {
      if (!isShared) worker.terminate();
      resolve(data);
    };
    port.postMessage(url);
  });

// A worker of a bundle: the form that bundlers look for.
const ownWorkers = `
  import { io } from "PACKAGE";
  const play = (worker, port) => new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error("worker: " + event.message));
    port.onmessage = ({ data }) => resolve(data);
    port.postMessage(location.hash.slice(1));
  });
  const one = new Worker(new URL("./dedicated.js", import.meta.url), { type: "module" });
  const two = new SharedWorker(new URL("./shared.js", import.meta.url), { type: "module" });
  globalThis.outcome = Promise.all([play(one, one), play(two, two.port)]);
`;
const bundledWorker = (start) => `import { io } from "PACKAGE"; import { scenario } from "./scenario.mjs";
  ${start.replace(/const \{ scenario \} = .*/, "")}`;

const bundlers = {
  async vite(folder, out) {
    await vite({ root: folder, base: "./", logLevel: "error", build: { outDir: out }, worker: { format: "es" } });
  },
  async esbuild(folder, out) {
    const entryPoints = { app: join(folder, "app.js") };
    const outdir = join(folder, out);
    await esbuild({ entryPoints, bundle: true, minify: true, format: "esm", outdir, logLevel: "error" });
    await copyFile(join(folder, "index.html"), join(folder, out, "index.html"));
  },
  async webpack(folder, out) {
    const stats = await new Promise((resolve, reject) => {
      const config = {
        mode: "production",
        context: folder,
        entry: { app: "./app.js" },
        output: { path: join(folder, out), publicPath: "auto" },
        performance: false,
      };
      webpack(config, (error, result) => (error ? reject(error) : resolve(result)));
    });
    assert.equal(stats.hasErrors() || stats.hasWarnings(), false, stats.toString());
    await copyFile(join(folder, "index.html"), join(folder, out, "index.html"));
  },
};

const both = 'import standard, { io } from "PACKAGE"; if (standard !== io) throw new Error("two functions");';
const applications = { inlined: `${both} ${bundled}` };
if (ours) applications.separate = `import { io } from "PACKAGE/separate"; ${bundled}`;

for (const browserName of browsers) {
  test(browserName, async (t) => {
    const [server, browser] = [await nodeServer(t), await launch(browserName)];
    t.after(() => browser.close());

    /** What the page at this address made of the scenario. */
    async function outcome(address) {
      const page = await open(browser, `${address}#${server.url}`);
      await page.waitForFunction("globalThis.outcome !== undefined");
      const found = await page.evaluate("outcome.catch((error) => String(error))");
      assert.deepEqual(page.problems, []);
      await page.close();
      return found;
    }

    await t.test("a page without a bundler, and workers", async (t) => {
      const { folder } = await project(t, {
        "module.html": html(`<script type="module">${moduleImport} ${inPage}</script>`),
        "script.html": html(`<script src="./${dist}/socket.io.min.js"></script><script>${inPage}</script>`),
        "dedicated.module.js": moduleImport + dedicated,
        "dedicated.classic.js": scriptImport + dedicated,
        "shared.module.js": moduleImport + shared,
        "shared.classic.js": scriptImport + shared,
        "empty.html": html(""),
      });
      const site = await serve(t, folder);
      for (const page of ["module.html", "script.html"]) {
        assert.deepEqual(await outcome(`${site.url}/${page}`), expected(), page);
      }
      const page = await open(browser, `${site.url}/empty.html`);
      for (const kind of ["dedicated", "shared"]) {
        for (const type of ["module", "classic"]) {
          const file = `./${kind}.${type}.js`;
          const said = await page.evaluate(inWorker, file, type, kind === "shared", server.url);
          assert.deepEqual(said, { report: expected() }, file);
        }
      }
      assert.deepEqual(page.problems, []);
      const missed = site.asked.filter((path) => path.endsWith(".wasm"));
      assert.deepEqual(missed, [], "one file holds everything");
    });

    for (const [bundler, build] of Object.entries(bundlers)) {
      for (const [name, source] of Object.entries(applications)) {
        await t.test(`${bundler}, ${name}`, async (t) => {
          const { folder, installed } = await project(t, {
            "app.js": source,
            "index.html": html('<script type="module" src="./app.js"></script>'),
          });
          await build(folder, "out");
          // esbuild leaves the file where it is: whoever uses it copies it beside the bundle.
          if (bundler === "esbuild" && name === "separate") {
            await copyFile(join(installed, "dist/socket.io.wasm"), join(folder, "out/socket.io.wasm"));
          }
          const site = await serve(t, join(folder, "out"));
          assert.deepEqual(await outcome(`${site.url}/index.html`), expected());
          assert.equal(site.asked.some((path) => path.endsWith(".wasm")), name === "separate");
        });
      }
    }

    // Vite's own server hands out dependencies in another form than its build.
    for (const [name, source] of Object.entries(applications)) {
      await t.test(`vite's server, ${name}`, async (t) => {
        const { folder } = await project(t, {
          "app.js": source,
          "index.html": html('<script type="module" src="./app.js"></script>'),
        });
        const listen = { host: "127.0.0.1", port: 0, hmr: false };
        const development = await viteServer({ root: folder, logLevel: "error", server: listen });
        t.after(() => development.close());
        await development.listen();
        assert.deepEqual(await outcome(`${development.resolvedUrls.local[0]}index.html`), expected());
      });
    }

    for (const bundler of ["vite", "webpack"]) {
      await t.test(`${bundler}, workers`, async (t) => {
        const { folder } = await project(t, {
          "app.js": ownWorkers,
          "dedicated.js": bundledWorker(dedicated),
          "shared.js": bundledWorker(shared),
          "index.html": html('<script type="module" src="./app.js"></script>'),
        });
        await bundlers[bundler](folder, "out");
        const site = await serve(t, join(folder, "out"));
        assert.deepEqual(await outcome(`${site.url}/index.html`), [{ report: expected() }, { report: expected() }]);
      });
    }
  });
}
