// Rows 3, 5, 6 and 7, and some of 2: one thing after the other, each once the last has been seen.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../client-wasm/js/cargo.mjs";
import { Listener } from "./clients.mjs";
import { broken, judge } from "./judge.mjs";
import { RecoveryServer } from "./server.mjs";

/** What was sent reaches those that hear within this. ms */
const HEAR_LIMIT = 3_000;

const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** One client, one server after the other, and events with numbers. */
class Stage {
  /** Of the next event. */
  next = 0;
  faults = [];

  static async open(client, { job, ...settings } = {}) {
    const stage = new Stage();
    Object.assign(stage, { client, job, settings });
    stage.server = await RecoveryServer.start(settings);
    stage.listener = await Listener.start(client.program, stage.server.port, job);
    await stage.joined(1);
    return stage;
  }

  joined(times) {
    return this.listener.joined(times, 20_000);
  }

  /** An event that the client hears, if it hears at all. */
  async live() {
    const n = this.next;
    const heard = this.listener.until("an event", (line) => line.heard === "n" && line.args[0] === n, { limit: HEAR_LIMIT });
    await this.missed();
    await heard.catch(() => {});
  }

  /** One that comes while it is away. */
  async missed() {
    const n = this.next++;
    await this.server.emit(["n", n]);
  }

  /** `act` on each link; the client is away until `back`. */
  async away(act) {
    const from = this.listener.lines.length;
    const { proxy } = this.listener;
    this.port = proxy.target;
    proxy.target = undefined;
    proxy.links.forEach(act);
    await this.listener.until("the loss", ({ left }) => left !== undefined, { from });
  }

  /** Resolves once the client has joined once more. */
  async back() {
    this.listener.proxy.target = this.port;
    await this.joined(this.listener.joins + 1);
  }

  /** What a server is told of; the client comes back at once. */
  async cut() {
    const { gone } = this.server;
    const before = gone.length;
    const noticed = this.server.child.next("the loss", () => gone.length > before);
    await this.away((link) => link.reset());
    await noticed;
  }

  /** The server is gone without a word, or with `signal`; another one is there in its place. */
  async replaceServer(signal) {
    const from = this.listener.lines.length;
    const old = this.server;
    this.server = await RecoveryServer.start(this.settings);
    this.port = this.server.port;
    this.listener.proxy.target = undefined;
    old.child.process.kill(signal);
    await old.ended();
    await this.listener.until("the loss", ({ left }) => left !== undefined, { from });
  }

  check(holds, what) {
    if (!holds) this.faults.push(what);
  }

  /** What the client has said since. */
  said(field) {
    return this.listener.lines.filter((line) => line[field] !== undefined).map((line) => line[field]);
  }

  async close() {
    await Promise.all([this.server.stop(), this.listener.stop()]);
  }
}

/** The text by which a server names a moment. */
function yeast(time) {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
  let text = "";
  for (let rest = time; rest > 0; rest = Math.floor(rest / 64)) text = digits[rest % 64] + text;
  return text;
}

/** Row 2 too. It was resumed before, and is out of reach for longer than the server is asked in vain, which is a second. */
async function outOfReach(stage) {
  await stage.live();
  await stage.cut();
  await stage.missed();
  await stage.back();
  await stage.live();
  await stage.away((link) => link.abandon(false));
  await stage.missed();
  await wait(1_200);
  await stage.back();
  await stage.server.settled(1);
  await stage.live();
}

/** Row 3. A session that had moved to WebSocket cannot be taken over; it was resumed before. */
async function cannotBeTakenOver(stage, rounds) {
  const { listener, server } = stage;
  await server.upgraded(1);
  const backAndMoved = async () => {
    const upgrades = server.upgrades + 1;
    await stage.back();
    await server.upgraded(upgrades);
  };
  for (let round = 0; round < rounds; round += 1) {
    await stage.live();
    await stage.cut();
    await stage.missed();
    await backAndMoved();
    await stage.live();
    await stage.away((link) => link.abandon(round % 2 === 1));
    // Into the dead link.
    await stage.missed();
    const before = server.here.length;
    await backAndMoved();
    stage.check(server.here[before].auth.pid === undefined, `round ${round}: a session was claimed that was still served`);
    // When the ghost goes it may take the new one's rooms along.
    await server.settled(1);
    await stage.live();
    const heard = listener.lines.some((line) => line.heard === "n" && line.args[0] === stage.next - 1);
    stage.check(heard, `round ${round}: it hears nothing any more`);
  }
}

/** Row 4. Another process with the same file, or a tab that is a copy, comes to the same server. */
async function oneSessionForTwo(stage) {
  const { client, job, listener, server } = stage;
  await stage.live();
  const other = await Listener.behind(listener.proxy, client.program, job);
  try {
    await other.joined(1);
    stage.check(server.here.at(-1).auth.pid === undefined, "the other one claimed the session");
    stage.check(server.gone.length === 0, "a session ended");
    const n = stage.next;
    const heard = other.until("an event", (line) => line.heard === "n" && line.args[0] === n, { limit: HEAR_LIMIT });
    await stage.live();
    await heard.catch((error) => stage.check(false, error.message));
  } finally {
    await other.client.kill();
  }
}

/** Trailing arguments that look like an offset, or are one, of another time. */
const trailing = {
  deleted: () => "deleted",
  success: () => "success",
  "7 letters of an hour ago": () => yeast(Date.now() - 3_600_000),
  "7 letters of next year": () => yeast(Date.now() + 365 * 24 * 3_600_000),
  "an empty text": () => "",
  "bytes": () => ({ $bytes: "AQID" }),
};

const ways = { plain: {}, acked: { ack: true }, volatile: { volatile: true } };

/** Row 5. */
async function offsets(stage) {
  const { listener } = stage;
  for (const [what, value] of Object.entries(trailing)) {
    for (const [how, way] of Object.entries(ways)) {
      await stage.live();
      const from = listener.lines.length;
      await stage.server.emit(["other", value()], way);
      await listener.until(`${how}, ${what}`, ({ heard }) => heard === "other", { from });
      await stage.cut();
      await stage.missed();
      await stage.missed();
      await stage.back();
      await stage.live();
      const others = listener.lines.slice(from).filter(({ heard }) => heard === "other").length;
      stage.check(others === 1, `${how}, ${what}: heard ${others} times`);
      const { recovered } = stage.said("joined").at(-1);
      stage.check(recovered, `${how}, ${what}: not resumed`);
    }
  }
}

/** Row 6. Idle for so long that the server has thrown away the event whose offset the client has. */
async function idle(stage, tickMs) {
  await stage.live();
  const timer = tickMs && setInterval(() => void stage.missed(), tickMs);
  await stage.server.child.next("the sweep", ({ swept }) => (tickMs ? swept !== undefined : swept === 0), { limit: 90_000 });
  clearInterval(timer);
  if (tickMs) await stage.live();
  await stage.cut();
  await wait(100);
  await stage.back();
  await stage.live();
}

/** After an outage that the server ended for good. */
async function comeBack(stage) {
  await stage.missed();
  await stage.back();
  await stage.live();
}

/** Says it, and waits until the client is out of the namespace. */
async function leave(stage, act) {
  const from = stage.listener.lines.length;
  act();
  await stage.listener.until("the end", ({ left }) => left !== undefined, { from });
  await stage.missed();
  stage.listener.send("connect");
  await stage.joined(2);
  await stage.live();
}

/** The events come before the refusal. They are not delivered; what is then, once. */
async function refusal(stage) {
  const { listener, server } = stage;
  await stage.live();
  await stage.cut();
  await stage.missed();
  await stage.missed();
  await server.ask({ refuse: true }, "refusing");
  const from = listener.lines.length;
  listener.proxy.target = stage.port;
  await listener.until("the refusal", ({ refused }) => refused, { from });
  // Whatever came before it has been handed on by now.
  const early = listener.lines.slice(from).filter(({ heard }) => heard).length;
  stage.check(server.asked.at(-1).recovered, "the server had nothing to replay");
  stage.check(early === 0, `${early} events were delivered before the refusal`);
  await server.ask({ refuse: false }, "refusing");
  listener.send("connect");
  await stage.joined(2);
  await stage.live();
}

/** Where nothing is half-open: a busy machine loses no connection by itself. */
const calm = { options: { pingInterval: 25_000 } };
const polling = { job: { transports: ["polling", "websocket"] } };
const quickSweep = { recovery: { maxDisconnectionDuration: 2_000 }, sweepMs: 2_500 };
const slowSweep = { recovery: { maxDisconnectionDuration: 10_000 }, sweepMs: 60_000 };

/**
 * Each with what it needs, and what is to come of it: `gap` (the reasons, and how many events they cover), or nothing lost at
 * all; `resumed`: how many outages.
 */
export const scenes = {
  "half-open, then out of reach for a while": { row: 2, act: outOfReach, resumed: () => 2 },
  "second half-open loss, upgraded": {
    row: 3,
    // It notices by itself only after a busy browser is back.
    settings: { ...polling, options: { pingTimeout: 1_500 } },
    act: (stage, full) => cannotBeTakenOver(stage, full ? 10 : 3),
    // Each round: one that is resumed, one that is not.
    resumed: (full) => (full ? 10 : 3),
    gaps: (full) => ({ "server-not-noticed": full ? 10 : 3 }),
  },
  "two clients with one stored session": {
    row: 4,
    stored: true,
    // A tab in the background has slower timers too.
    settings: () => ({
      ...calm,
      job: { store: mkdtempSync(join(root, "tests/.work/tmp/session-")) },
    }),
    act: async (stage) => {
      await oneSessionForTwo(stage);
      rmSync(stage.job.store, { recursive: true });
    },
  },
  "trailing texts that are no offsets": {
    row: 5,
    settings: calm,
    act: offsets,
    resumed: () => Object.keys(trailing).length * Object.keys(ways).length,
  },
  "idle for longer than events are kept": {
    row: 6,
    settings: (full) => (full ? slowSweep : quickSweep),
    act: (stage) => idle(stage),
    gaps: () => ({ "unknown-session": 1 }),
  },
  "idle but for an event now and then": {
    row: 6,
    settings: (full) => (full ? slowSweep : quickSweep),
    act: (stage, full) => idle(stage, full ? 5_000 : 50),
    resumed: () => 1,
  },
  "DISCONNECT by the server": {
    row: 7,
    settings: calm,
    act: async (stage) => {
      await stage.live();
      await leave(stage, () => stage.server.child.send({ disconnect: true }));
    },
    gaps: () => ({ "namespace-disconnect": 1 }),
  },
  "DISCONNECT by the client": {
    row: 7,
    settings: calm,
    act: async (stage) => {
      await stage.live();
      await leave(stage, () => stage.listener.send("disconnect"));
    },
    gaps: () => ({ "namespace-disconnect": 1 }),
  },
  "kill -9": {
    row: 7,
    settings: calm,
    act: async (stage) => {
      await stage.live();
      await stage.replaceServer("SIGKILL");
      await comeBack(stage);
    },
    gaps: () => ({ "unknown-session": 1 }),
  },
  SIGTERM: {
    row: 7,
    settings: calm,
    act: async (stage) => {
      await stage.live();
      await stage.replaceServer("SIGTERM");
      await comeBack(stage);
    },
    gaps: () => ({ "unknown-session": 1 }),
  },
  expired: {
    row: 7,
    settings: { ...calm, recovery: { maxDisconnectionDuration: 200 } },
    act: async (stage) => {
      await stage.live();
      await stage.cut();
      // The time that is kept, and a little.
      await wait(250);
      await comeBack(stage);
    },
    gaps: () => ({ "unknown-session": 1 }),
  },
  "no offset": {
    row: 7,
    settings: calm,
    act: async (stage) => {
      await stage.cut();
      await comeBack(stage);
    },
    gaps: () => ({ "no-offset": 1 }),
  },
  "refused by a middleware after the replay": {
    row: 7,
    settings: { ...calm, refuse: true, recovery: { skipMiddlewares: false } },
    act: refusal,
    resumed: () => 1,
  },
};

/** Plays one. Returns `{ row, counts, faults, problems, seconds }`; `faults` for the others too. */
export async function playScene(name, client, { full = false } = {}) {
  const begin = performance.now();
  const { row, settings = {}, act, resumed = () => 0, gaps = () => ({}) } = scenes[name];
  const stage = await Stage.open(client, typeof settings === "function" ? settings(full) : settings);
  try {
    const problems = [];
    await act(stage, full).catch((error) => problems.push(error.message));
    const counts = judge(stage.listener.lines, stage.next - 1);
    const faults = [...stage.faults, ...broken(counts, { recovered: resumed(full), reasons: gaps(full) })];
    const words = stage.listener.client.words.slice(-10);
    return { row, counts, faults, problems, words, seconds: (performance.now() - begin) / 1000 };
  } finally {
    await stage.close();
  }
}
