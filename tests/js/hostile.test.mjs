// Servers that mean harm, the same that the native client is tested with (`tests/hostile`), and the npm package in Node: what the
// application is told, how much memory it takes, and that it works again with a server that does not. Writes
// `.work/hostile-npm.md`. HOSTILE_ONLY='WebSocket a frame of 1 GB' chooses lines.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { markdown } from "../cuts/markdown.mjs";
import { root } from "../page/harness.mjs";
import { upstream } from "./client.mjs";
import { Process, endure, mebibytes } from "./hostile/process.mjs";
import { LEFT, bounds, toldOf, wasmBound } from "./hostile/rows.mjs";
import { Servers } from "./hostile/servers.mjs";
import { sioServer } from "./server.mjs";

/** Processes at the same time. */
const ABREAST = 3;
/** Clients of one process, where memory is not that of one row. */
const LEAVING = 16;
/** Writes of a server after which the application closes the client; as in the native rows. */
const STEPS = 6;
/** For what takes half a minute. */
const FASTER = 30;

const only = process.env.HOSTILE_ONLY ?? "";

/** All of the list, so many at a time. */
async function abreast(count, list, act) {
  const rest = [...list];
  const worker = async () => {
    for (let item; (item = rest.shift()) !== undefined; ) await act(item);
  };
  await Promise.all(Array.from({ length: count }, worker));
}

/** Rows that are measured in one process: those of one bound, and those of half a minute. */
function grouped(rows) {
  const groups = new Map();
  for (const row of rows) {
    const slow = toldOf(row).slow === true;
    const key = `${row.bound} ${slow}`;
    if (!groups.has(key)) groups.set(key, { faster: slow ? FASTER : 1, rows: [] });
    groups.get(key).rows.push(row);
  }
  return [...groups.values()].sort((a, b) => b.rows.length - a.rows.length);
}

const columns = {
  sent: ({ name }) => name,
  transport: ({ transport }) => transport,
  told: ({ told }) => (told === "done" ? "–" : told.replaceAll("|", "\\|")),
  peak: ({ peak }) => mebibytes(peak),
  bound: ({ bound }) => mebibytes(bounds[bound]),
  left: ({ left }) => mebibytes(Math.max(0, left)),
  WebAssembly: ({ wasm }) => mebibytes(wasm),
};

const introduction = `What the same servers send to the npm package in Node, with \`maxPayload\` of 2 MiB; what its application is told; the most resident
memory that its process took meanwhile, beyond that of a client in use, and the bound of it (\`js/hostile/rows.mjs\`); what JavaScript
still held when the client had been closed; and WebAssembly's memory, which never shrinks:`;

test("what becomes of a client of each hostile server", { skip: upstream && "it has other limits" }, async (t) => {
  const servers = await Servers.start(t);
  const good = (await sioServer(t)).port;
  const rows = servers.rows.filter(({ transport, name }) => `${transport} ${name}`.includes(only));
  assert.ok(rows.length > 0, `no line has "${only}" in it`);
  const [lines, failed] = [new Map(), []];
  await abreast(ABREAST, grouped(rows), async (group) => {
    const client = await Process.start(t, good, group.faster);
    for (const row of group.rows) {
      const what = `${row.name}, ${row.transport}`;
      try {
        const line = { ...row, ...(await endure(client, servers, good, row, toldOf(row))) };
        lines.set(row.row, line);
        if (line.peak > bounds[row.bound]) failed.push(`${what}: ${mebibytes(line.peak)}, above ${mebibytes(bounds[row.bound])}`);
        if (line.wasm > wasmBound(row.bound)) failed.push(`${what}: WebAssembly has ${mebibytes(line.wasm)}`);
        if (line.left > LEFT) failed.push(`${what}: ${mebibytes(line.left)} are left`);
      } catch (error) {
        failed.push(`${what}: ${error.message}`);
      }
    }
    await client.kill();
  });
  const all = rows.map(({ row }) => lines.get(row)).filter(Boolean);
  const most = (of) => mebibytes(Math.max(...all.map(of)));
  t.diagnostic(`${all.length} hostile servers: each told as what it is, at most ${most(({ peak }) => peak)}, each under its bound; works again after each`);
  if (!only) writeFileSync(join(root, "tests/.work/hostile-npm.md"), `${introduction}\n\n${markdown(columns, all)}\n`);

  const client = await Process.start(t, good);
  await abreast(LEAVING, all, async (row) => {
    // A share of the steps: all of them among all rows.
    const step = row.row % Math.min(row.writes, STEPS);
    const port = await servers.start(row.row);
    try {
      await client.begin(port, port, row);
      await servers.reach(port, step);
      await client.ask("end", { number: port, port });
    } catch (error) {
      failed.push(`${row.name}, ${row.transport}, closed after ${step} writes: ${error.message}`);
    }
    await servers.end(port);
  });
  t.diagnostic(`${all.length} of them were left by the application in their first ${STEPS} writes, and no connection stayed`);
  assert.equal(failed.length, 0, `${failed.length}:\n${failed.join("\n")}`);
});
