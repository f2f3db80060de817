// Rows as a table.

/** `columns`: names, and what makes a row's cell. */
export function markdown(columns, rows) {
  const cells = rows.map((row) => Object.values(columns).map((cell) => cell(row)));
  const lines = [Object.keys(columns), Object.keys(columns).map(() => "---"), ...cells];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/** How a row ended: the last columns of a table. */
export const outcome = {
  promise: ({ promised, faults, problems }) => (promised ? (faults.length + problems.length ? "BROKEN" : "kept") : "–"),
  s: ({ seconds }) => Math.round(seconds),
};
