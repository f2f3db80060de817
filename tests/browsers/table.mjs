// The table of the matrix: which scenario ran on which face and engine, judged by what client and server saw.
import { isDeepStrictEqual } from "node:util";
import { names, scenarios } from "./scenarios.mjs";

/** Everything that must be there, in the order of the table. */
export function columnsOf(engines) {
  const faces = ["js", "rust"];
  const browsers = Object.keys(engines).filter((engine) => engine !== "native");
  return [...browsers.flatMap((engine) => faces.map((face) => ({ engine, face }))), { engine: "native", face: "rust" }];
}

const differs = (what, got, wanted) =>
  isDeepStrictEqual(got, wanted) ? [] : [`${what}: ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`];

/**
 * What is wrong with a cell: `{ scenario, engine, result: { lines, problems, error, userAgent }, view }`.
 * `pattern` is that of the engine's user agent.
 */
export function faultsOf({ scenario, result, view }, pattern) {
  const { client, server } = scenarios[scenario];
  const faults = [];
  if (result.error) faults.push(`failed: ${result.error}`);
  for (const problem of result.problems) faults.push(`in the page: ${problem}`);
  faults.push(...differs("client", result.lines, client));
  for (const [key, wanted] of Object.entries(server)) faults.push(...differs(`server: ${key}`, view[key], wanted));
  // Seen by the server on every request of the run; the page says the same.
  const [userAgent] = view.userAgents;
  faults.push(...differs("user agents", view.userAgents, [result.userAgent]));
  if (!pattern.test(userAgent ?? "")) faults.push(`not this engine's user agent: ${userAgent}`);
  return faults;
}

/** The cells that should be there and are not, as text. */
export function missing(cells, columns) {
  const at = new Set(cells.map(({ scenario, engine, face }) => `${scenario}, ${face}, ${engine}`));
  const wanted = columns.flatMap(({ engine, face }) => names.map((scenario) => `${scenario}, ${face}, ${engine}`));
  return wanted.filter((cell) => !at.has(cell));
}

const faceNames = { js: "JavaScript", rust: "Rust" };

/** Markdown: a line per face and engine; in its cells the server's count of the scenario's connections. */
export function table(cells, columns) {
  const lines = [
    `| engine | face | ${names.join(" | ")} | connections | passed | user agent |`,
    `|---|---|${"---|".repeat(names.length + 3)}`,
  ];
  for (const { engine, face } of columns) {
    const row = cells.filter((cell) => cell.engine === engine && cell.face === face);
    const marks = names.map((name) => {
      const cell = row.find(({ scenario }) => scenario === name);
      if (!cell) return "missing";
      return cell.faults.length ? "FAILED" : `${cell.view.connections}`;
    });
    const connections = row.reduce((sum, { view }) => sum + view.connections, 0);
    const passed = row.filter(({ faults }) => !faults.length).length;
    const agents = new Set(row.flatMap(({ view }) => view.userAgents));
    const sums = [connections, `${passed} of ${names.length}`, [...agents].join("; ")];
    lines.push(`| ${[engine, faceNames[face], ...marks, ...sums].join(" | ")} |`);
  }
  return lines.join("\n");
}
