// What became of every event that the server emitted, from the lines of one client.

import { isDeepStrictEqual } from "node:util";

/** Nothing that happens is an excuse for these. */
const never = ["untold", "twice", "inversions", "deaf", "wronglyClaimed", "threw"];

/**
 * `lines` of the client, in order; `last`: the number of the last event, which came when all was quiet again.
 *
 * events          that it had to hear, from the first that it did
 * lost            that it did not hear
 * untold          of those: in outages after which it said nothing of a gap, or in none at all
 * twice           that it heard again
 * inversions      that came behind a later one
 * joins, recovered  after the first join, and those of them that it called recovered
 * wronglyClaimed  of those: how many followed an outage that swallowed events
 * gaps            that it told
 * deaf            1 if it did not hear the last
 * threw           exceptions that nobody caught, in a page; a process ends with one
 */
export function judge(lines, last) {
  const heard = new Set();
  const joins = [];
  const gaps = lines.filter(({ gap }) => gap).map(({ gap }) => gap);
  let first;
  let twice = 0;
  let inversions = 0;
  let greatest = -Infinity;
  // For each number the outages that had begun before it, and whether it was alive then.
  let outages = 0;
  const before = new Map();
  for (const line of lines) {
    if (line.joined) joins.push(line.joined);
    if (line.left !== undefined) outages += 1;
    if (line.heard !== "n") continue;
    const [n] = line.args;
    first ??= n;
    if (heard.has(n)) twice += 1;
    else if (n < greatest) inversions += 1;
    greatest = Math.max(greatest, n);
    heard.add(n);
    if (!before.has(n)) before.set(n, outages);
  }
  const rejoins = joins.slice(1);
  const missing = [];
  for (let n = first ?? last; n <= last; n += 1) if (!heard.has(n)) missing.push(n);
  // An outage lies between the events around it; the join that ended it has the same number.
  const swallowing = new Set();
  let untold = 0;
  let since = 0;
  let at = 0;
  for (let n = first ?? last; n <= last; n += 1) {
    if (heard.has(n)) {
      since = before.get(n);
      continue;
    }
    if (at <= n) at = n + 1;
    while (at <= last && !heard.has(at)) at += 1;
    const until = at <= last ? before.get(at) : outages;
    const around = rejoins.slice(since, until);
    if (!around.some((join) => !join.recovered)) {
      untold += 1;
      // In none: then the session itself was deaf, which the join before it had called recovered.
      const from = since === until ? since - 1 : since;
      for (let outage = from; outage < until; outage += 1) if (rejoins[outage]?.recovered) swallowing.add(outage);
    }
  }
  return {
    events: first === undefined ? 0 : last - first + 1,
    lost: missing.length,
    untold,
    twice,
    inversions,
    joins: rejoins.length,
    recovered: rejoins.filter(({ recovered }) => recovered).length,
    wronglyClaimed: swallowing.size,
    gaps: gaps.length,
    reasons: tally(gaps.map(({ reason }) => reason)),
    deaf: heard.has(last) ? 0 : 1,
    threw: lines.filter(({ threw }) => threw).length,
  };
}

export function tally(names) {
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** The counts of several clients as one. */
export function sum(all) {
  const total = { reasons: {} };
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) {
      if (name !== "reasons") total[name] = (total[name] ?? 0) + count;
    }
    for (const [reason, count] of Object.entries(counts.reasons)) total.reasons[reason] = (total.reasons[reason] ?? 0) + count;
  }
  return total;
}

/** What of the promise the counts break, as text. `recovered`: so many outages had to be resumed; `reasons`: of the gaps. */
export function broken(counts, { recovered, reasons = {} }) {
  const faults = never.filter((what) => counts[what] > 0).map((what) => `${what}: ${counts[what]}`);
  if (counts.recovered !== recovered) faults.push(`recovered: ${counts.recovered}, promised ${recovered}`);
  if (!isDeepStrictEqual(counts.reasons, reasons)) {
    faults.push(`gaps: ${JSON.stringify(counts.reasons)}, promised ${JSON.stringify(reasons)}`);
  }
  return faults;
}
