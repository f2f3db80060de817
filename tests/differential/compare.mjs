// Whether two readings, or two writings, are the same, and if not, which intended difference it is.
import { isDeepStrictEqual } from "node:util";
import { parts, some, verdicts } from "./differences.mjs";
import { readMessages } from "./reference.mjs";
import { define, fromWire, read } from "./tokens.mjs";

/** Thrown for what is no intended difference. */
export class Divergence extends Error {}

const fail = (what) => {
  throw new Divergence(what);
};

/** Numbers, and texts, in which there are none. */
const numbers = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** The same value with every text and number changed. */
function map(value, change, keep = () => true) {
  if (value === null || typeof value !== "object" || Buffer.isBuffer(value)) return change(value);
  if (Array.isArray(value)) return value.map((held) => map(held, change, keep));
  const mapped = {};
  for (const key of Object.keys(value).filter(keep)) define(mapped, change(key), map(value[key], change, keep));
  return mapped;
}

export const wellFormed = (value) => map(value, (held) => (typeof held === "string" ? held.toWellFormed() : held));
/** Without what the reference loses on its way. */
const poorer = (value) =>
  map(value, (held) => (held === 0 ? 0 : typeof held === "string" ? held.toWellFormed() : held), (key) => key !== "__proto__");

/** Throws unless one packet was read alike. The names of the differences in its values. */
function samePacket(theirs, ours, head) {
  const found = [];
  if (ours.kind !== theirs.kind) fail(`kind ${ours.kind}, not ${theirs.kind}`);
  if (ours.namespace !== theirs.namespace) fail(`namespace ${ours.namespace}, not ${theirs.namespace}`);
  if ((ours.id === null) !== (theirs.id === undefined)) fail(`id ${ours.id}, not ${theirs.id}`);
  if (ours.id !== null) {
    if (Number(ours.id) !== theirs.id) fail(`id ${ours.id}, not ${theirs.id}`);
    if (BigInt(ours.id) !== BigInt(theirs.id)) found.push("id above 2^53");
  }
  if (ours.unreadable !== undefined) {
    // In the text: of a key that comes twice, the other value may be the one that counts.
    const tokens = parts(head).payload.match(numbers) ?? [];
    if (!tokens.some((token) => Math.abs(Number(token)) === Infinity)) fail(`unreadable: ${ours.unreadable}`);
    return [...found, "number out of range"];
  }
  if ((ours.data === undefined) !== (theirs.data === undefined)) fail("payload only on one side");
  if (theirs.data === undefined) return found;
  const data = read(ours.data);
  if (!isDeepStrictEqual(data, theirs.data)) {
    if (!isDeepStrictEqual(data, wellFormed(theirs.data))) fail("another value");
    found.push("surrogate without a partner");
  }
  const list = ours.kind === "event" || ours.kind === "ack";
  if (list && ours.same !== true) fail("the arguments, read as such, are others");
  const name = ours.kind === "event" ? theirs.data[0] : "";
  if (ours.name !== String(name).toWellFormed()) {
    if (typeof name !== "number" || Number(ours.name) !== name) fail(`name ${ours.name}, not ${name}`);
    found.push("number as an event's name");
  }
  return found;
}

function sameStep(theirs, ours, head) {
  if (theirs === undefined || ours === undefined) fail("more steps on one side");
  if (theirs.refused || ours.refused) return theirs.refused && ours.refused ? [] : fail("only one refuses");
  if (theirs.waits || ours.waits) return theirs.waits && ours.waits ? [] : fail("only one waits");
  if (theirs.packet && ours.packet) return samePacket(theirs.packet, ours.packet, head);
  if (theirs.engine !== ours.engine || theirs.data !== ours.data) fail("another packet of the engine");
  return [];
}

/** Compares what was read of `{ messages }` or `{ body }`, step by step. The names of the differences. */
export function compareSteps({ messages, body }, theirs, ours) {
  const texts = messages ?? body.split("\u001e");
  const found = [];
  let head;
  for (let at = 0; at < Math.max(theirs.length, ours.length); at++) {
    if (texts[at]?.[0] === "4") head = texts[at];
    try {
      found.push(...sameStep(theirs[at], ours[at], head));
    } catch (error) {
      if (!(error instanceof Divergence) || ours[at] === undefined || theirs[at] === undefined) throw error;
      const difference = verdicts.find(({ applies }) => applies({ text: texts[at], head, body, at }, theirs[at], ours[at]));
      if (!difference) throw error;
      found.push(difference.name);
      // From here on they are in different states.
      if (theirs[at].refused || ours[at].refused) break;
    }
  }
  return found;
}

/** What each language may write otherwise, made the same. The names of what was met. */
function sameText(theirs, ours) {
  const found = new Set();
  const note = (name, value) => (found.add(name), value);
  const start = theirs.length - parts(theirs).payload.length;
  if (theirs.slice(0, start) !== ours.slice(0, start)) fail(`header ${ours.slice(0, start)}, not ${theirs.slice(0, start)}`);
  const mine = ours
    .slice(start)
    .replace(/"\\u005fplaceholder"(?=:)/g, () => note("own key `_placeholder`", '"_placeholder"'))
    .replace(numbers, (token) => {
      if (token[0] === '"' || token === JSON.stringify(Number(token))) return token;
      return note(Number(token) === 0 ? "negative zero" : "form of a number", JSON.stringify(Number(token)));
    });
  const other = theirs.slice(start).replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (escape, surrogate) =>
    surrogate ? note("surrogate without a partner, written", "\ufffd") : escape,
  );
  if (mine !== other) fail("another text");
  return [...found];
}

/** Compares what was written for a packet. `{ exact, found }`: whether byte for byte, and the names of the differences. */
export function compareEncoding({ data }, theirs, ours) {
  const binary = theirs.length > 1;
  const own = binary && some(data, (held) => held?._placeholder === true);
  if (ours.error !== undefined) {
    if (own) return { exact: false, found: ["own placeholder"] };
    fail(`not written: ${ours.error}`);
  }
  const messages = fromWire(ours.messages);
  if (!isDeepStrictEqual(messages.slice(1), theirs.slice(1))) fail("other attachments");
  if (messages[0] === theirs[0]) return { exact: true, found: [] };
  const proto = binary && some(data, (held, isKey) => isKey === true && held === "__proto__");
  const found = [...(own ? ["own placeholder"] : []), ...(proto ? ["own key `__proto__`"] : [])];
  if (found.length === 0) found.push(...sameText(theirs[0], messages[0]));
  // Whatever its form: the reference reads the value in it, at least as well as out of its own text.
  const value = readMessages(messages).at(-1).packet?.data;
  const same = own
    ? isDeepStrictEqual(poorer(value), poorer(readMessages(theirs).at(-1).packet?.data))
    : isDeepStrictEqual(value, wellFormed(data));
  if (!same) fail("the reference reads another value");
  return { exact: false, found };
}
