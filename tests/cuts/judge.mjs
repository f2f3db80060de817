// What became of every event, from the lines of the client and of the servers.

/** The value that an ack has to carry. */
export const valueOf = (n) => n * 7 + 1;

/** What may be counted where all is as promised, by what the server does. What is not named here may be any number. */
const stock = { inDoubt: 0, lost: 0, outOfOrder: 0, wrongAcks: 0, unaccounted: 0, contradictions: 0, errors: 0 };
const exactlyOnce = { ...stock, twice: 0, jumps: 0 };
export const promises = { stock, exactlyOnce };

/** For how many it holds. */
function count(list, wanted) {
  return list.reduce((sum, value, at) => sum + (wanted(value, at) ? 1 : 0), 0);
}

/** How many stand behind a greater one. */
function behind(list) {
  let greatest = -Infinity;
  return count(list, (n) => {
    greatest = Math.max(greatest, n);
    return n < greatest;
  });
}

/** The middleware's answer with `inDoubt: "fail"`, as a value or as the text of an error. */
const isDoubt = ({ value, error }) => value?.$delivery?.error === "inDoubt" || /inDoubt/.test(error ?? "");

/**
 * `sent`: numbers, as the client emitted them; `settled`: `{ n, fate, value, error }`, as it told them; `runs`: `{ n, at }`
 * of the handler, `at` by a clock that the servers share.
 *
 * lost           no handler ran, and none will
 * inDoubt        the server said that it cannot know whether the handler ran
 * twice          runs beyond the first
 * outOfOrder     first runs that came after that of a later event
 * jumps          runs that came right after that of a later event
 * wrongAcks      acks with another event's value, or for an event that no handler saw
 * errors         events of which the client said that they failed, or that it does not know
 * falseErrors    those of them that a handler ran
 * unaccounted    events of which the client never said anything
 * contradictions events of which it said more than one thing
 */
export function judge({ sent, settled, runs }) {
  const order = [...runs].sort((a, b) => a.at - b.at).map(({ n }) => n);
  const ran = new Set(order);
  const told = new Map();
  for (const { n } of settled) told.set(n, (told.get(n) ?? 0) + 1);
  const doubts = new Set(settled.filter(isDoubt).map(({ n }) => n));
  const acked = settled.filter((line) => line.fate === "acknowledged" && !isDoubt(line));
  const failed = settled.filter((line) => line.fate !== "acknowledged" && !isDoubt(line));
  const right = ({ n, value }) => value?.n === n && value.value === valueOf(n) && ran.has(n);
  return {
    events: sent.length,
    runs: order.length,
    lost: count(sent, (n) => !ran.has(n) && !doubts.has(n)),
    inDoubt: doubts.size,
    twice: order.length - ran.size,
    outOfOrder: behind([...ran]),
    jumps: count(order, (n, at) => at > 0 && n < order[at - 1]),
    wrongAcks: count(acked, (line) => !right(line)),
    errors: failed.length,
    falseErrors: count(failed, ({ n }) => ran.has(n)),
    unaccounted: count(sent, (n) => !told.has(n)),
    contradictions: count([...told.values()], (times) => times > 1),
  };
}

/** The events that ran more than once. */
export function repeated(runs) {
  const seen = new Set();
  return new Set(runs.map(({ n }) => n).filter((n) => seen.has(n) || !seen.add(n)));
}

/** What of a promise the counts break, as text. */
export function broken(counts, promise) {
  const over = Object.entries(promise).filter(([what, most]) => counts[what] > most);
  return over.map(([what, most]) => `${what}: ${counts[what]}, promised ${most}`);
}
