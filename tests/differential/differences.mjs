// Where we mean to differ from the published parsers: each with its reason, and with what decides whether a case is one of it.
// `differential.test.mjs` holds the table in README.md to this list.
import { refusesWhenWhole } from "./reference.mjs";

const maxId = 2n ** 64n - 1n;
const packets = 100_000;
const levels = 127;

/** A Socket.IO text `4…` as the reference cuts it. */
export function parts(text) {
  let rest = text.slice(2);
  let count;
  if (text[1] === "5" || text[1] === "6") {
    const dash = rest.indexOf("-");
    count = rest.slice(0, Math.max(dash, 0));
    rest = rest.slice(dash + 1);
  }
  if (rest[0] === "/") {
    const comma = rest.indexOf(",");
    rest = comma < 0 ? "" : rest.slice(comma + 1);
  }
  const [id] = /^[\d\s]*/.exec(rest);
  return { type: text[1], count, id, payload: rest.slice(id.length) };
}

/** Arrays and objects inside one another. */
function depth(json) {
  let [open, most] = [0, 0];
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/g)) {
    if (token[0] !== '"') open += token === "[" || token === "{" ? 1 : -1;
    most = Math.max(most, open);
  }
  return most;
}

/** Whether anything in a value is so. */
export function some(value, is) {
  if (is(value)) return true;
  if (value === null || typeof value !== "object" || Buffer.isBuffer(value)) return false;
  return Object.keys(value).some((key) => is(key, true) || some(value[key], is));
}

const isPlaceholder = (value) => value?._placeholder === true;

/** Whether there is a placeholder of which this is true. */
function placeholder(json, is) {
  return json !== "" && some(JSON.parse(json), (value) => isPlaceholder(value) && is(value));
}

const base64 = /^b(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

const accepted = (step) => step !== undefined && !step.refused;
const message = (text) => typeof text === "string" && text[0] === "4";

/**
 * Another verdict: `applies` is asked of the step at which the two part. `text` is the message, `head` that which began its
 * packet: another one where it is an attachment.
 */
export const verdicts = [
  {
    name: "event or ack without payload",
    reason: "The reference gives the application an event without a name. An event without one is no event.",
    applies: ({ text }, theirs, ours) =>
      accepted(theirs) && ours.refused && message(text) && /[2356]/.test(text[1]) && parts(text).payload === "",
  },
  {
    name: "white space as type",
    reason: "To JavaScript `Number(\" \")` is 0, so the reference reads a space as CONNECT. No encoder writes it.",
    applies: ({ text }, theirs, ours) => accepted(theirs) && ours.refused && message(text) && /^\s/.test(text[1]),
  },
  {
    name: "white space in the id",
    reason:
      "For the same reason it is a digit of the id to the reference: ` [\"a\"]` asks for the ack 0, `1 2[\"a\"]` for NaN. " +
      "To us it belongs to the JSON behind the header, or to nothing.",
    applies: ({ head }, theirs, ours) => {
      if (!message(head) || !accepted(theirs)) return false;
      const { id } = parts(head);
      if (!/\s/.test(id)) return false;
      const digits = /^\d*/.exec(id)[0];
      return ours.refused || ours.waits || ours.packet.id === (digits === "" ? null : BigInt(digits).toString());
    },
  },
  {
    name: "another form of the number of attachments",
    reason: "`1.0`, `1e0`, `0x1`, `+1` and ` 1` are numbers to JavaScript. The protocol has digits.",
    applies: ({ text }, theirs, ours) =>
      accepted(theirs) && ours.refused && message(text) && !/^\d+$/.test(parts(text).count ?? "0"),
  },
  {
    name: "binary packet with 0 attachments",
    reason: "Servers with socket.io-parser 4.2.6 write it where an object's `toJSON` leaves no bytes. It is a plain event or ack.",
    applies: ({ text }, theirs, ours) =>
      theirs.error === "Illegal attachments" && accepted(ours) && /^0+$/.test(parts(text).count ?? ""),
  },
  {
    name: "more than ten attachments",
    reason: "Our limit is an option whose default is 1,000: a server that sends eleven would cost the connection.",
    applies: ({ text }, theirs, ours) => theirs.error === "too many attachments" && ours.waits && Number(parts(text).count) <= 1000,
  },
  {
    name: "id beyond 64 bits",
    reason: "The reference answers with a rounded number, or `Infinity`, that the server has not asked for.",
    applies: ({ text }, theirs, ours) => {
      if (!accepted(theirs) || !ours.refused || !message(text)) return false;
      const { id } = parts(text);
      return /^\d+$/.test(id) && BigInt(id) > maxId;
    },
  },
  {
    name: "deeper than 127 levels",
    reason: "What is deeper can end a program that reads it by recursion. A typed error instead.",
    applies: ({ text }, theirs, ours) =>
      accepted(theirs) && ours.refused && message(text) && depth(parts(text).payload) > levels,
  },
  {
    name: "placeholder checked at once",
    reason: "A placeholder that no attachment can fill is refused with the text; the reference collects the attachments first.",
    applies: ({ text }, theirs, ours) => theirs?.waits && ours.refused && refusesWhenWhole(text),
  },
  {
    name: "placeholder with a fraction",
    reason: "The reference puts `undefined` where the half attachment would be.",
    applies: ({ text }, theirs, ours) => accepted(theirs) && ours.refused && message(text) && placeholder(parts(text).payload, ({ num }) => !Number.isInteger(num)),
  },
  {
    name: "placeholder in a placeholder",
    reason: "We check the inner one too; the reference does not look at it. No encoder writes it.",
    applies: ({ text }, theirs, ours) => {
      const outer = (held) => Object.values(held).some((inner) => some(inner, isPlaceholder));
      return theirs?.waits && ours.refused && placeholder(parts(text).payload, outer);
    },
  },
  {
    name: "base64 with anything else in it",
    reason: "Node skips what is not base64, so that bytes are missing without a word.",
    applies: ({ text }, theirs, ours) => ours.refused === "engine" && typeof text === "string" && text[0] === "b" && !base64.test(text),
  },
  {
    name: "more than 100,000 packets in a body",
    reason: "A bound on what one answer of a server can cost; an option.",
    applies: ({ body, at }, theirs, ours) =>
      at === 0 && ours.refused === "engine" && (body?.split("\u001e").length ?? 0) > packets,
  },
];

/** Another value: `same` is asked of two that are not equal. */
export const values = [
  {
    name: "surrogate without a partner",
    reason: "Rust's texts cannot hold one: it becomes U+FFFD.",
  },
  {
    name: "number out of range",
    reason: "`1e400` is `Infinity` to JavaScript, which JSON cannot say. The packet comes; who reads that value gets an error.",
  },
  {
    name: "id above 2^53",
    reason: "The reference rounds it and answers another id. We keep all 64 bits.",
  },
  {
    name: "number as an event's name",
    reason: "We hear it under the name as it was written, `1.0`; the reference under `1`.",
  },
];

/** Another text of the same value. */
export const texts = [
  {
    name: "form of a number",
    reason: "`1e21` and `1e+21`, `1e-7` and `0.0000001` are one number. Each writes what its language writes.",
  },
  {
    name: "negative zero",
    reason: "The reference loses the sign.",
  },
  {
    name: "surrogate without a partner, written",
    reason: "The same when writing.",
  },
  {
    name: "own key `_placeholder`",
    reason: "In what an application sends beside bytes: written with an escape, so that no receiver takes it for an attachment.",
  },
  {
    name: "own placeholder",
    reason:
      "An application's `{\"_placeholder\":true}` beside bytes is refused where no attachment has that number, and else reduced " +
      "to what the receiver makes of it. The reference sends what its receiver refuses.",
  },
  {
    name: "own key `__proto__`",
    reason: "The reference loses that key, and all that is in it, in packets with bytes.",
  },
];

export const differences = [...verdicts, ...values, ...texts];
