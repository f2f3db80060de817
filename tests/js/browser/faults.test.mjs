// A real server behind a proxy that does what networks and balancers do, in browsers: what the application is told, how long
// until it works again, and that nothing is lost that was promised. Writes `.work/faults-browser.md`.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createTcp } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { markdown } from "../../cuts/markdown.mjs";
import { Proxy, leave } from "../../cuts/proxy.mjs";
import { Random } from "../../cuts/random.mjs";
import { browsers, launch } from "../../page/harness.mjs";
import { upstream } from "../client.mjs";
import { until } from "../server.mjs";
import { openTab } from "./tab.mjs";

/** Closed after their tabs. */
const launched = [];
after(() => Promise.all(launched.map((browser) => browser.close())));

after(leave);

const seed = Number(process.env.FAULTS_SEED ?? 7);

/** Of the handshakes and the upgrade; a browser's headers are long. */
const CUTS = 16;
const BYTES = { up: 3500, down: 2000 };

/** A TCP server that is gone after the test. */
function listening(t, server) {
  const ends = new Set();
  server.on("connection", (end) => ends.add(end.on("error", () => {}).on("close", () => ends.delete(end))));
  t.after(() => {
    server.close();
    for (const end of ends) end.destroy();
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

/** What answers every request in this way. A page of another origin may read it. */
async function answering(t, status, headers = {}, body = "no") {
  const times = [];
  const server = createHttp((request, response) => {
    // Who asks for a new session.
    if (request.method !== "OPTIONS" && !request.url.includes("sid=")) times.push(performance.now());
    const origin = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
    response.writeHead(status, { ...origin, connection: "close", ...headers }).end(body);
  });
  return { port: await listening(t, server), times };
}

const answers = (status, headers, body) => async (t, proxy) => {
  const { port, times } = await answering(t, status, headers, body);
  proxy.target = port;
  for (const link of proxy.links) link.reset();
  return { times };
};

const RETRY = { "retry-after": "1" };
const EXPOSED = { ...RETRY, "access-control-expose-headers": "Retry-After" };

/** `says`: what the page is told; `act(t, proxy)` begins it, and its end is to give the proxy its target again. */
const rows = [
  { fault: "403", transports: ["polling"], says: "xhr poll error 403", act: answers(403) },
  { fault: "403", transports: ["websocket"], says: "websocket error", act: answers(403) },
  { fault: "503, `Retry-After: 1`", transports: ["polling"], says: "xhr poll error 503", wait: 1000, act: answers(503, EXPOSED) },
  { fault: "503, `Retry-After: 1`, not exposed", transports: ["polling"], says: "xhr poll error 503", act: answers(503, RETRY) },
  {
    // Browsers follow it; what they find there has no CORS headers.
    fault: "301 to another server",
    transports: ["polling"],
    says: "xhr poll error 0",
    async act(t, proxy) {
      const elsewhere = await listening(t, createHttp((_, response) => response.end("another server")));
      return answers(301, { location: `http://127.0.0.1:${elsewhere}/` })(t, proxy);
    },
  },
  {
    fault: "black hole",
    transports: ["websocket"],
    says: "timeout",
    quick: true,
    async act(t, proxy) {
      proxy.target = await listening(t, createTcp(() => {}));
      for (const link of proxy.links) link.silence();
    },
  },
  { fault: "a byte in 10 ms", transports: ["websocket"], slow: true },
];

/** In the page: connects, emits with `retries`, and keeps what it is told and hears, under its number. */
const start = async (number, url, settings) => {
  const { io } = await globalThis.load();
  const options = { forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 200, randomizationFactor: 0 };
  const socket = io(url, { ...options, timeout: 1000, retries: Infinity, ackTimeout: 3000, ...settings });
  const client = { socket, told: [], heard: [], gaps: [], sent: 0, pending: 0 };
  (globalThis.clients ??= {})[number] = client;
  const tell = (word) => client.told.includes(word) || client.told.push(word);
  socket.io.on("error", ({ message, description }) => {
    tell(["number", "string"].includes(typeof description) ? `${message} ${description}` : message);
  });
  socket.on("disconnect", tell);
  socket.on("tick", (tick) => client.heard.push(tick));
  socket.on("gap", ({ recovered }) => recovered || client.gaps.push(client.heard.length));
  client.emit = () => {
    client.pending += 1;
    socket.emit("record", number, (client.sent += 1), (error) => {
      if (!error) client.pending -= 1;
    });
  };
};

/** In the page: works, which means that a call is answered and an event heard after it. */
const works = async (number) => {
  const client = globalThis.clients[number];
  client.emit();
  await client.socket.emitWithAck("call", number);
  const { length } = client.heard;
  while (client.heard.length === length) await new Promise((heard) => client.socket.once("tick", heard));
};

/** In the page, which may not be shown, so that it draws no frames: until it is told that. */
const hears = async (number, text) => {
  const { told } = globalThis.clients[number];
  while (!told.some((word) => word.includes(text))) await new Promise((later) => setTimeout(later, 10));
};

/** In the page: emits until all is acknowledged, and what came of it. */
const finish = async (number) => {
  const { socket, ...client } = globalThis.clients[number];
  while (globalThis.clients[number].pending > 0) await new Promise((later) => setTimeout(later, 10));
  const { heard, gaps, sent } = client;
  const words = client.told.slice();
  socket.disconnect();
  return { told: words, heard, gaps, sent };
};

/** A server with ticks, for one tab. */
async function serving(t, browser, tick, options) {
  const tab = await openTab(t, browser, options);
  const runs = new Map();
  tab.io.on("connection", (socket) => {
    socket.on("call", (number, answer) => answer(number));
    socket.on("record", (number, n, answer) => {
      runs.set(`${number} ${n}`, (runs.get(`${number} ${n}`) ?? 0) + 1);
      answer();
    });
  });
  // Each GET names its time, so one that comes again is the browser's.
  const [gets, repeated] = [new Set(), new Set()];
  tab.io.httpServer.on("request", ({ method, url }) => {
    if (method !== "GET" || !url.includes("sid=")) return;
    if (gets.has(url)) repeated.add(Number(new URL(url, "http://server").searchParams.get("number")));
    gets.add(url);
  });
  let ticks = 0;
  const timer = setInterval(() => tab.io.emit("tick", (ticks += 1)), tick);
  t.after(() => clearInterval(timer));
  return { ...tab, runs, repeated };
}

/** One line of the table. */
async function endure(t, tab, number, row) {
  const { page, runs, repeated } = tab;
  const proxy = await new Proxy(tab.port).listen();
  t.after(() => proxy.close());
  const begin = performance.now();
  if (row.cut) {
    const budget = { left: row.cut.after };
    proxy.on("link", (link) => budget.done || link.limit(row.cut.direction, budget, () => {
      budget.done = true;
      link.reset();
    }));
  }
  if (row.slow) proxy.on("link", (link) => link.drip(10));
  const timeout = row.slow ? 30_000 : 1000;
  await page.evaluate(start, number, proxy.url, {
    transports: row.transports,
    timeout,
    ackTimeout: row.slow ? 30_000 : 3000,
    query: { number },
  });
  await page.evaluate(works, number);
  let took = performance.now() - begin;
  if (row.act) {
    const { times } = (await row.act(t, proxy)) ?? {};
    await page.evaluate((which) => globalThis.clients[which].emit(), number);
    await page.evaluate(hears, number, row.says);
    if (times && row.transports[0] === "polling") await until(() => times.length > 1, "a second attempt");
    proxy.target = tab.port;
    if (!times) for (const link of proxy.links) link.reset();
    const lifted = performance.now();
    await page.evaluate(works, number);
    took = performance.now() - lifted;
    if (row.wait) {
      const between = times.slice(1).map((time, at) => time - times[at]);
      // Timers of browsers are that exact.
      assert.ok(between.every((time) => time >= row.wait - 20), `asked to wait ${row.wait} ms: ${between}`);
    }
  }
  const end = await page.evaluate(finish, number);
  const arrived = Array.from({ length: end.sent }, (_, n) => runs.get(`${number} ${n + 1}`) ?? 0).filter((times) => times > 0).length;
  assert.equal(arrived, end.sent, `${row.fault}: what is sent again arrives`);
  assert.ok(end.heard.every((tick, at) => at === 0 || tick > end.heard[at - 1]), `twice, or out of order: ${end.heard}`);
  const missed = end.heard.at(-1) - end.heard[0] + 1 - end.heard.length;
  // Browsers may repeat a GET by themselves if a kept-alive connection ends before its answer began, and what that answer held is
  // gone without a word.
  const repeats = repeated.has(number);
  const untold = end.heard.filter((tick, at) => at > 0 && tick > end.heard[at - 1] + 1 && !end.gaps.includes(at));
  assert.ok(untold.length === 0 || repeats, `${row.fault}: missed without a word before ${untold}: ${JSON.stringify({ ...row, ...end })}`);
  return { ...row, ...end, took, missed, repeats };
}

async function inBrowser(t, name) {
  const browser = await launch(name);
  launched.push(browser);
  const random = new Random(seed);
  const cuts = Array.from({ length: CUTS }, () => {
    const direction = random.pick(["up", "down"]);
    const after = random.between(0, BYTES[direction]);
    return { fault: "cut", transports: ["polling", "websocket"], cut: { direction, after } };
  });
  // A page that is not shown has slower timers: each has one tab.
  const quick = await serving(t, browser, 50, { pingInterval: 400, pingTimeout: 1500 });
  const slow = await serving(t, browser, 1500, { pingInterval: 25_000 });
  const lines = [...rows, ...cuts].map((row, number) => endure(t, row.slow ? slow : quick, number, row));
  return (await Promise.all(lines)).map((line) => ({ browser: name, ...line }));
}

const columns = {
  fault: ({ fault }) => fault,
  browser: ({ browser }) => browser,
  transport: ({ transports }) => transports.join(", then "),
  told: (row) => row.told.join("; ") || "–",
  "works again after": ({ slow, took }) => `${slow ? "works meanwhile, after " : ""}${Math.round(took)} ms`,
  "`retries`": ({ sent }) => `${sent} of ${sent}`,
  "events: heard, missed, gaps told": ({ heard, missed, gaps }) => `${heard.length}, ${missed}, ${gaps.length}`,
};

/** The cuts of a browser as one line. */
function summed(lines) {
  const sum = (what) => lines.reduce((total, line) => total + what(line), 0);
  return {
    ...lines[0],
    fault: `handshake or upgrade cut, at ${lines.length} offsets`,
    told: [...new Set(lines.flatMap((line) => line.told))],
    took: Math.max(...lines.map((line) => line.took)),
    sent: sum(({ sent }) => sent),
    heard: { length: sum(({ heard }) => heard.length) },
    missed: sum(({ missed }) => missed),
    gaps: { length: sum(({ gaps }) => gaps.length) },
  };
}

test("faults of networks and of what stands in front of the server", { skip: upstream && "it forgets" }, async (t) => {
  const lines = (await Promise.all(browsers.map((name) => inBrowser(t, name)))).flat();
  const shown = browsers.flatMap((name) => {
    const mine = lines.filter(({ browser }) => browser === name);
    return [...mine.filter(({ cut }) => !cut), summed(mine.filter(({ cut }) => cut))];
  });
  t.diagnostic(`seed ${seed}: ${lines.filter(({ cut }) => cut).length} cut offsets and ${rows.length} faults in each browser, all worked again; ${lines.filter(({ repeats }) => repeats).length} GETs were repeated by a browser`);
  const text = `The same in pages, with the npm package; seed ${seed}:\n\n${markdown(columns, shown)}\n`;
  writeFileSync(join(import.meta.dirname, "../../.work/faults-browser.md"), text);
});
