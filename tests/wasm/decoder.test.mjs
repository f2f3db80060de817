// The slot codec beside the published parser: both read the same from any text, except where ours is meant to differ.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Decoder } from "socket.io-parser";
import { build } from "./build.mjs";

const slots = await import(build("slots", "node", "--no-default-features", "--features", "js"));

const runs = Number(process.env.CHAOS_RUNS ?? 20_000);
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** Numbers below `n`, the same for the same seed. */
function random(state) {
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}

const part = '{"_placeholder":true,"num":0}';
const packets = [
  '2["e",1]',
  '2/a,12["e",{"a":[1,2]}]',
  "3/a,0[]",
  '30["x"]',
  '0{"sid":"a"}',
  '0/a,{"sid":"a"}',
  '4{"message":"no"}',
  '4"no"',
  "1",
  "1/a,",
  `51-["e",${part}]`,
  `61-/a,3[${part}]`,
  '2["connect"]',
  "2[1]",
  '2/a?x=1,["e"]',
  '43/[["e"]',
];
// Spaces are left out: the published parser takes them for digits of an ack id.
const alphabet = '0123456789-/,[]{}":abe.+tnul漢';

function mutated(below) {
  const text = [...packets[below(packets.length)]];
  for (let changes = 1 + below(4); changes > 0; changes -= 1) {
    const at = below(Math.min(text.length + 1, below(2) ? 8 : 99));
    const letter = alphabet[below(alphabet.length)];
    text.splice(at, below(2), ...(below(3) ? [letter] : []));
  }
  return text.join("");
}

const KINDS = ["Connect", "Disconnect", "Event", "Ack", "ConnectError"];

/** As `slots.decode` has it, and only the word for an error. */
function published(text) {
  const decoder = new Decoder();
  let packet;
  decoder.on("decoded", (decoded) => (packet = decoded));
  try {
    decoder.add(text);
  } catch {
    return "error";
  }
  // It would also wait for the attachments of nothing.
  if (!packet) return decoder.reconstructor.packet.data === undefined ? "error" : "partial";
  const { type, nsp, id, data } = packet;
  const json = data === undefined ? "" : JSON.stringify(data);
  return `${KINDS[type]} ${nsp} ${id === undefined ? "None" : `Some(${id})`} ${json}`;
}

function ours(text) {
  const read = slots.decode(`4${text}`);
  return /^(Connect|Disconnect|Event|Ack|ConnectError) |^partial$/.test(read) ? read : "error";
}

/** What ours reads differently on purpose. */
function meant(text, theirs, read) {
  // An event without its name, an ack without its list, a packet without anything.
  if (read === "error" && (text === "" || /^(Event|Ack) .* $/su.test(theirs))) return true;
  if (!/^[56]/.test(text)) return false;
  const [, count] = /^.([^-]*)/s.exec(text);
  // Numbers of attachments are digits, and nothing else that JavaScript takes for a number.
  if (!/^\d+$/.test(count)) return read === "error";
  // None is what an old server says where there is none; the limit is wider.
  return theirs === "error" && (Number(count) === 0 || (Number(count) > 10 && read === "partial"));
}

test(`${runs} texts from seed ${seed}`, () => {
  const below = random(seed);
  let same = 0;
  for (let i = 0; i < runs; i += 1) {
    const text = mutated(below);
    const [theirs, read] = [published(text), ours(text)];
    if (meant(text, theirs, read)) continue;
    assert.equal(read, theirs, `seed ${seed}: ${text}`);
    same += read !== "error";
  }
  assert.ok(same > runs / 50, `${same} of ${runs} were packets`);
});
