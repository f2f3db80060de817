// Valid packets of every kind, by seed.
import { Random } from "../cuts/random.mjs";
import { encode, encodeEngine } from "./reference.mjs";
import { define } from "./tokens.mjs";

/** Decisions for one case alone, so that it can be had again without those before it. */
export const decisions = (seed, salt, index) => new Random(Math.imul(seed ^ salt, 0x9e3779b1) + Math.imul(index, 0x85ebca6b));

export const chance = (random, share) => random.next() < share;

const words = ["", "a", "hello", "Zoë", "漢字", "😀👩‍👩‍👧", "\u2028\u2029", "\u001e", "\0\b\t\n\f\r\u001f\u007f\u0080", "\ufeff", '"', "\\", "\\u0041"];
words.push("42[\"a\"]", "b64=", "/", "</script>", "_placeholder", "\uffff\ufffd", "\u0301e", "true", "-1e5", " x ", "\\ud800");
const keys = ["a", "b", "id", "num", "constructor", "length", "toJSON", "hasOwnProperty", "0", "10", "-1", "1.5", "", "é", "😀"];
const lone = ["\ud800", "x\udfffy", "\udc00\ud800", "\ud83d"];
const reservedLike = ["connection", "Connect", "disconnect ", " connect", "connecterror", "error", "ping", "message", "newlistener"];
const numbers = [0, 1, -1, -0, 0.1 + 0.2, 1e21, 1e-7, 1e16, 123456789012345680000, 5e-324, Number.MAX_VALUE, 0.000001, 1e300];
numbers.push(2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 2 ** 63, 2 ** 64, -(2 ** 63), 4.35, 1.7976931348623155e308);
const namespaces = ["/", "/a", "/admin", "/admin?token=1&x=é", "/日本", "/😀", "/a/b//c", '/["x"]', "/1", "//", "/ ", "/0-", "/{}", "/a\\b", "/%2C", "/\u00a0"];

/** Any text; with `share` of those that hold a surrogate alone. */
export function text(random, share = 0.004) {
  if (chance(random, share)) return random.pick(lone);
  switch (random.between(0, 9)) {
    case 0:
      return random.pick(words).repeat(random.between(1, 40));
    case 1:
    case 2:
      return Array.from({ length: random.between(1, 12) }, () => String.fromCodePoint(point(random))).join("");
    case 3:
      return random.pick(words) + random.pick(words);
    default:
      return random.pick(words);
  }
}

/** A code point that is no surrogate: of ASCII, the basic plane, or beyond. */
function point(random) {
  const at = random.pick([0x7f, 0x7ff, 0xffff, 0x10ffff]);
  const found = random.between(0, at);
  return found >= 0xd800 && found <= 0xdfff ? 0xfffd : found;
}

export function number(random) {
  switch (random.between(0, 5)) {
    case 0:
    case 1:
      return random.pick(numbers);
    case 2: {
      const bytes = Buffer.alloc(8);
      for (let at = 0; at < 8; at++) bytes[at] = random.between(0, 255);
      const any = bytes.readDoubleLE();
      return Number.isFinite(any) ? any : 7;
    }
    case 3:
      return random.between(-1000, 1000) / random.pick([1, 10, 3, 1e7]);
    default:
      return random.between(-(2 ** 31), 2 ** 31);
  }
}

export function bytes(random) {
  return Buffer.from(Array.from({ length: random.pick([0, 1, 2, 3, 4, 7, 30]) }, () => random.between(0, 255)));
}

/** Any value. `room.bytes` is how many attachments it may still have, `room.values` how many values. */
function value(random, depth, room) {
  room.values--;
  if (room.bytes > 0 && chance(random, 0.25)) {
    room.bytes--;
    return bytes(random);
  }
  const leaf = depth <= 0 || room.values <= 0;
  switch (random.between(leaf ? 4 : 0, 9)) {
    case 0:
    case 1: {
      const length = chance(random, 0.03) ? random.between(50, 200) : random.between(0, 4);
      return Array.from({ length }, () => value(random, depth - 1, room));
    }
    case 2:
    case 3:
      return object(random, depth, room);
    case 4:
      return random.pick([null, true, false]);
    case 5:
    case 6:
      return number(random);
    default:
      return text(random);
  }
}

function object(random, depth, room) {
  const made = {};
  for (let left = random.between(0, 4); left > 0; left--) {
    let key = chance(random, 0.2) ? text(random) : random.pick(keys);
    if (chance(random, room.own ? 0.2 : 0.02)) key = random.pick(["__proto__", "_placeholder"]);
    const held = value(random, depth - 1, room);
    // An application's own placeholder is what `own` makes.
    define(made, key, key === "_placeholder" && held === true ? "true" : held);
  }
  if (room.own && chance(random, 0.1)) Object.assign(made, { _placeholder: true, num: random.pick([0, 1, 99, "0"]) });
  return made;
}

/** A few values in a list, one of them sometimes at the bottom of a deep one. */
function list(random, room) {
  const made = Array.from({ length: random.pick([0, 1, 1, 2, 2, 3, 5]) }, () => value(random, random.between(0, 5), room));
  if (chance(random, 0.02)) {
    let deep = value(random, 1, room);
    for (let left = random.between(20, 110); left > 0; left--) deep = chance(random, 0.5) ? [deep] : { a: deep };
    made.push(deep);
  }
  return made;
}

const room = (random, most = 0) => ({ bytes: most, values: 40, own: most > 0 && chance(random, 0.3) });

const id = (random) =>
  random.pick([0, 1, random.between(0, 99), random.between(0, 2 ** 31), Math.floor(random.next() * 2 ** 53), 2 ** 53 - 1, 2 ** 53]);

function eventName(random) {
  if (chance(random, 0.05)) return random.pick([0, 1, 42, -1, 1.5, 1e21, -0, 1e-7]);
  return chance(random, 0.1) ? random.pick(reservedLike) : text(random);
}

/** A Socket.IO packet: `{ kind, namespace, id, data }`. */
export function packet(random) {
  const namespace = chance(random, 0.5) ? "/" : random.pick(namespaces);
  const most = chance(random, 0.45) ? random.between(1, 10) : 0;
  switch (random.pick([..."ccdeeeeeeeeaaaarr"])) {
    case "c":
      return { kind: "connect", namespace, data: chance(random, 0.3) ? undefined : object(random, 3, room(random)) };
    case "d":
      return { kind: "disconnect", namespace };
    case "a":
      return { kind: "ack", namespace, id: id(random), data: list(random, room(random, most)) };
    case "r":
      return {
        kind: "connect_error",
        namespace,
        data: chance(random, 0.2) ? text(random) : object(random, 3, room(random)),
      };
    default: {
      const data = [eventName(random), ...list(random, room(random, most))];
      return { kind: "event", namespace, id: chance(random, 0.5) ? undefined : id(random), data };
    }
  }
}

/** What a server says first. */
export const handshake = (random) => ({
  sid: `s${text(random, 0)}`,
  upgrades: random.pick([[], ["websocket"], ["websocket", "webtransport"]]),
  pingInterval: random.between(1, 100000),
  pingTimeout: random.between(1, 100000),
  maxPayload: random.between(1, 1e8),
});

export function control(random) {
  const [type, data] = random.pick([
    ["close"], ["ping"], ["pong"], ["upgrade"], ["noop"], ["ping", "probe"], ["pong", "probe"], ["ping", text(random, 0)],
  ]);
  return encodeEngine(type, data);
}

/** Messages of a few packets, whose attachments follow them, and control packets between. */
export function conversation(random, most = 4) {
  return Array.from({ length: random.between(1, most) }, () =>
    chance(random, 0.15) ? [control(random)] : encode(packet(random)),
  ).flat();
}
