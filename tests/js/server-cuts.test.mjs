// Cuts at moments of a seed's choice, while a client that counts its events keeps sixteen of them in flight: each runs once,
// in order, and gets its own answer. And servers that are killed meanwhile. CUTS, KILLS and SEED for other runs; TESTS_FULL=1:
// a hundred cuts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { delivery, Link, redisServer, serverProcess } from "./delivery.mjs";
import { until } from "./server.mjs";

const full = Boolean(process.env.TESTS_FULL);
const CUTS = Number(process.env.CUTS ?? (full ? 100 : 40));
const KILLS = Number(process.env.KILLS ?? (full ? 6 : 3));
const SEED = Number(process.env.SEED ?? 20261121);
const WINDOW = 16;

/** xorshift32: an integer below `n`. */
function random(seed) {
  let state = seed >>> 0 || 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

/** Sends, resends from the lowest unsettled event on after each join, and settles what is acknowledged. */
class Sender {
  sent = 0;
  wrong = 0;
  /** Events that were answered with "in doubt". */
  doubtful = new Set();
  #settled = new Set();
  #base = 0;
  #next = 0;

  constructor(id) {
    this.id = id;
  }

  get base() {
    return this.#base;
  }

  async open(t, port) {
    const link = await Link.open(t, port, delivery(this.id, this.#base));
    this.link = link;
    link.onAck = (id, value) => this.#acked(link, id, value);
    this.#next = this.#base;
  }

  #acked(link, n, answer) {
    if (answer.$delivery?.error === "inDoubt") this.doubtful.add(n);
    else if (answer.n !== n || answer.value !== n * 7 + 1) this.wrong += 1;
    // What comes on a link that was given up is as if it were lost.
    if (link !== this.link) return;
    this.#settled.add(n);
    while (this.#settled.delete(this.#base)) this.#base += 1;
    this.onSettled?.();
  }

  /** Fills the window, up to this event at most. */
  send(end = Infinity) {
    this.#next = Math.max(this.#next, this.#base);
    for (; this.#next < Math.min(this.#base + WINDOW, end); this.#next += 1) {
      if (this.#settled.has(this.#next)) continue;
      this.sent += 1;
      this.link.emit(this.#next, "op", { client: this.id, n: this.#next });
    }
  }
}

/** What the servers ran against what was sent. Order is that of first runs. */
function judge(total, servers) {
  const runs = servers.flatMap(({ runs }) => runs).sort((a, b) => a.at - b.at);
  const counts = new Map();
  let [last, order] = [-1, 0];
  for (const { n } of runs) {
    if (!counts.has(n)) {
      if (n < last) order += 1;
      last = n;
    }
    counts.set(n, (counts.get(n) ?? 0) + 1);
  }
  const twice = [...counts.values()].filter((count) => count > 1).length;
  const unrun = [...Array(total).keys()].filter((n) => !counts.has(n));
  return { events: total, unrun, twice, order };
}

async function storm(t, servers, chance) {
  const sender = new Sender("storm.0");
  const left = [];
  let end = 0;
  for (let cut = 0; cut < CUTS; cut += 1) {
    await sender.open(t, servers[chance(servers.length)].port);
    // Links that were given up still live at the server, until the next cut.
    for (const link of left.splice(0)) await link.cut();
    // From a cut right behind the first events to one after a few windows.
    const goal = sender.base + chance(3) * chance(2 * WINDOW);
    const stopped = new Promise((resolve) => {
      sender.onSettled = () => (sender.base >= goal ? resolve() : sender.send());
    });
    sender.send();
    if (goal > sender.base) await stopped;
    sender.onSettled = undefined;
    end = Math.max(end, sender.base + WINDOW);
    if (cut % 3 === 2) left.push(sender.link);
    else await sender.link.cut();
  }
  await sender.open(t, servers[0].port);
  sender.onSettled = () => sender.send(end);
  sender.send(end);
  await until(() => sender.base === end, "everything is acknowledged");
  for (const link of left) await link.cut();
  const counters = {};
  for (const server of servers) {
    for (const [name, count] of Object.entries(await server.stats())) counters[name] = (counters[name] ?? 0) + count;
  }
  return { sender, counters, judged: judge(end, servers) };
}

function report(t, what, { sender, counters, judged: { events, unrun, twice, order } }) {
  const lost = unrun.filter((n) => !sender.doubtful.has(n)).length;
  const { wrong, sent } = sender;
  t.diagnostic(`seed ${SEED}, ${what}, window ${WINDOW}: ${JSON.stringify({ events, sent, lost, twice, "out of order": order, wrong })}`);
  const { run, answered, waited, undone, inDoubt } = counters;
  t.diagnostic(`middleware: ${JSON.stringify({ run, answered, waited, undone, inDoubt })}`);
  for (const name of ["failed", "overflow", "invalid", "mismatched"]) assert.equal(counters[name] ?? 0, 0, name);
  return { lost, twice, order, wrong };
}

const clean = { lost: 0, twice: 0, order: 0, wrong: 0 };

for (const HANDLER_MS of ["0", "30"]) {
  test(`results in memory, handlers of 0 to ${HANDLER_MS} ms`, async (t) => {
    const server = await serverProcess(t, { HANDLER_MS, SEED: String(SEED) });
    const outcome = await storm(t, [server], random(SEED));
    assert.deepEqual(report(t, `${CUTS} cuts`, outcome), clean);
    assert.ok(outcome.counters.answered > 0);
  });
}

test("without the middleware the same cuts make handlers run twice", async (t) => {
  const server = await serverProcess(t, { PLAIN: "1", HANDLER_MS: "30", SEED: String(SEED) });
  const { lost, twice, wrong } = report(t, `${CUTS} cuts`, await storm(t, [server], random(SEED)));
  assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 });
  assert.ok(twice > 0, "the test sees what it is for");
});

test("results in Redis, two servers, handlers of 0 to 30 ms", async (t) => {
  const environment = { REDIS: await redisServer(t), HANDLER_MS: "30", SEED: String(SEED) };
  const servers = [await serverProcess(t, environment), await serverProcess(t, environment)];
  const outcome = await storm(t, servers, random(SEED));
  assert.deepEqual(report(t, `${CUTS} cuts`, outcome), clean);
  assert.ok(outcome.counters.waited > 0);
});

// Debian's own, for which its packages are. Or another one that has python-socketio and aiohttp.
const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";

test("python-socketio, handlers of 0 to 30 ms", async (t) => {
  const server = await serverProcess(t, { HANDLER_MS: "30", SEED: String(SEED) }, PYTHON);
  assert.deepEqual(report(t, `${CUTS} cuts`, await storm(t, [server], random(SEED))), clean);
});

/** Two servers, of which the one that has the client is killed again and again. */
async function kills(t, chance, start) {
  const sender = new Sender("kills.0");
  const living = [await start(), await start()];
  const servers = [...living];
  let at = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    await sender.open(t, living[at].port);
    const goal = sender.base + WINDOW + chance(4 * WINDOW);
    const reached = new Promise((resolve) => {
      sender.onSettled = () => (sender.base >= goal ? resolve() : sender.send());
    });
    sender.send();
    await reached;
    sender.onSettled = undefined;
    sender.send();
    await living[at].kill();
    await sender.link.closed;
    living[at] = await start();
    servers.push(living[at]);
    at = 1 - at;
  }
  const end = sender.base + WINDOW;
  await sender.open(t, living[at].port);
  sender.onSettled = () => sender.send(end);
  sender.send(end);
  await until(() => sender.base === end, "everything is acknowledged");
  // Of the last server only: the others took theirs along.
  const counters = await living[at].stats();
  return { sender, counters, judged: judge(end, servers) };
}

for (const inDoubt of ["run", "fail"]) {
  test(`servers are killed under load, inDoubt: "${inDoubt}"`, async (t) => {
    const ONCE = JSON.stringify({ inDoubt, lease: 500 });
    const environment = { REDIS: await redisServer(t), HANDLER_MS: "30", SEED: String(SEED), ONCE };
    const outcome = await kills(t, random(SEED), () => serverProcess(t, environment));
    const { twice, ...rest } = report(t, `${KILLS} times kill -9`, outcome);
    assert.deepEqual({ twice: 0, ...rest }, clean);
    t.diagnostic(`answered as in doubt: ${outcome.sender.doubtful.size}, of these not run: ${outcome.judged.unrun.length}`);
    assert.ok(twice <= (inDoubt === "run" ? KILLS * WINDOW : 0), String(twice));
  });
}
