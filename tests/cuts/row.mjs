// One row of the table: one client, one server, and what happens to them. Everything is fresh, and gone afterwards.
import { Child } from "./child.mjs";
import { cut } from "./cutter.mjs";
import { broken, judge, promises, repeated } from "./judge.mjs";
import { Proxy } from "./proxy.mjs";
import { Random } from "./random.mjs";
import { isOnce, startServers } from "./servers.mjs";

/** A client of which nothing is heard for so long after the last cut will say nothing more. ms */
const QUIET = 20_000;

/** What a client and its servers say. */
class Account {
  sent = [];
  settled = [];
  #open = new Set();

  constructor(child) {
    this.child = child;
    child.on("line", (line) => this.#line(line));
  }

  /** Emitted, and no word of it yet. */
  get unsettled() {
    return [...this.#open];
  }

  #line({ sent, settled, ...rest }) {
    if (settled !== undefined) {
      this.settled.push({ n: settled, ...rest });
      this.#open.delete(settled);
    } else if (sent !== undefined && !rest.done) {
      this.sent.push(sent);
      this.#open.add(sent);
    }
  }

  /** Resolves once so many more have settled; with false, if they do not. */
  more(count) {
    const wanted = this.settled.length + count;
    const enough = () => this.settled.length >= wanted;
    return this.child.next(`${count} more settled events`, enough, { limit: QUIET }).catch(() => false);
  }

  /** Tells it to send no more, and waits until all is settled, or until nothing is heard any more. */
  async finish() {
    this.child.send({ stop: true });
    for (;;) {
      const before = this.settled.length;
      try {
        await this.child.next("the end", ({ done }) => done, { limit: QUIET });
        return true;
      } catch {
        if (this.child.ended || this.settled.length === before) return false;
      }
    }
  }
}

/** Kills the node that the client uses, as often as wanted, each time with events under way; starts it again. */
async function kill(proxy, random, account, servers, count) {
  const doubtful = new Set();
  let kills = 0;
  for (; kills < count; kills += 1) {
    if (!(await account.more(random.between(30, 60)))) break;
    const node = servers.nodes.find(({ port }) => port === proxy.target);
    const other = servers.nodes.find((candidate) => candidate !== node);
    proxy.target = other.port;
    await node.kill();
    account.unsettled.forEach((n) => doubtful.add(n));
    await node.up();
  }
  return { kills, doubtful: [...doubtful] };
}

/**
 * `client` is an entry of `clients`, built: with `command`, `args` and `env`. The result:
 *   counts     the judge's
 *   cuts       how often each kind came; with `kills` instead: `doubtful`, what was unsettled when a node was killed
 *   faults     promises that were broken
 *   problems   what kept the row from its end
 *   words      what the client said besides
 *   panics     of the client, which its application survived
 */
export async function play(row) {
  const { server, client, options, window, seed, cuts, kills = 0, handlerMs, loseAcks, transports, inDoubt } = row;
  const begin = performance.now();
  const random = new Random(seed);
  const servers = await startServers(server, { seed, handlerMs, inDoubt });
  const proxy = await new Proxy(servers.ports()[0]).listen();
  const ahead = client.unqueued ? window : 2 * window;
  const job = { url: `http://127.0.0.1:${proxy.port}`, name: "c", options, transports, ahead };
  const child = new Child(client.command, [...client.args, JSON.stringify(job)], client.env);
  const account = new Account(child);
  try {
    const trouble = kills
      ? kill(proxy, random, account, servers, kills)
      : cut(proxy, random, { count: cuts, targets: servers.ports, loseAcks }).then((counts) => ({ cuts: counts }));
    // A client that ended cannot be cut.
    const made = (await Promise.race([trouble, child.exit.then(() => undefined)])) ?? { cuts: {} };
    const finished = await account.finish();
    const problems = finished ? [] : [child.ended ? "the client ended" : "the client stopped saying anything"];
    const sum = Object.values(made.cuts ?? {}).reduce((a, b) => a + b, 0);
    if (made.kills < kills) problems.push(`killed ${made.kills} times only: nothing settled any more`);
    if (!kills && sum < cuts) problems.push(`cut ${sum} times only: the client did not come back`);
    await child.kill();
    await servers.stop();
    const counts = judge({ ...account, runs: servers.runs });
    const faults = client.ours ? broken(counts, promiseOf(server, made, inDoubt)) : [];
    const strangers = [...repeated(servers.runs)].filter((n) => kills && !made.doubtful?.includes(n));
    if (strangers.length) problems.push(`ran twice, and were not under way when a server was killed: ${strangers}`);
    const seconds = (performance.now() - begin) / 1000;
    const panics = child.words.filter((word) => word.startsWith("panic ")).length;
    return { counts, ...made, faults, problems, words: child.words, panics, seconds };
  } finally {
    await child.kill();
    await servers.stop();
    proxy.close();
  }
}

/** A handler that a killed node had begun may run again, unless an error is to be told instead. */
function promiseOf(server, { kills, doubtful }, inDoubt) {
  const promise = isOnce(server) ? promises.exactlyOnce : promises.stock;
  if (!kills) return promise;
  const most = doubtful.length;
  return { ...promise, ...(inDoubt === "fail" ? { inDoubt: most } : { twice: most, jumps: most }) };
}
