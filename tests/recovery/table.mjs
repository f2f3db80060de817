// The rows as a table.
import { markdown, outcome } from "../cuts/markdown.mjs";

const columns = {
  row: ({ row }) => row,
  what: ({ name }) => name,
  client: ({ client }) => client,
  outages: ({ counts }) => counts.joins,
  events: ({ counts }) => counts.events,
  lost: ({ counts }) => counts.lost,
  "of these untold": ({ counts }) => counts.untold,
  twice: ({ counts }) => counts.twice,
  "out of order": ({ counts }) => counts.inversions,
  "said to be recovered": ({ counts }) => counts.recovered,
  wrongly: ({ counts }) => counts.wronglyClaimed,
  "deaf at the end": ({ counts, listeners = 1 }) => `${counts.deaf} of ${listeners}`,
  "gaps told": ({ counts }) => Object.entries(counts.reasons).map(([reason, count]) => `${count} ${reason}`).join(", ") || "–",
  "sent, lost, run twice": ({ out }) => (out ? `${out.events}, ${out.lost}, ${out.twice}` : "–"),
  ...outcome,
};

export const table = (rows) => markdown(columns, rows);

/** What the table does not say, one line each. */
export function notes(rows) {
  return rows.flatMap(({ row, name, client, kinds, others, faults, problems }) => {
    const cuts = kinds ? [`cuts: ${Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`).join(", ")}`] : [];
    if (others) cuts.push(`${others} outages besides, of a machine that was busy`);
    const wrong = [...cuts, ...faults, ...problems];
    return wrong.length ? [`- Row ${row}, ${name}, ${client}: ${wrong.join("; ")}.`] : [];
  });
}
