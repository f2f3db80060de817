// The judge of the matrix, judged: what must fail a cell, and a table with a hole.
import assert from "node:assert/strict";
import { test } from "node:test";
import { engines } from "./engines.mjs";
import { names, scenarios } from "./scenarios.mjs";
import { columnsOf, faultsOf, missing, table } from "./table.mjs";

const linux = "Mozilla/5.0 (X11; Linux x86_64";
const agents = {
  chromium: `${linux}) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36`,
  firefox: `${linux}; rv:153.0) Gecko/20100101 Firefox/153.0`,
  webkit: `${linux}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/60.5 Safari/605.1.15`,
};
const columns = columnsOf({ ...engines, native: {} });

function good(scenario, engine, face = "js") {
  const { client, server } = scenarios[scenario];
  const result = { lines: [...client], problems: [], error: null, userAgent: agents[engine] };
  return { scenario, engine, face, result, view: { ...server, userAgents: [agents[engine]] }, faults: [] };
}

const judge = (cell) => faultsOf(cell, engines[cell.engine].userAgent);

test("each engine's user agent is its own, and no other's", () => {
  for (const [engine, { userAgent }] of Object.entries(engines)) {
    const matching = Object.keys(agents).filter((name) => userAgent.test(agents[name]));
    assert.deepEqual(matching, [engine]);
  }
});

test("a cell as it should be has no faults", () => {
  for (const scenario of names) assert.deepEqual(judge(good(scenario, "webkit")), []);
});

const faults = {
  "another engine's user agent": (cell) => {
    cell.view.userAgents = [agents.firefox];
    cell.result.userAgent = agents.firefox;
  },
  "a user agent that the page does not know of": (cell) => cell.view.userAgents.push("curl/8"),
  "no user agent": (cell) => (cell.view.userAgents = []),
  "a line too few": (cell) => cell.result.lines.pop(),
  "a line too many": (cell) => cell.result.lines.push("again"),
  "another count of connections": (cell) => (cell.view.connections += 1),
  "an event that the server did not see": (cell) => (cell.view.events = cell.view.events.slice(1)),
  "an error": (cell) => (cell.result.error = "Error: no"),
  "an uncaught error in the page": (cell) => cell.result.problems.push("error: no"),
};
for (const [what, spoil] of Object.entries(faults)) {
  test(`a fault: ${what}`, () => {
    const cell = structuredClone(good("reconnect", "webkit"));
    spoil(cell);
    assert.notDeepEqual(judge(cell), []);
  });
}

test("a missing cell is named, and shown", () => {
  const cells = columns.flatMap(({ engine, face }) => names.map((name) => good(name, engine, face)));
  assert.deepEqual(missing(cells, columns), []);
  assert.equal(cells.length, 13 * 7);
  const holed = cells.filter(({ scenario, engine, face }) => `${scenario} ${engine} ${face}` !== "recover webkit rust");
  assert.deepEqual(missing(holed, columns), ["recover, rust, webkit"]);
  const row = table(holed, columns).split("\n").find((line) => line.startsWith("| webkit | Rust |"));
  assert.match(row, /\| missing \|.*12 of 13/);
});
