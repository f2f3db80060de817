// Binary data as Node likes it. The twin of `transport/binary.js`.

/** What received binary data becomes unless `engine.binaryType` says otherwise. */
export const binaryType = "nodebuffer";

/** Bytes that were base64. */
export const fromBytes = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What the transport heard, as the type that was asked for. */
export function bytesOf(data, type) {
  const bytes = data instanceof ArrayBuffer ? Buffer.from(data) : data;
  if (type !== "arraybuffer") return bytes;
  // A `Buffer` may be a window of a larger one.
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

export const sizeOf = (data) => (typeof data === "string" ? data.length : (data.byteLength ?? data.size));

export const toBase64 = (data) =>
  (data instanceof ArrayBuffer ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)).toString("base64");

export const fromBase64 = (text) => Buffer.from(text, "base64");
