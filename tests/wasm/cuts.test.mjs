// Connections that are cut in the middle of plain emits, in browsers: what never left goes back to its place, what is not
// known is called uncertain, and nothing is sent for a second time.
//
// SEED repeats a run; TESTS_FULL=1 cuts at every byte.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { basename, dirname, join } from "node:path";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Proxy } from "../cuts/proxy.mjs";
import { Random, freshSeed } from "../cuts/random.mjs";
import { Child, browsers, launch, open, root } from "../page/harness.mjs";
import { build } from "./build.mjs";

const module = build("face", "web");
const seed = Number(process.env.SEED ?? freshSeed());
const full = Boolean(process.env.TESTS_FULL);
/** Of one emit's frame, with the least filler: `42["one",1000,100,""]`, and six bytes of its frame. */
const FRAME = 27;
/** Clients at the same time: Firefox takes its time to connect again. */
const LANES = 6;

const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };

/** Serves the compiled module, beside an empty page. */
async function serve(t) {
  const server = createServer((request, response) => {
    const name = basename(new URL(request.url, "http://x").pathname) || "index.html";
    const page = "<!doctype html><title>cuts</title><link rel=icon href=data:,>";
    const body = name === "index.html" ? page : readFileSync(join(dirname(module), name));
    response.writeHead(200, { "content-type": types[name.slice(name.lastIndexOf("."))] }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections() ?? server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

/** In the page: a client for each `{ url, cuts }`. The rounds of all. */
const play = async (file, size, lanes) => {
  const face = await import(file);
  await face.default();
  const rounds = await Promise.all(
    lanes.map(async ({ url, cuts }) => JSON.parse(await face.cut_off(url, Uint32Array.from(cuts), size))),
  );
  return rounds.flat();
};

/** What is wrong with one emit. */
function fault(fates, connections) {
  const final = fates.at(-1);
  if (!["delivered", "uncertain"].includes(final)) return `ended as ${final}`;
  if (fates.slice(0, -1).some((fate) => !["held", "inFlight"].includes(fate))) return "more than one end";
  if (connections.length > 1) return cameBack(fates) ? "held again, and received" : "received twice";
  if (final === "delivered" && connections.length !== 1) return "delivered, but not received";
  return undefined;
}

/** Back from a transport, and held. */
const cameBack = (fates) => fates.includes("inFlight") && fates.lastIndexOf("held") > fates.indexOf("inFlight");

/** A server behind a proxy. */
async function lane(t) {
  const server = new Child(t, process.execPath, [join(root, "tests/wasm/cut-server.mjs")]);
  const { port } = await server.waitJson("its port", (line) => line.port);
  const proxy = await new Proxy(port).listen();
  t.after(() => proxy.close());
  return { proxy, url: `http://127.0.0.1:${proxy.port}` };
}

/** Plays a round for each cut, some of them at the same time. How many emits ended how, and came back. */
async function cut(t, name, cuts, size) {
  const lanes = await Promise.all(Array.from({ length: LANES }, () => lane(t)));
  const [page, browser] = [await serve(t), await launch(name)];
  t.after(() => browser.close());
  const tab = await open(browser, page);
  await tab.exposeFunction("arm", (url, left) => {
    const link = lanes.find((lane) => lane.url === url).proxy.links.at(-1);
    link.limit("up", { left }, () => link.reset());
  });
  const counts = { emits: 0, delivered: 0, uncertain: 0, cameBack: 0 };
  // In parts: the browser's driver has a limit for one call.
  for (let at = 0; at < cuts.length; at += 50) {
    const part = cuts.slice(at, at + 50);
    const shares = lanes.map(({ url }, lane) => ({ url, cuts: part.filter((_, index) => index % LANES === lane) }));
    for (const { bytes, fates, seen } of await tab.evaluate(play, `./${basename(module)}`, size, shares)) {
      const numbers = seen.map(([number]) => number);
      assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b), `out of order, cut after ${bytes} bytes`);
      fates.forEach((known, index) => {
        const connections = seen.filter(([number]) => number === 100 + index).map(([, connection]) => connection);
        const why = fault(known, connections);
        assert.equal(why, undefined, `emit ${index}, cut after ${bytes} bytes: ${known}; received on ${connections}`);
        counts.emits += 1;
        counts[known.at(-1)] += 1;
        counts.cameBack += cameBack(known);
      });
    }
  }
  assert.equal(counts.emits, 100 * cuts.length);
  t.diagnostic(`${name}, seed ${seed}, ${cuts.length} cuts: ${JSON.stringify(counts)}`);
  return counts;
}

const random = new Random(seed);
const bytes = 100 * FRAME;
const stride = 53;
const every = Array.from({ length: bytes }, (_, byte) => byte);
const share = [0, 1, ...every.filter((byte) => byte % stride === seed % stride), bytes - 1];
// Each test has a limit of its own.
const parts = full ? Array.from({ length: 9 }, (_, part) => every.filter((byte) => byte % 9 === part)) : [share];

for (const name of browsers) {
  parts.forEach((cuts, part) => {
    test(`${name}: cut in every place of 100 plain emits (${part + 1} of ${parts.length})`, (t) => cut(t, name, cuts, 0));
  });

  test(`${name}: cut while the browser still has most of 100 large emits`, async (t) => {
    const size = 100_000;
    const cuts = Array.from({ length: full ? 100 : 12 }, () => random.between(0, 60 * size));
    const { cameBack } = await cut(t, name, cuts, size);
    assert.ok(cameBack > 0, "nothing came back: bufferedAmount was not looked at");
  });
}
