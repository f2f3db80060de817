// The rows as a table.
import { markdown, outcome } from "./markdown.mjs";

const columns = {
  server: ({ server, inDoubt }) => (inDoubt ? `${server}, in doubt: ${inDoubt}` : server),
  client: ({ client, transports }) => (transports?.[0] === "polling" ? `${client}, ${transports.join(" to ")}` : client),
  window: ({ window }) => window,
  cuts: ({ cuts, kills }) => (kills ? `${kills} kills` : Object.values(cuts).reduce((a, b) => a + b, 0)),
  events: ({ counts }) => counts.events,
  "handler runs": ({ counts }) => counts.runs,
  lost: ({ counts }) => counts.lost,
  "run twice": ({ counts }) => counts.twice,
  "out of order": ({ counts }) => counts.outOfOrder,
  "jumps back": ({ counts }) => counts.jumps,
  "wrong acks": ({ counts }) => counts.wrongAcks,
  "in doubt": ({ counts }) => counts.inDoubt,
  "errors told (of what ran)": ({ counts }) => (counts.errors ? `${counts.errors} (${counts.falseErrors})` : 0),
  unaccounted: ({ counts }) => counts.unaccounted,
  ...outcome,
};

export const table = (rows) => markdown(columns, rows);

/** What the table does not say, one line each. */
export function notes(rows) {
  return rows.flatMap((row) => {
    const wrong = [...row.faults, ...row.problems];
    if (row.panics) wrong.push(`panicked ${row.panics === 1 ? "once" : `${row.panics} times`}, its application made a new client`);
    return wrong.length ? [`- ${row.server}, ${row.client}, window ${row.window}: ${wrong.join("; ")}.`] : [];
  });
}
