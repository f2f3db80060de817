// Binary data as Node likes it. The twin of `transport/binary.js`.

/** What received binary data becomes unless `engine.binaryType` says otherwise. */
export const binaryType = "nodebuffer";

const bufferOf = (data) =>
  ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);

/** What the transport heard, as the type that was asked for. */
export function bytesOf(data, type) {
  const bytes = Buffer.isBuffer(data) ? data : bufferOf(data);
  if (type !== "arraybuffer") return bytes;
  // A `Buffer` may be a window of a larger one.
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

export const sizeOf = (data) => (typeof data === "string" ? data.length : (data.byteLength ?? data.size));

/** Of a Blob a promise of it. */
export const toBase64 = (data) =>
  data instanceof Blob ? data.arrayBuffer().then(toBase64) : bufferOf(data).toString("base64");
