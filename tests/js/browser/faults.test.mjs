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

/** Pages that are not shown have timers as the others. Chromium is started so anyway. */
const UNTHROTTLED = { "dom.min_background_timeout_value": 4, "dom.timeout.enable_budget_timer_throttling": false };

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

/** A long wait is cut to ten times this. */
const SHORT = { reconnectionDelayMax: 60 };
const BAD_GATEWAY = "<html><body><h1>502 Bad Gateway</h1></body></html>";

/** Once: in all connections. */
const once = (act) => async (_, proxy) => proxy.links.forEach(act);

/** The highest bit of one byte, the first that `find(chunk)` names. */
const changes = (direction, find) => async (_, proxy) => {
  let changed = false;
  const alter = (link) => link.alter(direction, (chunk) => {
    const at = changed ? -1 : find(chunk);
    if (at < 0) return;
    chunk[at] ^= 0x80;
    changed = true;
  });
  proxy.links.forEach(alter);
  proxy.on("link", alter);
};

/** The last byte of a short text in a WebSocket frame. Small messages come in a chunk of their own. */
function frameText(chunk) {
  const [first, second] = chunk;
  const length = second & 0x7f;
  return first === 0x81 && length > 0 && length < 126 ? 1 + (second >> 7) * 4 + length : -1;
}

/** The first byte of an HTTP body, but of a POST's answer, which says nothing. */
function body(chunk) {
  const text = chunk.toString("latin1");
  const head = /^(HTTP\/|GET |POST )/.test(text);
  const from = head ? text.indexOf("\r\n\r\n") + 4 : 0;
  return (head && from === 3) || from === text.length || text.slice(from) === "ok" ? -1 : from;
}

/**
 * `says`: what the page is told, or one of these; `act(t, proxy)` begins it, and its end is to give the proxy its target again;
 * `plain`: for a client without `retries`, too.
 */
const rows = [
  { fault: "403", transports: ["polling"], says: "xhr poll error 403", plain: true, act: answers(403) },
  { fault: "403", transports: ["websocket"], says: "websocket error", plain: true, act: answers(403) },
  { fault: "503, `Retry-After: 1`", transports: ["polling"], says: "xhr poll error 503", wait: 1000, act: answers(503, EXPOSED) },
  { fault: "503, `Retry-After: 1`, not exposed", transports: ["polling"], says: "xhr poll error 503", act: answers(503, RETRY) },
  { fault: "429, `Retry-After: 1`", transports: ["polling"], says: "xhr poll error 429", wait: 1000, act: answers(429, EXPOSED) },
  {
    fault: "503, `Retry-After: 3600`",
    transports: ["polling"],
    says: "xhr poll error 503",
    settings: SHORT,
    wait: 10 * SHORT.reconnectionDelayMax,
    act: answers(503, { ...EXPOSED, "retry-after": "3600" }),
  },
  { fault: "500", transports: ["polling"], says: "xhr poll error 500", act: answers(500) },
  { fault: "502 with a page", transports: ["polling"], says: "xhr poll error 502", act: answers(502, { "content-type": "text/html" }, BAD_GATEWAY) },
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
    plain: true,
    async act(t, proxy) {
      proxy.target = await listening(t, createTcp(() => {}));
      for (const link of proxy.links) link.silence();
      return { lift: () => proxy.links.forEach((link) => link.reset()) };
    },
  },
  { fault: "stall of what the server sends", transports: ["websocket"], says: "ping timeout", plain: true, act: once((link) => link.stall("down")) },
  { fault: "half-close by the server", transports: ["websocket"], says: "transport close", plain: true, act: once((link) => link.halfClose("down")) },
  { fault: "a frame's text changed, of the server's", transports: ["websocket"], says: "transport error", plain: true, act: changes("down", frameText) },
  { fault: "a frame's text changed, of ours", transports: ["websocket"], says: "transport close", plain: true, act: changes("up", frameText) },
  { fault: "a body changed, of the server's", transports: ["polling"], says: "transport error", plain: true, act: changes("down", body) },
  { fault: "a body changed, of ours", transports: ["polling"], says: ["transport close", "transport error"], confirmed: true, plain: true, act: changes("up", body) },
  { fault: "a byte in 10 ms", transports: ["websocket"], slow: true },
];

/** In the page: connects, emits with `retries` or without, and keeps what it is told and hears, under its number. */
const start = async (number, url, reliable, settings) => {
  const { io } = await globalThis.load();
  const options = { forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 200, randomizationFactor: 0 };
  const socket = io(url, { ...options, ...(reliable && { retries: Infinity, ackTimeout: 3000 }), ...settings });
  const client = { socket, told: [], heard: [], gaps: [], sent: 0, pending: 0, plain: [], changed: [] };
  (globalThis.clients ??= {})[number] = client;
  const tell = (word) => client.told.includes(word) || client.told.push(word);
  socket.io.on("error", ({ message, description }) => {
    tell(["number", "string"].includes(typeof description) ? `${message} ${description}` : message);
  });
  socket.on("disconnect", tell);
  socket.on("gap", ({ recovered }) => recovered || client.gaps.push(client.heard.length));
  client.emit = () => {
    const args = ["record", number, (client.sent += 1)];
    if (!reliable) {
      // One of two asks for an acknowledgement.
      return client.plain.push(socket.deliver(...args, ...(client.sent % 2 ? [] : [() => {}])));
    }
    client.pending += 1;
    socket.emit(...args, (error) => {
      if (!error) client.pending -= 1;
    });
  };
  socket.on("tick", (tick) => {
    client.heard.push(tick);
    // So that some are on their way whenever it begins.
    if (!reliable && !client.ended && client.heard.length % 2) client.emit();
  });
  // Of those that have had their end.
  const ends = new Map();
  if (!reliable) {
    socket.onFate(({ id, fate }) => {
      if (ends.has(id)) client.changed.push(`${ends.get(id)} became ${fate}`);
      if (fate !== "held" && fate !== "inFlight") ends.set(id, fate);
    });
  }
};

/** In the page: works, which means that a call is answered and an event heard after it. */
const works = async (number) => {
  const client = globalThis.clients[number];
  client.emit();
  // Without `retries` a call ends with the connection, or waits for what was in an answer that the browser let go (see `endure`).
  const called = () => client.socket.timeout(3000).emitWithAck("call", number).catch(called);
  await called();
  const { length } = client.heard;
  while (client.heard.length === length) await new Promise((heard) => client.socket.once("tick", heard));
};

/** In the page, which may not be shown, so that it draws no frames: until it is told one of that. */
const hears = async (number, texts) => {
  const { told } = globalThis.clients[number];
  while (!told.some((word) => texts.some((text) => word.includes(text)))) await new Promise((later) => setTimeout(later, 10));
  return told.slice();
};

/** In the page: until all is acknowledged or has its end, and what came of it. */
const finish = async (number) => {
  const client = globalThis.clients[number];
  const { socket, plain, changed } = client;
  client.ended = true;
  while (client.pending > 0) await new Promise((later) => setTimeout(later, 10));
  const { gaps, sent } = client;
  const [heard, words] = [client.heard.slice(), client.told.slice()];
  // What has no receipt is uncertain then.
  socket.disconnect();
  const fates = (await Promise.all(plain.map(({ settled }) => settled))).map(({ fate }) => fate);
  return { told: words, heard, gaps, sent, fates, changed };
};

/** A server with ticks, for one tab. */
async function serving(t, browser, tick, options) {
  const tab = await openTab(t, browser, options);
  const runs = new Map();
  tab.io.on("connection", (socket) => {
    socket.on("call", (number, answer) => answer(number));
    socket.on("record", (number, n, answer) => {
      runs.set(`${number} ${n}`, (runs.get(`${number} ${n}`) ?? 0) + 1);
      answer?.();
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

/**
 * Plain emits: each has one end, and a true one. `runs(n)`: how often the server's listener ran for the n-th. `confirmed`: the
 * server may have said that it had one body which it could not read. Returns how many it did not have.
 */
async function judge({ fates, changed }, runs, confirmed) {
  assert.deepEqual(changed, [], "an end stays");
  const told = fates.map((fate, n) => ({ n: n + 1, fate }));
  const odd = told.filter(({ n, fate }) => fate !== "uncertain" && fate !== (n % 2 ? "delivered" : "acknowledged"));
  assert.deepEqual(odd, [], "sent, and delivered where no acknowledgement was asked for");
  const lost = () => told.filter(({ n, fate }) => fate !== "uncertain" && runs(n) === 0);
  // Of one body nothing has arrived, nor been answered.
  const believed = (all) =>
    confirmed &&
    all.every(({ fate }) => fate === "delivered") &&
    told.slice(all[0].n - 1, all.at(-1).n).every(({ n }) => runs(n) === 0);
  // The answer to a POST may be here before the server's listener has run.
  await until(() => lost().length === 0 || believed(lost()), () => `told to have arrived: ${JSON.stringify(lost())}`);
  const twice = told.filter(({ n }) => runs(n) > 1);
  assert.deepEqual(twice, [], "nobody sent it twice");
  return lost().length;
}

/** A client of a fault; `reliable`: with `retries`. */
async function endure(t, tab, number, row, reliable) {
  const { page, runs, repeated } = tab;
  const ask = (what, ...rest) =>
    page.evaluate(what, ...rest).catch((error) => Promise.reject(new Error(`${what.name}: ${error.message}`)));
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
  const slow = { timeout: 30_000, ...(reliable && { ackTimeout: 30_000 }) };
  const settings = { timeout: 1000, ...(row.slow && slow), ...row.settings };
  await ask(start, number, proxy.url, reliable, { transports: row.transports, query: { number }, ...settings });
  await ask(works, number);
  let took = performance.now() - begin;
  if (row.act) {
    const acted = performance.now();
    const { times, lift } = (await row.act(t, proxy)) ?? {};
    await ask((which) => [1, 2, 3].forEach(globalThis.clients[which].emit), number);
    const told = await ask(hears, number, [row.says].flat());
    if (times && row.transports[0] === "polling") await until(() => times.length > 1, () => `a second attempt after ${times}, told ${told}`, 60_000);
    proxy.target = tab.port;
    lift?.();
    const lifted = times || lift ? performance.now() : acted;
    await ask(works, number);
    took = performance.now() - lifted;
    if (row.wait) {
      const between = times.slice(1).map((time, at) => time - times[at]);
      // Timers of browsers are that exact.
      assert.ok(between.every((time) => time >= row.wait - 20), `asked to wait ${row.wait} ms: ${between}`);
    }
  }
  const end = await ask(finish, number);
  const ran = (n) => runs.get(`${number} ${n}`) ?? 0;
  let lost = 0;
  if (reliable) {
    const arrived = Array.from({ length: end.sent }, (_, n) => ran(n + 1)).filter((times) => times > 0).length;
    assert.equal(arrived, end.sent, "what is sent again arrives");
  } else {
    lost = await judge(end, ran, row.confirmed);
  }
  assert.ok(end.heard.every((tick, at) => at === 0 || tick > end.heard[at - 1]), `twice, or out of order: ${end.heard}`);
  const missed = end.heard.at(-1) - end.heard[0] + 1 - end.heard.length;
  // Browsers may repeat a GET by themselves if a kept-alive connection ends before its answer began, and what that answer held is
  // gone without a word.
  const repeats = repeated.has(number);
  const untold = end.heard.filter((tick, at) => at > 0 && tick > end.heard[at - 1] + 1 && !end.gaps.includes(at));
  assert.ok(untold.length === 0 || repeats, `missed without a word before ${untold}: ${JSON.stringify(end)}`);
  return { ...end, took, missed, repeats, lost };
}

/** One line of the table. */
async function line(t, tab, number, row, name) {
  const named = async (reliable) => {
    try {
      return await endure(t, tab, 2 * number + (reliable ? 0 : 1), row, reliable);
    } catch (error) {
      error.message = `${name}, ${row.fault}, ${row.transports}, ${reliable ? "`retries`" : "plain"}: ${error.message}`;
      throw error;
    }
  };
  const ends = await Promise.all(row.plain ? [named(true), named(false)] : [named(true)]);
  const sum = (what) => ends.reduce((total, end) => total + what(end), 0);
  return {
    ...row,
    browser: name,
    told: [...new Set(ends.flatMap(({ told }) => told))],
    sent: ends[0].sent,
    fates: ends[1]?.fates ?? [],
    lost: sum(({ lost }) => lost),
    heard: sum(({ heard }) => heard.length),
    missed: sum(({ missed }) => missed),
    gaps: sum(({ gaps }) => gaps.length),
    took: Math.max(...ends.map(({ took }) => took)),
    repeats: sum(({ repeats }) => repeats),
  };
}

async function inBrowser(t, name) {
  const browser = await launch(name, { extraPrefsFirefox: UNTHROTTLED });
  launched.push(browser);
  const random = new Random(seed);
  const cuts = Array.from({ length: CUTS }, () => {
    const direction = random.pick(["up", "down"]);
    const after = random.between(0, BYTES[direction]);
    return { fault: "cut", transports: ["polling", "websocket"], cut: { direction, after } };
  });
  // Silence is noticed late where every byte takes its time.
  const quick = await serving(t, browser, 100, { pingInterval: 400, pingTimeout: 1500 });
  const slow = await serving(t, browser, 1500, { pingInterval: 25_000 });
  const lines = (some, from) =>
    Promise.allSettled(some.map((row, at) => line(t, row.slow ? slow : quick, from + at, row, name)));
  // One after the other: a browser takes its time for many connections.
  return [...(await lines(rows, 0)), ...(await lines(cuts, rows.length))];
}

const count = (fates, wanted) => fates.filter((fate) => fate === wanted).length;

const columns = {
  fault: ({ fault }) => fault,
  browser: ({ browser }) => browser,
  transport: ({ transports }) => transports.join(", then "),
  told: (row) => row.told.join("; ") || "–",
  "works again after": ({ slow, took }) => `${slow ? "works meanwhile, after " : ""}${Math.round(took)} ms`,
  "`retries`": ({ sent }) => `${sent} of ${sent}`,
  "plain: delivered, acknowledged, uncertain, lost": ({ fates, lost }) =>
    fates.length > 0 ? [count(fates, "delivered") - lost, count(fates, "acknowledged"), count(fates, "uncertain"), lost].join(", ") : "–",
  "events: heard, missed, gaps told": ({ heard, missed, gaps }) => `${heard}, ${missed}, ${gaps}`,
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
    heard: sum(({ heard }) => heard),
    missed: sum(({ missed }) => missed),
    gaps: sum(({ gaps }) => gaps),
  };
}

test("faults of networks and of what stands in front of the server", { skip: upstream && "it forgets" }, async (t) => {
  const ended = (await Promise.all(browsers.map((name) => inBrowser(t, name)))).flat();
  const failed = ended.filter(({ status }) => status === "rejected").map(({ reason }) => reason.message);
  assert.equal(failed.length, 0, `${failed.length} of ${ended.length}:\n${failed.join("\n")}`);
  const lines = ended.map(({ value }) => value);
  const shown = browsers.flatMap((name) => {
    const mine = lines.filter(({ browser }) => browser === name);
    return [...mine.filter(({ cut }) => !cut), summed(mine.filter(({ cut }) => cut))];
  });
  const plain = lines.flatMap(({ fates }) => fates);
  assert.ok(["delivered", "acknowledged"].every((fate) => count(plain, fate) > 0), `none arrived: ${plain}`);
  t.diagnostic(`seed ${seed}: ${lines.filter(({ cut }) => cut).length} cut offsets and ${rows.length} faults in each browser, all worked again; ${plain.length} plain emits, each with its true fate; ${lines.filter(({ repeats }) => repeats).length} lines in which a browser repeated a GET`);
  const text = `The same in pages, with the npm package; seed ${seed}:\n\n${markdown(columns, shown)}\n`;
  writeFileSync(join(import.meta.dirname, "../../.work/faults-browser.md"), text);
});
