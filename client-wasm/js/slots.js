// What JavaScript keeps for the slot codec (src/slots): the values, by number, and everything that looks inside them.
// Rust holds numbers, and says when it needs one no longer. No code of the application runs in here.

const entries = [];
const free = [];

/** A number for a value. `json` is its text, where it was made already. */
export function put(value, json) {
  const slot = free.length > 0 ? free.pop() : entries.length;
  entries[slot] = { value, json, compress: true };
  return slot;
}

/** One more number for the same value. */
export function share(slot) {
  const { value, json } = entries[slot];
  return put(value, json);
}

/** The value, of which nothing is kept. */
export function take(slot) {
  const { value } = entries[slot];
  release(slot);
  return value;
}

/** Where the transport compresses, this value is not to be. */
export function setUncompressed(slot) {
  entries[slot].compress = false;
}

export const isCompressed = (slot) => entries[slot].compress;

export const value = (slot) => entries[slot].value;
export const json = (slot) => (entries[slot].json ??= JSON.stringify(entries[slot].value));

export function release(slot) {
  entries[slot] = undefined;
  free.push(slot);
}

/** How many numbers are in use. */
export const live = () => entries.length - free.length;

// --- What Rust asks about a value ------------------------------------------------------------------------------

/** Units of an id. Servers make some twenty; a longer one is none, and does not make WebAssembly's memory grow, which never shrinks. */
const LONGEST = 4096;

export function text(slot, name) {
  const found = value(slot)?.[name];
  return typeof found === "string" && found.length <= LONGEST ? found : undefined;
}

let rest;
/** What `handshake`, `offset` or `connect` had to say further. */
export const further = (place) => rest[place];

/** The id in the server's handshake. Further: its numbers, NaN where there is none, and whether it offers WebSocket. */
export function handshake(slot) {
  const { pingInterval, pingTimeout, maxPayload, upgrades } = value(slot);
  const numbers = [pingInterval, pingTimeout, maxPayload];
  const offered = Array.isArray(upgrades) && upgrades.includes("websocket");
  rest = [...numbers.map((number) => (typeof number === "number" ? number : NaN)), offered ? 1 : NaN];
  return text(slot, "sid");
}

let attached = [];

/** One of the binary parts for `assemble`, in turn. */
export const attach = (slot) => attached.push(value(slot));

/** A new number for the value with these binary parts in their places; -1 if a placeholder names none. */
export function assemble(slot) {
  const parts = attached;
  attached = [];
  try {
    return put(filled(value(slot), parts));
  } catch {
    // Also a stack overflow, which a value of many levels can cause.
    return -1;
  }
}

function filled(data, parts) {
  if (!isObject(data)) return data;
  if (data._placeholder === true) {
    if (!Number.isInteger(data.num) || data.num < 0 || data.num >= parts.length) throw new Error("illegal attachments");
    return parts[data.num];
  }
  for (const key of Object.keys(data)) data[key] = filled(data[key], parts);
  return data;
}

/** The value whose text, with placeholders, and binary parts these are. Throws for what is none. */
export const revived = (text, parts) => filled(JSON.parse(text), parts);

const MEMORY = /^([\w-]{7})(?:\.(0|[1-9A-Za-z_-][\w-]{0,3}))?$/;
const STREAM = /^(\d{13})-(0|[1-9]\d{0,9})$/;
const MONGO = /^([\da-f]{8})([\da-f]{8})([\da-f]{8})$/;
/** 0 to 9, A to Z, a to z, -, _ */
const digit64 = (digit) => (digit === "-" ? 62 : digit === "_" ? 63 : parseInt(digit, 36) + (digit >= "a" ? 26 : 0));
const base64Number = (text) => Array.from(text).reduce((sum, digit) => sum * 64 + digit64(digit), 0);

/** The shape of an event's last argument, if that is an offset, else -1. Further: the Unix time in milliseconds and the
 * count that stand in it, as in Rust's `Offset`; the count in units of 2^32, and the rest. */
export function offset(slot) {
  const args = value(slot);
  const last = args.length > 1 ? args[args.length - 1] : undefined;
  if (typeof last !== "string") return -1;
  let found;
  if ((found = MEMORY.exec(last))) {
    rest = [base64Number(found[1]), 0, found[2] === undefined ? 0 : base64Number(found[2]) + 1];
    return 0;
  } else if ((found = STREAM.exec(last))) {
    rest = [Number(found[1]), 0, Number(found[2])];
    return 1;
  } else if ((found = MONGO.exec(last))) {
    const [seconds, high, low] = found.slice(1).map((digits) => parseInt(digits, 16));
    rest = [seconds * 1000, high, low];
    return 2;
  }
  return -1;
}

let unlike = 0;

/** A hash of what an event says, its last argument left out if asked for: 53 bits. What cannot be written is like nothing
 * else. */
export function digest(slot, withoutLast) {
  const args = value(slot);
  const bytes = (_, part) => (part instanceof ArrayBuffer ? [...new Uint8Array(part)] : part);
  let text;
  try {
    text = JSON.stringify(withoutLast ? args.slice(0, -1) : args, bytes);
  } catch {
    return --unlike;
  }
  let [a, b] = [2166136261, 5381];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 16777619);
    b = Math.imul(b, 33) ^ code;
  }
  return (a >>> 0) * 2 ** 21 + (b >>> 11);
}

/** A number for CONNECT's object, with the session to resume, and the name for `exactlyOnce`; -1 where `auth` is no object,
 * which is sent alone; -2 where it has a field `$delivery` of its own. -1 as `auth`, and an empty text, mean none. Further: the bytes of its text. */
export function connect(auth, pid, offset, delivery, base) {
  // With an application's own parser there is no text, and the value is a copy.
  const bare = auth >= 0 && entries[auth].json === undefined;
  // From its text: a copy, and nobody's getters.
  const data = auth < 0 ? {} : bare ? value(auth) : JSON.parse(json(auth));
  if (!isObject(data) || Array.isArray(data)) return -1;
  if (delivery && "$delivery" in data) return -2;
  const object = {
    pid: pid || undefined,
    offset: offset || undefined,
    ...(delivery ? { $delivery: { v: 1, id: delivery, base } } : undefined),
    ...data,
  };
  const text = bare ? undefined : JSON.stringify(object);
  rest = [bare ? 0 : byteLength(text)];
  return put(object, text);
}

/** A number for the question to the server's middleware for `exactlyOnce`. */
export function sync(version) {
  const event = ["$delivery", { sync: version }];
  const text = JSON.stringify(event);
  rest = [text.length];
  return put(event, text);
}

/** Whether an answer to it is the middleware's: an application may answer every event. */
export function middleware(slot) {
  const answer = value(slot)[0];
  return answer?.v === 1 && typeof answer.ttl === "number";
}

// --- Values on their way out -----------------------------------------------------------------------------------

const isBlob = (data) => typeof Blob !== "undefined" && data instanceof Blob;
const isBinary = (data) => data instanceof ArrayBuffer || ArrayBuffer.isView(data) || isBlob(data);

const isObject = (data) => typeof data === "object" && data !== null;

/** The value with placeholders for its binary parts; itself where it has none, so that nothing is copied in vain. */
function emptied(data, parts, key) {
  if (isBinary(data)) return { _placeholder: true, num: parts.push(data) - 1 };
  // Common, and its text has nothing binary.
  if (data instanceof Date) return data;
  if (typeof data.toJSON !== "function") return emptiedWithin(data, parts);
  const made = data.toJSON(key);
  if (!isObject(made)) return data;
  const bare = isBinary(made) ? emptied(made, parts, key) : emptiedWithin(made, parts);
  return bare === made ? data : bare;
}

function emptiedWithin(data, parts) {
  let copy;
  if (Array.isArray(data)) {
    for (let i = 0; i < data.length; i += 1) {
      const item = data[i];
      if (!isObject(item)) continue;
      const bare = emptied(item, parts, String(i));
      if (bare !== item) (copy ??= Array.from(data))[i] = bare;
    }
    return copy ?? data;
  }
  for (const key in data) {
    if (!Object.hasOwn(data, key)) continue;
    const item = data[key];
    if (!isObject(item)) continue;
    const bare = emptied(item, parts, key);
    // Without a prototype a key named `__proto__` is one like any other.
    if (bare !== item) (copy ??= Object.assign(Object.create(null), data))[key] = bare;
  }
  return copy ?? data;
}

/**
 * `[slot, bytes of its text]`, and the same pair for each binary part. Throws what `JSON.stringify`, or a method of the
 * value, throws; nothing has been kept then.
 */
export function outgoing(data) {
  const parts = [];
  const text = JSON.stringify(emptiedWithin(data, parts));
  const numbers = [put(data, text), byteLength(text)];
  for (const part of parts) {
    if (isBlob(part)) numbers.push(put(part), part.size);
    else numbers.push(put(bytes(part)), part.byteLength);
  }
  return numbers;
}

/** The same for what CONNECT carries, in which nothing is taken for binary; nothing for what has no text. */
export function credentials(data) {
  const text = JSON.stringify(data);
  return text === undefined ? [] : [put(data, text), byteLength(text)];
}

function bytes(part) {
  if (part instanceof Uint8Array) return part;
  return ArrayBuffer.isView(part) ? new Uint8Array(part.buffer, part.byteOffset, part.byteLength) : new Uint8Array(part);
}

const encoder = new TextEncoder();
// Three bytes for each unit of texts of common length.
const scratch = new Uint8Array(3 << 13);

/** Of a text without halves of surrogate pairs, as `JSON.stringify` makes them. */
function byteLength(text) {
  const { written, length } =
    text.length * 3 <= scratch.length ? encoder.encodeInto(text, scratch) : encoder.encode(text);
  return written ?? length;
}

/** What stands for a binary part in a text; of a Blob a promise of it. */
export const base64 = (slot) => toBase64(value(slot));

// As many arguments as every engine takes, and a multiple of three.
const CHUNK = 0x6000;

/** The same for binary data from elsewhere. */
export function toBase64(data) {
  if (isBlob(data)) return data.arrayBuffer().then(toBase64);
  const part = bytes(data);
  let text = "";
  for (let at = 0; at < part.length; at += CHUNK) {
    text += btoa(String.fromCharCode.apply(null, part.subarray(at, at + CHUNK)));
  }
  return text;
}

// --- Texts on their way in -------------------------------------------------------------------------------------

/** Events that are not on the wire. */
export const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);

// As in src/slots/text.rs.
const NONE = 0;
const MALFORMED = 1;
const EVENT = 2;
const ARRAY = 3;
const OBJECT = 4;
const TEXT = 5;
const OTHER = 6;

/** As in src/slots/text.rs. */
export function shapeOf(data) {
  if (Array.isArray(data)) {
    const [name] = data;
    const named = typeof name === "number" || (typeof name === "string" && !RESERVED.has(name));
    return named ? EVENT : ARRAY;
  }
  if (typeof data === "string") return TEXT;
  return isObject(data) ? OBJECT : OTHER;
}

// What is left there: as in src/slots/text.rs.
const PACKET = 0;
const HANDSHAKE = 1;
const BASE64 = 2;

/** How much of a text Rust sees when it has to read the header. */
const WINDOW = 64;
/** Longer ids than this are not exact as numbers. */
const DIGITS = 15;
const isDigit = (unit) => unit >= 48 && unit <= 57;

/**
 * Cuts texts, parses their payloads, and hands over numbers. `door` is Rust's half; what it returns is returned. Texts of
 * transport 0 are collected there.
 */
export class Reader {
  /** Of the payload that was handed over last: its number, and the ack id beside it (below 0: none). */
  slot = 0;
  ack = -1;
  /** The server's last one. */
  handshake = undefined;

  #door;
  #fromBytes;
  /** Headers that Rust has read before, without their ack id. Rust bounds their number. */
  #known = new Map();

  /** `fromBytes` makes of bytes that were base64 what the application gets. */
  constructor(door, fromBytes = (bytes) => bytes) {
    this.#door = door;
    this.#fromBytes = fromBytes;
  }

  /** One Engine.IO text. */
  read(text, transport = 0) {
    const type = text[0];
    if (type === "4") return this.#packet(text, transport);
    if (type === "0") {
      const shape = this.#parse(text, 1);
      this.handshake = shape === OBJECT ? value(this.slot) : undefined;
      return this.#door.leave(HANDSHAKE, transport, this.slot, shape, text.length);
    }
    if (type === "b") return this.#base64(text, transport);
    return this.#door.control(transport, text.slice(0, WINDOW));
  }

  /** A polling body of at most `max` texts; one more tells Rust that there are too many. */
  readBody(body, max, heard) {
    for (const text of body.split("\x1e", max + 1)) {
      heard?.(text);
      this.read(text);
    }
  }

  #packet(text, transport) {
    const end = text.indexOf("[");
    let digits = end;
    while (digits > 2 && isDigit(text.charCodeAt(digits - 1))) digits -= 1;
    const known = end > 0 && end - digits <= DIGITS ? this.#known.get(text.slice(0, digits)) : undefined;
    if (known === undefined) return this.#fresh(text, end, digits, transport);
    this.ack = digits < end ? Number(text.slice(digits, end)) : -1;
    const shape = this.#parse(text, end);
    return this.#door.known(transport, known, this.ack, this.slot, shape, text.length - end, Date.now());
  }

  #fresh(text, end, digits, transport) {
    let start = -1;
    // A namespace may be longer than the window.
    for (let window = WINDOW; start === -1; window *= 16) {
      start = this.#door.header(text.slice(0, window), text.length <= window);
    }
    // Rust says why when the text is decoded.
    if (start === -2) return this.#door.control(transport, text.slice(0, WINDOW));
    this.ack = digits < start ? Number(text.slice(digits, start)) : -1;
    if (start === end) {
      const id = this.#door.remember();
      if (id >= 0) this.#known.set(text.slice(0, digits), id);
    }
    const shape = this.#parse(text, start);
    return this.#door.leave(PACKET, transport, this.slot, shape, Math.max(text.length - start, 0));
  }

  /** Puts the payload into the table, and says what it is. */
  #parse(text, start) {
    this.slot = 0;
    if (start >= text.length) return NONE;
    let data;
    try {
      data = JSON.parse(text.slice(start));
    } catch {
      return MALFORMED;
    }
    this.slot = put(data);
    return shapeOf(data);
  }

  #base64(text, transport) {
    let part;
    try {
      part = fromBase64(text.slice(1));
    } catch {
      return this.#door.leave(BASE64, transport, 0, MALFORMED, 0);
    }
    return this.#door.leave(BASE64, transport, put(this.#fromBytes(part)), OTHER, part.length);
  }
}

/** The bytes of a base64 text. */
export function fromBase64(text) {
  const binary = atob(text);
  const part = new Uint8Array(binary.length);
  for (let i = 0; i < part.length; i += 1) part[i] = binary.charCodeAt(i);
  return part;
}
