// The client's server goes: closed in an orderly way, killed, or frozen. The client is back on another one, and either has
// every event or says that some may be missing. The published client stands beside it.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { until } from "../js/server.mjs";
import { connectTo } from "./client.mjs";
import { startCluster } from "./cluster.mjs";
import { publish } from "./results.mjs";

/** How clients come to servers; `urls` has no balancer, but names both servers. */
const FRONTS = ["haproxy", "haproxy-cookie", "nginx", "nginx-cookie", "urls", "haproxy-cookie polling", "nginx-cookie polling"];

/** For an attempt of a client that names both: what a frozen server may take of it before the other is tried. */
const ATTEMPT = 2_000;

/** The heartbeat's interval and timeout. */
const PING = 300;

/** Events a second of the server that stays. */
const TRAFFIC = 100;

/** How the published client comes to them. */
const PUBLISHED = ["haproxy", "nginx"];

/** `reasons`: what may be said. */
const faults = {
  SIGTERM: { act: (node) => node.term(), recovered: true, reasons: ["seam"] },
  "kill -9": { act: (node) => node.kill(), reasons: ["unknown-session"] },
  SIGSTOP: { act: (node) => node.freeze(), reasons: ["unknown-session", "server-not-noticed"] },
};

// A frozen server is noticed when the heartbeat is missed.
const rows = [["fault", "front", "client", "back after", "recovered", "gap", "missing events", "twice"]];
after(() => publish("cluster-faults", "The client's server ends; the times until it was back on another one:", rows));

/** The numbers of one server's traffic, in the order in which they came. */
const numbers = (client, name) => client.events("n", 2).filter(([from]) => from === name).map(([, n]) => n);

/** Numbers that did not come, though a server that resumes a session can lose only what lies between its replay and live events. */
function outsideSeam(client, name, last) {
  const received = client.received("n").filter(({ args: [from] }) => from === name);
  const again = received.filter(({ join }) => join > 1).map(({ args: [, n], replayed }) => ({ n, replayed }));
  const before = received.filter(({ join, replayed }) => join === 1 || replayed).map(({ args: [, n] }) => n);
  const [low, high] = [Math.max(...before), Math.min(...again.filter(({ replayed }) => !replayed).map(({ n }) => n))];
  const seen = new Set(received.map(({ args: [, n] }) => n));
  const missing = [];
  for (let n = received[0].args[1]; n <= last; n += 1) if (!seen.has(n) && !(low < n && n < high)) missing.push(n);
  return missing;
}

for (const [name, { act, recovered = false, reasons }] of Object.entries(faults)) {
  test(`${name} of the client's server`, async (t) => {
    const cluster = await startCluster({ options: { pingInterval: PING, pingTimeout: PING }, patience: 400 });
    t.after(() => cluster.stop());
    const [victim, other] = cluster.nodes;
    other.send({ traffic: TRAFFIC });
    const clients = [];
    for (const front of FRONTS) {
      const direct = front === "urls";
      const [frontend, transport = "websocket"] = front.split(" ");
      const options = ["--seams", "--transports", transport, ...(direct ? ["--url", other.url, "--timeout", `${ATTEMPT}ms`] : [])];
      const client = await connectTo(t, victim, direct ? victim.url : cluster.fronts[frontend], { options });
      clients.push({ front, client });
    }
    const published = [];
    for (const front of PUBLISHED) {
      const options = ["--transports", "websocket"];
      published.push({ front, client: await connectTo(t, victim, cluster.fronts[front], { kind: "published", options }) });
    }
    const witness = await connectTo(t, other, cluster.fronts.haproxy);
    const subjects = [...clients, ...published];
    for (const { client } of subjects) await client.until("traffic", () => client.count("n") > TRAFFIC / 2);

    const begin = performance.now();
    act(victim);
    const back = ({ client }) => client.until("its return", () => client.of("connect")[1]);
    const returns = await Promise.all(subjects.map(back));
    // Traffic goes on, and everybody hears it.
    const now = numbers(witness, other.name).at(-1);
    const hears = (client) => client.until("live events", () => numbers(client, other.name).at(-1) > now + 2);
    const everybody = [witness, ...subjects.map(({ client }) => client)];
    await Promise.all(everybody.map(hears));
    const { n: last } = await other.still();
    await Promise.all(
      everybody.map((client) => client.until("the last event", () => numbers(client, other.name).includes(last))),
    );

    for (const [at, { client, front }] of subjects.entries()) {
      const connect = returns[at];
      const time = Math.round(connect.at - begin);
      const [gap] = client.of("gap");
      const seen = numbers(client, other.name);
      const missing = last - seen[0] + 1 - new Set(seen).size;
      const ours = at < clients.length;
      const told = [connect.recovered ? "yes" : "no", ours ? (gap?.reason ?? "none") : "–"];
      rows.push([name, front, ours ? "ours" : "published", `${time} ms`, ...told, missing, seen.length - new Set(seen).size]);
      if (!ours) continue;
      const place = (await client.who()).node;
      const what = `${name}, ${front}: ${JSON.stringify({ time, connect, gap, missing, place })}`;
      assert.equal(place, other.name, what);
      assert.equal(connect.recovered, recovered, what);
      assert.equal(client.of("connect").length, 2, what);
      assert.equal(client.of("gap").length, 1, what);
      assert.equal(gap.exact, false, what);
      assert.equal(seen.length, new Set(seen).size, `twice: ${what}`);
      // A server that cannot be reached cannot be asked what it knows.
      assert.ok(reasons.includes(gap.reason) || (front === "urls" && gap.reason === "server-not-noticed"), what);
      if (recovered) assert.deepEqual(outsideSeam(client, other.name, last), [], what);
    }
    assert.equal(witness.of("disconnect").length, 0);
    if (name !== "SIGSTOP") return;

    // The server goes on, and finds out that its clients are gone: theirs is another session by now, which hears on.
    const left = [];
    victim.child.on("line", (line) => line.left && left.push(line.left));
    victim.thaw();
    await until(() => left.length >= subjects.length, "the end of the old sessions");
    victim.send({ emit: ["end", 1] });
    other.send({ emit: ["end", 2] });
    await Promise.all(everybody.map((client) => client.until("both servers' events", () => client.count("end") === 2)));
  });
}
