// Rounds of one hundred plain emits over a connection that is cut after so many bytes, for whatever face plays them: the
// server, the proxy, and who judges what came of each emit.
//
// SEED repeats a run; TESTS_FULL=1 cuts at every byte.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Proxy } from "../cuts/proxy.mjs";
import { Random, freshSeed } from "../cuts/random.mjs";
import { Child, browsers, launch, open, root } from "../page/harness.mjs";

const seed = Number(process.env.SEED ?? freshSeed());
const full = Boolean(process.env.TESTS_FULL);
const EMITS = 100;
/** Of one emit's frame, with the least filler: `42["one",1000,100,""]`, and six bytes of its frame. */
const FRAME = 27;
/** Clients at the same time: Firefox takes its time to connect again. */
const LANES = 6;
/** Cuts of one call: the browser's driver has a limit for it. */
const PART = 50;

/** Back from a transport, and held. */
const cameBack = (fates) => fates.includes("inFlight") && fates.lastIndexOf("held") > fates.indexOf("inFlight");

/** What is wrong with one emit. */
export function fault(fates, connections) {
  const final = fates.at(-1);
  if (!["delivered", "uncertain"].includes(final)) return `ended as ${final}`;
  if (fates.slice(0, -1).some((fate) => !["held", "inFlight"].includes(fate))) return "more than one end";
  if (connections.length > 1) return cameBack(fates) ? "held again, and received" : "received twice";
  if (final === "delivered" && connections.length !== 1) return "delivered, but not received";
  return undefined;
}

/** Adds what came of one round to the counts. */
function judge({ bytes, fates, seen }, counts) {
  const connections = [...new Set(seen.map(([, connection]) => connection))];
  for (const connection of connections) {
    const numbers = seen.filter(([, on]) => on === connection).map(([number]) => number);
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b), `out of order, cut after ${bytes} bytes`);
  }
  // What the server still had of the first connection it may handle after the beginning of the second: no client can tell.
  counts.crossed += seen.some(([number], at) => at > 0 && number < seen[at - 1][0]);
  fates.forEach((known, index) => {
    const connections = seen.filter(([number]) => number === 100 + index).map(([, connection]) => connection);
    const why = fault(known, connections);
    assert.equal(why, undefined, `emit ${index}, cut after ${bytes} bytes: ${known}; received on ${connections}`);
    counts.emits += 1;
    counts[known.at(-1)] += 1;
    counts.cameBack += cameBack(known);
  });
}

/** A server behind a proxy. */
async function lane(t) {
  const server = new Child(t, process.execPath, [join(root, "tests/wasm/cut-server.mjs")]);
  const { port } = await server.waitJson("its port", (line) => line.port);
  const proxy = await new Proxy(port).listen();
  t.after(() => proxy.close());
  return { proxy, url: `http://127.0.0.1:${proxy.port}` };
}

/** Plays a round for each cut, some of them at the same time. How many emits ended how, and came back. */
async function cut(t, name, { serve, play }, cuts, size) {
  const lanes = await Promise.all(Array.from({ length: LANES }, () => lane(t)));
  const [site, browser] = [await serve(t), await launch(name)];
  t.after(() => browser.close());
  const tab = await open(browser, site);
  await tab.exposeFunction("arm", (url, left) => {
    const link = lanes.find((lane) => lane.url === url).proxy.links.at(-1);
    link.limit("up", { left }, () => link.reset());
  });
  const counts = { emits: 0, delivered: 0, uncertain: 0, cameBack: 0, crossed: 0 };
  for (let at = 0; at < cuts.length; at += PART) {
    const part = cuts.slice(at, at + PART);
    const shares = lanes.map(({ url }, lane) => ({ url, cuts: part.filter((_, index) => index % LANES === lane) }));
    for (const round of await play(tab, shares, size)) judge(round, counts);
  }
  assert.equal(counts.emits, EMITS * cuts.length);
  t.diagnostic(`${name}, seed ${seed}, ${cuts.length} cuts: ${JSON.stringify(counts)}`);
  return counts;
}

/**
 * The tests of one face, in each browser. `serve(t)` gives the address of a page; `play(tab, [{ url, cuts }], size)` plays
 * the rounds in it, with a client for each address: `[{ bytes, fates, seen }]`, each with the fates of every emit in order.
 * An emit is `one` with the round's number of four digits, 100 to 199, and `size` bytes; before it the client calls
 * `arm(url, bytes)` of the page, and after it asks for `seen`.
 */
export function cutTests(face) {
  const random = new Random(seed);
  const bytes = EMITS * FRAME;
  const stride = 53;
  const every = Array.from({ length: bytes }, (_, byte) => byte);
  const share = [0, 1, ...every.filter((byte) => byte % stride === seed % stride), bytes - 1];
  // Each test has a limit of its own.
  const parts = full ? Array.from({ length: 9 }, (_, part) => every.filter((byte) => byte % 9 === part)) : [share];
  for (const name of browsers) {
    parts.forEach((cuts, part) => {
      const title = `${name}: cut in every place of 100 plain emits (${part + 1} of ${parts.length})`;
      test(title, (t) => cut(t, name, face, cuts, 0));
    });

    test(`${name}: cut while the browser still has most of 100 large emits`, async (t) => {
      const size = 100_000;
      const cuts = Array.from({ length: full ? 100 : 12 }, () => random.between(0, 60 * size));
      const { cameBack } = await cut(t, name, face, cuts, size);
      assert.ok(cameBack > 0, "nothing came back: bufferedAmount was not looked at");
    });
  }
}
