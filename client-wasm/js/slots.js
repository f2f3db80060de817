// What JavaScript keeps for the slot codec (src/slots): the values, by number, and everything that looks inside them.
// Rust holds numbers, and says when it needs one no longer. No code of the application runs in here.

const entries = [];
const free = [];

/** A number for a value. `json` is its text, where it was made already. */
export function put(value, json) {
  const slot = free.length > 0 ? free.pop() : entries.length;
  entries[slot] = { value, json };
  return slot;
}

export const value = (slot) => entries[slot].value;
export const json = (slot) => (entries[slot].json ??= JSON.stringify(entries[slot].value));

export function release(slot) {
  entries[slot] = undefined;
  free.push(slot);
}

/** How many numbers are in use. */
export const live = () => entries.length - free.length;

// --- What Rust asks about a value ------------------------------------------------------------------------------

const field = (slot, name) => entries[slot].value?.[name];

export function text(slot, name) {
  const found = field(slot, name);
  return typeof found === "string" ? found : undefined;
}

/** NaN where there is no such number. */
export function number(slot, name) {
  const found = field(slot, name);
  return typeof found === "number" ? found : NaN;
}

export function texts(slot, name) {
  const found = field(slot, name);
  return Array.isArray(found) ? found.filter((item) => typeof item === "string") : [];
}

/** A new number for the value with its binary parts in their places; -1 if a placeholder names none. */
export function assemble(slot, attachments) {
  try {
    return put(filled(value(slot), Array.from(attachments, value)));
  } catch {
    // Also a stack overflow, which a value of many levels can cause.
    return -1;
  }
}

function filled(data, parts) {
  if (data === null || typeof data !== "object") return data;
  if (data._placeholder === true) {
    if (!Number.isInteger(data.num) || data.num < 0 || data.num >= parts.length) throw new Error("illegal attachments");
    return parts[data.num];
  }
  for (const key of Object.keys(data)) data[key] = filled(data[key], parts);
  return data;
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
  return new Uint32Array(numbers);
}

/** The same for what CONNECT carries, in which nothing is taken for binary; nothing for what has no text. */
export function credentials(data) {
  const text = JSON.stringify(data);
  return new Uint32Array(text === undefined ? [] : [put(data, text), byteLength(text)]);
}

const bytes = (part) =>
  part instanceof ArrayBuffer ? new Uint8Array(part) : new Uint8Array(part.buffer, part.byteOffset, part.byteLength);

const encoder = new TextEncoder();
// Three bytes for each unit of texts of common length.
const scratch = new Uint8Array(3 << 13);

/** Of a text without halves of surrogate pairs, as `JSON.stringify` makes them. */
function byteLength(text) {
  if (text.length * 3 <= scratch.length) return encoder.encodeInto(text, scratch).written;
  let length = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    // Each half of a pair counts for two.
    if (unit > 0x7f) length += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return length;
}

/** What stands for a binary part in a text. Of a Blob only a promise can be had. */
export function base64(slot) {
  const part = value(slot);
  return isBlob(part) ? part.arrayBuffer().then((read) => encoded(new Uint8Array(read))) : encoded(part);
}

// As many arguments as every engine takes, and a multiple of three.
const CHUNK = 0x6000;

function encoded(part) {
  let text = "";
  for (let at = 0; at < part.length; at += CHUNK) {
    text += btoa(String.fromCharCode.apply(null, part.subarray(at, at + CHUNK)));
  }
  return text;
}

// --- Texts on their way in -------------------------------------------------------------------------------------

const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

// As in src/slots/text.rs.
const [NONE, MALFORMED, EVENT, ARRAY, OBJECT, TEXT, OTHER] = [0, 1, 2, 3, 4, 5, 6];

function shapeOf(data) {
  if (Array.isArray(data)) {
    const [name] = data;
    const named = typeof name === "number" || (typeof name === "string" && !RESERVED.includes(name));
    return named ? EVENT : ARRAY;
  }
  if (typeof data === "string") return TEXT;
  return data !== null && typeof data === "object" ? OBJECT : OTHER;
}

/** How much of a text Rust sees when it has to read the header. */
const WINDOW = 64;
/** Longer ids than this are not exact as numbers. */
const DIGITS = 15;
const isDigit = (unit) => unit >= 48 && unit <= 57;

/** Cuts texts, parses their payloads, and hands over numbers. `door` is Rust's `Texts`. */
export class Reader {
  #door;
  /** Headers that Rust has read before, without their ack id. Rust bounds their number. */
  #known = new Map();

  constructor(door) {
    this.#door = door;
  }

  /** One Engine.IO text. */
  read(text) {
    const type = text[0];
    if (type === "4") return this.#packet(text);
    if (type === "0") return this.#parsed(text, 1, (...payload) => this.#door.handshake(...payload));
    if (type === "b") return this.#base64(text);
    return this.#door.control(text.slice(0, WINDOW));
  }

  /** A polling body of at most `max` texts; one more tells Rust that there are too many. */
  readBody(body, max) {
    for (const text of body.split("\x1e", max + 1)) this.read(text);
  }

  #packet(text) {
    const end = text.indexOf("[");
    let digits = end;
    while (digits > 2 && isDigit(text.charCodeAt(digits - 1))) digits -= 1;
    const known = end > 0 && end - digits <= DIGITS ? this.#known.get(text.slice(0, digits)) : undefined;
    if (known === undefined) return this.#fresh(text, end, digits);
    const ack = digits < end ? Number(text.slice(digits, end)) : -1;
    return this.#parsed(text, end, (...payload) => this.#door.known(known, ack, ...payload));
  }

  #fresh(text, end, digits) {
    let window = WINDOW;
    let start = this.#door.header(text.slice(0, window), text.length <= window);
    // A namespace may be longer than that.
    while (start === -1) {
      window *= 16;
      start = this.#door.header(text.slice(0, window), text.length <= window);
    }
    // Rust says why when the text is decoded.
    if (start === -2) return this.#door.control(text.slice(0, WINDOW));
    if (start === end) {
      const id = this.#door.remember();
      if (id >= 0) this.#known.set(text.slice(0, digits), id);
    }
    return this.#parsed(text, start, (...payload) => this.#door.packet(...payload));
  }

  /** Calls `then(slot, shape, length)`. */
  #parsed(text, start, then) {
    if (start >= text.length) return then(0, NONE, 0);
    let data;
    try {
      data = JSON.parse(text.slice(start));
    } catch {
      return then(0, MALFORMED, 0);
    }
    return then(put(data), shapeOf(data), text.length - start);
  }

  #base64(text) {
    let binary;
    try {
      binary = atob(text.slice(1));
    } catch {
      return this.#door.base64(0, MALFORMED, 0);
    }
    const part = Uint8Array.from(binary, (unit) => unit.charCodeAt(0));
    return this.#door.base64(put(part), OTHER, part.length);
  }
}
