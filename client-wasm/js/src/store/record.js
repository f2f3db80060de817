// What stands in the database, each with a checksum over all of it.

/** CRC-32C, a byte at a time. */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit += 1) byte = byte & 1 ? (byte >>> 1) ^ 0x82f63b78 : byte >>> 1;
  return byte;
});

export function crc32c(bytes, before = 0) {
  let crc = ~before;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

const encoder = new TextEncoder();

/** Over the fields in their order, which structured clones keep, and the bytes of the attachments. */
function checksum({ crc: _, attachments = [], ...fields }) {
  const text = JSON.stringify([fields, attachments.map((part) => part.byteLength)]);
  return attachments.reduce((crc, part) => crc32c(new Uint8Array(part), crc), crc32c(encoder.encode(text)));
}

export const sealed = (fields) => ({ ...fields, crc: checksum(fields) });

/** What was sealed; undefined if it is damaged, or never was. */
export function unsealed(value) {
  try {
    const { crc, ...fields } = value;
    return crc === checksum(fields) ? fields : undefined;
  } catch {
    return undefined;
  }
}

/** A part of its own: a view may be of the memory of a whole module. */
function bytes(part) {
  if (part instanceof ArrayBuffer) return part;
  if (!ArrayBuffer.isView(part)) throw new TypeError("an attachment is no bytes");
  return part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength);
}

/** A record as it is stored, of whoever asked: this tab, if it does not say. */
export function recordOf({ seq, namespace, text, attachments, createdAt, expiresAt, attempts, tab, ref }, here) {
  if (typeof text !== "string" || !Number.isSafeInteger(ref)) throw new TypeError("a record needs a text and a ref");
  const fields = { seq: seq ?? undefined, namespace, text, createdAt, expiresAt: expiresAt ?? undefined };
  return { ...fields, attempts: attempts ?? 0, tab: tab ?? here, ref, attachments: (attachments ?? []).map(bytes) };
}

/** As the page counts what it emits: the bytes of its text and of its attachments. */
export const sizeOf = ({ text, attachments = [] }) =>
  attachments.reduce((sum, part) => sum + part.byteLength, encoder.encode(text).length);

/** 16 random bytes as base64url. */
export function randomId() {
  const random = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16)));
  return btoa(random).replace(/\+/g, "-").replace(/\//g, "_").slice(0, 22);
}
