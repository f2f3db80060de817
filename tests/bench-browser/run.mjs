// Both clients in the same page against the same server, in turns, in each browser.
//
//   node tests/bench-browser/run.mjs [--quick] [--rounds N] [--browsers chromium,firefox] [--cases receive]…
//                                    [--contestants upstream,twin,ours] [--keep]
//
// `twin` is the published client once more, from another address: what it differs from itself is noise.
// Writes results.json and the table in README.md, except with --keep.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { execFileSync } from "node:child_process";
import { Child, browsers, launch, open, root } from "../page/harness.mjs";
import { medianOf, table } from "./table.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const { values: given } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    rounds: { type: "string" },
    browsers: { type: "string", default: browsers.join() },
    cases: { type: "string", multiple: true },
    contestants: { type: "string", default: "upstream,twin,ours" },
  },
});
const rounds = Number(given.rounds ?? (given.quick ? 3 : 7));
const scale = given.quick ? 0.2 : 1;

const upstream = join(root, "tests/node_modules/socket.io-client/dist/socket.io.esm.min.js");
const files = { upstream, twin: upstream, ours: join(root, "client-wasm/js/dist/socket.io.esm.min.js") };
const contestants = given.contestants.split(",");

const job = (count, size, binary = false) => ({ count: Math.round(count * scale), size, binary });
const cases = [
  { name: "receive, 50 B", run: "receive", job: job(30_000, 50) },
  { name: "receive, 4 KB", run: "receive", job: job(8_000, 4096) },
  { name: "receive binary, 50 B", run: "receive", job: job(12_000, 50, true) },
  { name: "receive binary, 4 KB", run: "receive", job: job(8_000, 4096, true) },
  { name: "emit, 50 B", run: "emit", job: job(30_000, 50) },
  { name: "emit, 4 KB", run: "emit", job: job(8_000, 4096) },
  { name: "emit binary, 50 B", run: "emit", job: job(12_000, 50, true) },
  { name: "emit binary, 4 KB", run: "emit", job: job(8_000, 4096, true) },
  { name: "ack, 50 B", run: "ack", job: job(2_000, 50) },
  { name: "ack, 4 KB", run: "ack", job: job(1_000, 4096) },
  { name: "ack binary, 50 B", run: "ack", job: job(1_000, 50, true) },
  { name: "start, WebSocket", run: "start", job: { transports: ["websocket"] }, times: given.quick ? 3 : 10 },
  { name: "start, default transports", run: "start", job: {}, times: given.quick ? 3 : 10 },
].filter(({ name }) => !given.cases || given.cases.some((wanted) => name.startsWith(wanted)));

// A context as the tests' helpers want it.
const ends = [];
const t = { after: (end) => ends.push(end) };

/** Microseconds that the page's main thread has computed since the call; only Chromium tells. */
async function cpuMeter(page) {
  let session;
  try {
    session = await page.createCDPSession();
    await session.send("Performance.setTimeDomain", { timeDomain: "threadTicks" });
    await session.send("Performance.enable");
  } catch {
    return async () => async () => undefined;
  }
  const read = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1e6 * metrics.find(({ name }) => name === "TaskDuration").value;
  };
  return async () => {
    const before = await read();
    return async () => (await read()) - before;
  };
}

async function measure(browser) {
  const routes = Object.fromEntries(contestants.map((name) => [`/${name}.js`, files[name]]));
  const server = new Child(t, process.execPath, [join(here, "server.mjs"), JSON.stringify(routes)]);
  const { port } = await server.waitJson("its port", ({ port }) => port);
  const page = await open(browser, `http://127.0.0.1:${port}/`);
  await page.waitForFunction("window.bench");
  const meter = await cpuMeter(page);
  const call = async (contestant, { run, job, times = 1 }) => {
    const all = [];
    for (let i = 0; i < times; i += 1) {
      const cpu = await meter();
      const seen = await page.evaluate((run, ...args) => window.bench[run](...args), run, `/${contestant}.js`, job);
      if (job.count) seen.cpu = (await cpu()) / job.count;
      all.push(seen);
    }
    return Object.fromEntries(Object.keys(all[0]).map((key) => [key, medianOf(all.map((one) => one[key]))]));
  };
  const figures = cases.map(({ name }) => ({ name, rounds: [] }));
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [at, one] of cases.entries()) {
      const order = contestants.map((_, i) => contestants[(i + round) % contestants.length]);
      const seen = {};
      for (const contestant of order) seen[contestant] = await call(contestant, one);
      if (round > 0) figures[at].rounds.push(seen);
    }
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  if (page.problems.length > 0) throw new Error(page.problems.join("\n"));
  await page.close();
  await server.kill();
  return figures;
}

const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
const results = {
  date: new Date().toISOString().slice(0, 10),
  commit: git("rev-parse", "--short", "HEAD"),
  cpus: `${cpus().length} x ${cpus()[0].model}`,
  rounds,
  quick: given.quick,
  contestants,
  browsers: [],
};
try {
  for (const name of given.browsers.split(",")) {
    const browser = await launch(name);
    ends.push(() => browser.close());
    const load = loadavg()[0];
    const version = await browser.version();
    process.stderr.write(`${version}\n`);
    results.browsers.push({ name, version, load, cases: await measure(browser) });
    await browser.close();
  }
} finally {
  for (const end of ends) await end();
}

const text = table(results);
console.log(text);
if (!given.keep) {
  writeFileSync(join(here, "results.json"), `${JSON.stringify(results)}\n`);
  const readme = join(here, "README.md");
  const [head] = readFileSync(readme, "utf8").split("<!-- figures -->");
  writeFileSync(readme, `${head}<!-- figures -->\n\n${text}\n`);
}
