// What becomes of valid messages on a bad day: named changes, light ones that leave most packets whole, and heavy ones.
import { bytes, chance, conversation, number, packet, text as anyText } from "./generate.mjs";
import { encode } from "./reference.mjs";

const strings = /"(?:[^"\\]|\\.)*"/g;
const numbers = /(?<![\w"\\.+-])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[,\]}])/g;
const marks = /\{"_placeholder":true,"num":(\d+)\}/g;
const reserved = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/** One match of a pattern replaced; nothing where there is none. */
function replaceOne(random, text, pattern, change) {
  const matches = [...text.matchAll(new RegExp(pattern, `g${pattern.flags.replace("g", "")}`))];
  if (matches.length === 0) return undefined;
  const match = random.pick(matches);
  return text.slice(0, match.index) + change(match[0], match) + text.slice(match.index + match[0].length);
}

const insert = (text, at, what) => text.slice(0, at) + what + text.slice(at);
const place = (random, text) => random.between(0, text.length);
const letter = (random) => random.pick([..."azAZ09 _-é漢😀"]);

/** Where the payload starts. */
const payload = /(?<=^4[0-6](?:\d+-)?(?:\/[^,]*,)?\d*)(?=[[{"])/;

/** Changes of one text, by name. */
const light = {
  "letter in a string": (random, text) =>
    replaceOne(random, text, strings, (string) => insert(string, 1, letter(random))),
  "escape in a string": (random, text) =>
    replaceOne(random, text, strings, (string) => {
      const pair = `\\u${random.pick(["d800", "dBFF", "d83d"])}\\u${random.pick(["dc00", "DFFF", "de00"])}`;
      const escape = random.pick(["\\u0041", "\\u00e9", pair, pair, "\\/", "\\n", '\\"', "\\uABcd", "\\u0000", "\\ud7ff", "\\ue000"]);
      return insert(string, 1, escape);
    }),
  "surrogate alone in a string": (random, text) =>
    replaceOne(random, text, strings, (string) => insert(string, 1, random.pick(["\\ud800", "\\uDbff", "\\udc00", "\\uDFFF", "\\udc00\\ud800"]))),
  "another number": (random, text) => replaceOne(random, text, numbers, () => String(number(random))),
  "another form of number": (random, text) =>
    replaceOne(random, text, numbers, () =>
      random.pick(["-0", "1e5", "1E+2", "0.0", "-0.0e-0", "123456789012345678901234567890", "9007199254740993", "1e-400", "0.1e1"]),
    ),
  "space between tokens": (random, text) =>
    replaceOne(random, text, /(?<=[[\]{}:,"])(?=[[\]{},"])/g, () => random.pick([" ", "\n", "\t", "\r ", "  "])),
  "another id": (random, text) => replaceOne(random, text, payload, () => String(random.between(0, 999))),
  "large id": (random, text) =>
    replaceOne(random, text, payload, () => random.pick(["9007199254740993", "18446744073709551615", "00000000000000000000007"])),
  "another namespace": (random, text) =>
    replaceOne(random, text, /\/[^,[{]*,/, (namespace) => insert(namespace, random.between(1, namespace.length - 1), letter(random))),
  "key twice": (random, text) =>
    replaceOne(random, text, /(?<=\{)"(?:[^"\\]|\\.)*":/g, (key) => `${key}${random.pick(["1", "[]", '"x"', "true"])},${key}`),
  "one more value": (random, text) => replaceOne(random, text, /(?<=^4[^[]*\[.*)\]$/s, () => `,${JSON.stringify(anyText(random))}]`),
  "one more key in a placeholder": (random, text) =>
    replaceOne(random, text, marks, (mark) => `${mark.slice(0, -1)},"x":[{}]}`),
  "placeholder turned round": (random, text) =>
    replaceOne(random, text, marks, (_, [, num]) => `{"num":${num}${random.pick(["", ".0", "e0"])},"_placeholder":true}`),
  "another attachment meant": (random, text) =>
    replaceOne(random, text, marks, () => `{"_placeholder":true,"num":${random.pick([0, 0, 0, 1, "-0", "0e9"])}}`),
  "placeholder that is none": (random, text) =>
    replaceOne(random, text, marks, (_, [, num]) => `{"_placeholder":${random.pick(["false", "1", '"true"', "null", "[]"])},"num":${num}}`),
  "number as the name": (random, text) =>
    replaceOne(random, text, /(?<=^4[25][^[]*\[)"(?:[^"\\]|\\.)*"/, () => random.pick(["1", "1.0", "1e3", "-0", "0.10", "12345678901234567890"])),
  "space before the payload": (random, text) => replaceOne(random, text, payload, () => random.pick([" ", "\n", "\t", "  ", " 7"])),
  "nothing but the header": (random, text) => replaceOne(random, text, /(?<=^4[2356][^[]*)\[.*$/s, () => ""),
  "deep": (random, text) => {
    const depth = random.pick([10, 100, 126, 127, 128, 300]);
    return replaceOne(random, text, /(?<=^4[236][^[]*\[.*)\]$/s, () => `,${"[".repeat(depth)}${"]".repeat(depth)}]`);
  },
  "number out of range": (random, text) =>
    replaceOne(random, text, numbers, () => random.pick(["1e400", "-1e999", `1${"0".repeat(400)}`])),
};

const heavy = {
  "byte flipped": (random, text) => {
    const raw = Buffer.from(text);
    if (raw.length === 0) return undefined;
    raw[random.between(0, raw.length - 1)] ^= 1 << random.between(0, 7);
    return raw.toString();
  },
  "character put in": (random, text) => {
    const what = random.pick([..."\"[]{},:-0123456789/\\ \u001e\0", anyText(random), "\ufeff", "\u00a0"]);
    return insert(text, place(random, text), what);
  },
  "part taken out": (random, text) => {
    const from = place(random, text);
    return text.slice(0, from) + text.slice(from + random.between(1, 8));
  },
  "end cut off": (random, text) => text.slice(0, place(random, text)),
  "part twice": (random, text) => {
    const from = place(random, text);
    return insert(text, from, text.slice(from, from + random.between(1, 20)));
  },
  "two packets spliced": (random, text) => {
    const other = encode(packet(random))[0];
    return text.slice(0, place(random, text)) + other.slice(place(random, other));
  },
  "another type": (random, text) => text[0] + random.pick([..."0123456789 b-\n\u00a0x"]) + text.slice(2),
  "another Engine.IO type": (random, text) => random.pick([..."0123456789b -x\u001e", ""]) + text.slice(1),
  "reserved name": (random, text) =>
    replaceOne(random, text, /(?<=^4[25][^[]*\[)"(?:[^"\\]|\\.)*"/, () => {
      const name = random.pick(reserved);
      return chance(random, 0.3) ? `"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}"` : JSON.stringify(name);
    }),
  "another number of attachments": (random, text) =>
    replaceOne(random, text, /(?<=^4[56])\d+(?=-)/, (count) =>
      random.pick([Number(count) + 1, Number(count) - 1, 11, 1001, "", " ", "01", "-1", "1.5", "9".repeat(30), "1-1", "x", "1 1"]),
    ),
  "another form of the number of attachments": (random, text) =>
    replaceOne(random, text, /(?<=^4[56])\d+(?=-)/, (count) =>
      random.pick([` ${count}`, `+${count}`, `${count}.0`, `${count}e0`, `0x${Number(count).toString(16)}`, `${count}\n`]),
    ),
  "placeholder out of range": (random, text) =>
    replaceOne(random, text, marks, () => `{"_placeholder":true,"num":${random.pick(["10", "-1", "-0.5", '"0"', "null", "[0]", "1e400", "true"])}}`),
  "no attachments announced": (random, text) => replaceOne(random, text, /(?<=^4[56])\d+(?=-)/, () => random.pick(["0", "00"])),
  "placeholder with a fraction": (random, text) =>
    replaceOne(random, text, marks, () => `{"_placeholder":true,"num":${random.pick(["0.5", "1e-3", "0.99"])}}`),
  "placeholder in a placeholder": (random, text) =>
    replaceOne(random, text, marks, (mark) => `${mark.slice(0, -1)},"in":[{"_placeholder":true,"num":99}]}`),
  "placeholder without a number": (random, text) => replaceOne(random, text, marks, () => '{"_placeholder":true}'),
  "no JSON number": (random, text) =>
    replaceOne(random, text, numbers, () => random.pick(["01", "1.", ".5", "+1", "NaN", "Infinity", "0x1", "1e", "-", "1_0", "--1"])),
  "no JSON string": (random, text) =>
    replaceOne(random, text, strings, (string) =>
      random.pick([string.replaceAll('"', "'"), insert(string, 1, random.pick(["\n", "\\x41", "\\u12", "\0", "\\"])), string.slice(1)]),
    ),
  "no JSON": (random, text) =>
    replaceOne(random, text, /[,:\]}]/g, (found) => random.pick([`${found},`, "", "]", "}", `${found}undefined`, "/**/"])),
  "another kind of payload": (random, text) =>
    replaceOne(random, text, /(?<=^4[0-6](?:\d+-)?(?:\/[^,]*,)?\d*)[[{"].*$/s, () =>
      random.pick(["{}", "[]", '"x"', "1", "null", "true", "[null]", "[{}]", '[["a"]]', "[true]", '{"a":1}', "false", '"', "[1]x"]),
    ),
  "something behind it": (random, text) => text + random.pick(["x", "]", "\0", ",", "[]", "\u00a0", " 1"]),
  "id beyond 64 bits": (random, text) => replaceOne(random, text, payload, () => random.pick(["18446744073709551616", "9".repeat(40)])),
  "space in the id": (random, text) => replaceOne(random, text, payload, () => random.pick(["1 2", "\u00a0", "\ufeff3", "4\u2028", " "])),
};

/** Changes of the list of messages. */
const ofMessages = {
  "message left out": (random, messages) =>
    messages.length > 1 ? without(messages, random.between(0, messages.length - 1)) : undefined,
  "message twice": (random, messages) => {
    const at = random.between(0, messages.length - 1);
    return [...messages.slice(0, at), messages[at], ...messages.slice(at)];
  },
  "messages swapped": (random, messages) => {
    if (messages.length < 2) return undefined;
    const at = random.between(0, messages.length - 2);
    return [...messages.slice(0, at), messages[at + 1], messages[at], ...messages.slice(at + 2)];
  },
  "attachment nobody announced": (random, messages) => [bytes(random), ...messages],
  "more attachments than the reference takes": (random, messages) => {
    const count = random.between(11, 15);
    const marks = Array.from({ length: count }, (_, num) => ({ _placeholder: true, num }));
    return [`45${count}-${JSON.stringify(["many", ...marks])}`, ...marks.map(() => bytes(random)), ...messages];
  },
};

/** Changes of a polling body. */
const ofBodies = {
  "separator more": (random, body) => insert(body, place(random, body), "\u001e"),
  "separator less": (random, body) => replaceOne(random, body, /\u001e/g, () => ""),
  "base64 without padding": (random, body) => body.replaceAll("=", ""),
  "another base64": (random, body) =>
    replaceOne(random, body, /(?<=(?:^|\u001e)b[A-Za-z0-9+/=]*)(?:[A-Za-z0-9+/=]|(?=$|\u001e))/g, (found) =>
      random.pick([`${found}${random.pick([..."-_*= \né"])}`, random.pick([..."-_*=ABab+/"]), ""]),
    ),
  "body cut off": (random, body) => body.slice(0, place(random, body)),
};

const without = (list, at) => [...list.slice(0, at), ...list.slice(at + 1)];
const wellFormed = (text) => text.toWellFormed();

/** One change of messages: `{ name, messages }`, or nothing where the picked one cannot be made. */
function change(random, messages) {
  const at = random.pick(messages.map((_, at) => at).filter((at) => typeof messages[at] === "string"));
  const inText = (all) => {
    // Few can be made of every text.
    for (let left = at === undefined ? 0 : 4; left > 0; left--) {
      const name = random.pick(Object.keys(all));
      const text = all[name](random, messages[at]);
      if (text !== undefined) {
        return { name, messages: messages.map((message, i) => (i === at ? wellFormed(text) : message)) };
      }
    }
    return undefined;
  };
  if (chance(random, 0.57)) return inText(light);
  if (chance(random, 0.85)) return inText(heavy);
  const name = random.pick(Object.keys(ofMessages));
  const changed = ofMessages[name](random, messages);
  return changed && { name, messages: changed };
}

/** A case: `{ names, messages }` or `{ names, body }`. */
export function mutated(random, index) {
  if (index % 5000 === 4999) return { names: ["very many packets"], body: "6\u001e".repeat(100_000) + "6" };
  let messages = conversation(random, 2);
  const names = [];
  for (let left = random.pick([1, 1, 1, 1, 2, 3]); left > 0 || names.length === 0; left--) {
    const changed = change(random, messages);
    if (changed) {
      names.push(changed.name);
      messages = changed.messages;
    }
  }
  if (!chance(random, 0.25)) return { names, messages };
  // Not by the reference: some are no messages any longer.
  let body = messages.map((message) => (typeof message === "string" ? message : `b${message.toString("base64")}`)).join("\u001e");
  if (chance(random, 0.6)) {
    const name = random.pick(Object.keys(ofBodies));
    const changed = ofBodies[name](random, body);
    if (changed !== undefined) {
      names.push(name);
      body = wellFormed(changed);
    }
  }
  return { names, body };
}
