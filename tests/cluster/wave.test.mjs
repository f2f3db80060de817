// The server of thousands of clients is killed. They come back to the others spread over time, not in one wave.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Child } from "../cuts/child.mjs";
import { buildNative } from "../wasm/build.mjs";
import { startCluster } from "./cluster.mjs";
import { publish } from "./results.mjs";

const CLIENTS = process.env.TESTS_FULL ? 2_000 : 200;

/** Width of a bar, in ms. */
const BIN = 100;

/** Of those who return. The first delay, 1 s give or take a half, spreads them evenly over ten bars. */
const MOST_AT_ONCE = 0.3;

/** The time, in ms, in which the four fifths in the middle are back: a busy machine may gather them, but not into one wave. */
const LEAST_SPREAD = 300;

const texts = [];
after(() => {
  const title = "Clients of one process whose server is killed, with the default delays; how many were back after so many ms:";
  publish("cluster-wave", title, [], texts.join("\n\n"));
});

function histogram(times) {
  const bins = Array.from({ length: Math.floor(Math.max(...times) / BIN) + 1 }, () => 0);
  for (const time of times) bins[Math.floor(time / BIN)] += 1;
  return bins;
}

function draw(bins) {
  const unit = Math.max(...bins) / 50;
  const line = (count, at) => `${`${at * BIN}`.padStart(5)} ${`${count}`.padStart(5)} ${"=".repeat(Math.round(count / unit))}`;
  return ["```text", ...bins.map(line).slice(bins.findIndex((count) => count > 0)), "```"].join("\n");
}

const ways = {
  // All of them are at the first server, and half of them name each of the others next.
  "a list of URLs": ({ nodes: [one, two, three] }) => [
    [one.url, two.url, three.url],
    [one.url, three.url, two.url],
  ],
  "HAProxy": ({ fronts }) => [[fronts.haproxy]],
  "nginx": ({ fronts }) => [[fronts.nginx]],
};

for (const [name, urls] of Object.entries(ways)) {
  test(`${CLIENTS} clients return by ${name}`, async (t) => {
    const program = buildNative("wave", "tests");
    // So many heartbeats a second are another test.
    const options = { pingInterval: 25_000, pingTimeout: 20_000 };
    const cluster = await startCluster({ count: 3, options, patience: 60_000 });
    t.after(() => cluster.stop());
    const clients = new Child(program, [JSON.stringify({ clients: CLIENTS, urls: urls(cluster) })]);
    t.after(() => clients.kill());
    await clients.next("its clients", ({ connected }) => connected, { limit: 120_000 });
    const [victim, ...others] = cluster.nodes;
    const gone = await victim.count();
    const kept = await Promise.all(others.map((node) => node.count()));
    assert.equal(gone + kept[0] + kept[1], CLIENTS);
    await victim.kill();
    const answer = clients.next("their return", (line) => line.back && line, { limit: 90_000 });
    clients.send(gone);
    const { back, delays } = await answer;
    const found = await Promise.all(others.map((node) => node.count()));
    const bins = histogram(back);
    const what = `${gone} clients, by ${name}, to the other servers: ${found.map((count, at) => count - kept[at]).join(" and ")}`;
    const planned = histogram(delays);
    const plan = planned.filter((count) => count > 0);
    texts.push(`${what}. Their first delays: ${plan.length} bars of ${Math.min(...plan)} to ${Math.max(...plan)}.\n\n${draw(bins)}`);
    assert.equal(found[0] + found[1], CLIENTS);
    assert.equal(back.length, gone);
    assert.equal(delays.length, gone);
    assert.ok(Math.max(...planned) <= MOST_AT_ONCE * gone, `in one wave:\n${draw(planned)}`);
    const [early, late] = [0.1, 0.9].map((part) => back.toSorted((a, b) => a - b)[Math.floor(part * back.length)]);
    assert.ok(late - early >= LEAST_SPREAD, `in one wave:\n${draw(bins)}`);
  });
}
