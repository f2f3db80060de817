// What a tab does in its transactions about its own emits.
import { sealed, unsealed } from "./record.js";
import { weightOf } from "./stock.js";

/** Their seqs, undefined for each where another tab leads; or undefined: there is no room. Then `stored(ref, key)` of each. */
export function append(turn, records, room, stored) {
  const { leader, tx, after, stock } = turn;
  const weight = weightOf(leader ? records.filter((record) => !leader.has(turn, record)) : records);
  if (weight.count > 0 && !room.takes(weight, stock.weight)) return undefined;
  stock.add(weight);
  return records.map((record) => {
    const seq = leader?.add(turn, record);
    const request = leader ? undefined : tx.add(sealed(record));
    after.push(() => stored(record.ref, leader ? leader.held.get(seq)?.key : request.result));
    return seq;
  });
}

/** Of a map to keys those that stand before or at one, or nowhere yet. */
export const keysUpTo = (keys, last) => [...keys].filter(([, key]) => !(key > last)).map(([of]) => of);

/** The record of one of its emits, if it is stored still. */
async function recordOfMine(tx, key, tab, ref) {
  const record = key === undefined ? undefined : unsealed(await tx.row(key));
  return record?.tab === tab && record.ref === ref ? record : undefined;
}

/** Before it has a number: true. False if it is not there any longer; undefined: the leader has to be asked. */
export async function takeBack({ tx, after, stock }, mine, tab, ref) {
  const key = mine.get(ref);
  const record = await recordOfMine(tx, key, tab, ref);
  if (record === undefined) return false;
  if (record.seq !== undefined) return undefined;
  tx.delete(key);
  stock.remove(weightOf([record]));
  after.push(() => mine.delete(ref));
  return true;
}

/** The refs of those that are not stored any longer; `mine` are their keys, by ref. */
export async function goneOf(tx, mine, tab) {
  const gone = [];
  for (const [ref, key] of mine) {
    // The database was a new one: it is stored again.
    if (key !== 0 && !(await recordOfMine(tx, key, tab, ref))) gone.push(ref);
  }
  return gone;
}
