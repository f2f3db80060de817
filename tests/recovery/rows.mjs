// All rows, in order, for one client.
import { playCuts } from "./cuts.mjs";
import { playScene, scenes } from "./scenes.mjs";

/** A row waits for most of its time; clients that are cut at once keep the machine busy. */
const LISTENERS = 5;

/** Names of the rows with cuts: what else `playCuts` is told. */
const cuts = {
  "reset, FIN, close 1000 and 1001": { row: 1, both: false },
  "both directions, every third cut half-open": { row: 2, both: true },
};

/** `{ name: row }`, by which they are played. */
export const rows = Object.fromEntries(
  [...Object.entries(cuts), ...Object.entries(scenes)].map(([name, { row }]) => [name, row]),
);

/** Whether it is for this one of the clients. */
export function isFor(name, { stores, rows: all, share }, full) {
  if (scenes[name]?.stored && !stores) return false;
  const wanted = (full ? undefined : share?.rows) ?? all;
  return !wanted || wanted.includes(rows[name]);
}

/** Whether it is long in full, so that it is best played beside others. */
export const isLong = (name) => rows[name] === 6;

/** `{ name, row, counts, out, kinds, cuts, faults, problems, words, seconds }` of a client from `clients`, with its program. */
export async function play(name, client, { seed, count, full }) {
  if (!cuts[name]) return { name, ...(await playScene(name, client, { full })) };
  const made = Math.min(count, client.most?.[rows[name]] ?? count);
  const settings = { client, seed, cuts: made, listeners: Math.min(LISTENERS, made) };
  return { name, ...cuts[name], ...(await playCuts({ ...settings, ...cuts[name] })) };
}
