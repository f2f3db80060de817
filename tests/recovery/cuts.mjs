// Rows 1 and 2: clients are cut, again and again, while the server emits numbered events to everybody.
import { judge as judgeSent, broken as brokenSent, promises } from "../cuts/judge.mjs";
import { Random } from "../cuts/random.mjs";
import { Listener } from "./clients.mjs";
import { broken, judge, sum, tally } from "./judge.mjs";
import { RecoveryServer } from "./server.mjs";

/** Between two events. ms */
const TICK = 3;
/** A cut comes so long after the client has joined. ms */
const AFTER_JOINING = [20, 50];
/** Who has not joined by then does not come back: a connection that falls silent before it is open is waited for for 20 s. ms */
const JOIN_LIMIT = 45_000;
/** The last event reaches those that hear within this. ms */
const HEAR_LIMIT = 5_000;

/** What a server is told of at once. */
const plain = {
  reset: (link) => link.reset(),
  fin: (link) => link.finish(),
  1000: (link) => link.sayGoodbye(1000),
  1001: (link) => link.sayGoodbye(1001),
};

/** What it has to find out; in `silence` the client too. */
const halfOpen = {
  "client reset": (link) => link.abandon(false),
  "client fin": (link) => link.abandon(true),
  silence: (link) => link.silence(),
};

/** All cuts of one client, drawn before the first. The last of every three is half-open: so is the last of all. */
export function plan(random, count, withHalfOpen) {
  return Array.from({ length: count }, (_, at) => {
    const isHalfOpen = withHalfOpen && (count - at) % 3 === 1;
    const side = random.next() < 0.5 ? "client reset" : "client fin";
    const kinds = isHalfOpen ? (random.next() < 0.5 ? ["silence"] : [side]) : Object.keys(plain);
    return { kind: random.pick(kinds), delay: random.between(...AFTER_JOINING) };
  });
}

const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Cuts a client as planned. Returns how often: less, if it did not come back. */
async function cut(listener, cuts) {
  const { proxy } = listener;
  const done = new Set();
  // Without an offset there is nothing to resume from.
  await listener.until("an event", ({ heard }) => heard);
  for (const [at, { kind, delay }] of cuts.entries()) {
    try {
      await listener.joined(at + 1, JOIN_LIMIT);
    } catch {
      return at;
    }
    await wait(delay);
    // A client may hold on to one that it has given up.
    for (const link of proxy.links.filter((link) => !done.has(link))) {
      done.add(link);
      (plain[kind] ?? halfOpen[kind])(link);
    }
  }
  return cuts.length;
}

/** The client says of each emit what became of it. */
async function finishSending(listener) {
  listener.send("stop");
  await listener.until("the end of its emits", ({ done }) => done, { limit: JOIN_LIMIT }).catch(() => {});
}

function sent(listener, runs) {
  const lines = listener.lines;
  const settled = lines.filter(({ settled }) => settled !== undefined).map(({ settled: n, ...rest }) => ({ n, ...rest }));
  const mine = runs.filter(({ client }) => client === listener.name);
  return judgeSent({ sent: lines.filter((line) => line.sent !== undefined).map(({ sent }) => sent), settled, runs: mine });
}

/**
 * Row 1, or with `both` row 2: reliable emits the other way too, to a server with the middleware, and every third cut
 * half-open. `client`: an entry of `clients` with its program. Returns
 * `{ listeners, kinds, others, counts, out, faults, problems, words, seconds }`; `out`: the other judge's; `others`: outages
 * that were no cuts.
 */
export async function playCuts({ client, seed, cuts, listeners: many, both }) {
  const begin = performance.now();
  const server = await RecoveryServer.start({ once: both, handlerMs: both ? 30 : 0, seed });
  const listeners = [];
  const problems = [];
  try {
    server.child.send({ tick: TICK });
    for (let at = 0; at < many; at += 1) {
      const job = { name: `c${at}`, ...(both && { ahead: 4, exactlyOnce: true }) };
      const listener = await Listener.start(client.program, server.port, job);
      listener.name = job.name;
      listeners.push(listener);
    }
    const plans = listeners.map((_, at) => plan(new Random(seed + at), share(cuts, many, at), both));
    const made = await Promise.all(listeners.map((listener, at) => cut(listener, plans[at])));
    await Promise.all(listeners.map((listener, at) => listener.joined(made[at] + 1, JOIN_LIMIT).catch(() => {})));
    // Until the server has found out about all that is gone, which is when a resumed session may go deaf.
    if (!(await server.settled(many))) problems.push(`${server.sessions} sessions are left, not ${many}`);
    if (both) await Promise.all(listeners.map(finishSending));
    // All of it was sent before what is emitted now.
    const last = await server.ask({ tick: 0 }, "ticked");
    const final = listeners.map((listener) => hears(listener, last));
    await server.emit(["n", last]);
    await Promise.all(final);
    const counts = sum(listeners.map((listener) => judge(listener.lines, last)));
    const out = both ? sum(listeners.map((listener) => ({ ...sent(listener, server.runs), reasons: {} }))) : undefined;
    const done = made.reduce((a, b) => a + b, 0);
    if (done < cuts) problems.push(`cut ${done} times only: a client did not come back`);
    // On a busy machine a heartbeat may fail by itself. That outage is to be resumed like the others.
    const others = Math.max(counts.joins - cuts, 0);
    const faults = client.ours ? [...broken(counts, { recovered: cuts + others }), ...(out ? brokenSent(out, promises.exactlyOnce) : [])] : [];
    const kinds = tally(plans.flatMap((plan, at) => plan.slice(0, made[at]).map(({ kind }) => kind)));
    const words = listeners.flatMap(({ client }) => client.words.slice(-10));
    return { listeners: many, kinds, others, counts, out, faults, problems, words, seconds: (performance.now() - begin) / 1000 };
  } finally {
    await Promise.all([server.stop(), ...listeners.map((listener) => listener.stop())]);
  }
}

/** Of `cuts` those of one client of several. */
const share = (cuts, many, at) => Math.floor(cuts / many) + (at < cuts % many ? 1 : 0);

const hears = (listener, n) =>
  listener.until("the last event", ({ heard, args }) => heard === "n" && args[0] === n, { limit: HEAR_LIMIT }).catch(() => {});
