// The rows as a table.

const columns = {
  server: "server",
  client: "client",
  window: "window",
  cuts: "cuts",
  events: "events",
  runs: "handler runs",
  lost: "lost",
  twice: "run twice",
  outOfOrder: "out of order",
  jumps: "jumps back",
  inDoubt: "in doubt",
  wrongAcks: "wrong acks",
  errors: "errors told",
  falseErrors: "though run",
  unaccounted: "unaccounted",
  verdict: "promise",
  seconds: "s",
};

/** Markdown. */
export function table(rows) {
  const names = Object.keys(columns);
  const cells = rows.map((row) => names.map((name) => `${cell(row, name)}`));
  const lines = [Object.values(columns), names.map(() => "---"), ...cells];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cell(row, name) {
  if (name === "cuts") return row.kills ? `${row.kills} kills` : Object.values(row.cuts).reduce((a, b) => a + b, 0);
  if (name === "verdict") return !row.promised ? "–" : row.faults.length || row.problems.length ? "BROKEN" : "kept";
  if (name === "seconds") return Math.round(row.seconds);
  return row[name] ?? row.counts[name];
}
