// Binary data as the host likes it. The Node build has a twin of this file.

/** What received binary data becomes unless `engine.binaryType` says otherwise. */
export const binaryType = "arraybuffer";

/** Bytes that were base64. */
export const fromBytes = (bytes) => bytes.buffer;

/** What the transport heard, as the type that was asked for. */
export const bytesOf = (data, type) => (type === "blob" && !(data instanceof Blob) ? new Blob([data]) : data);

export const sizeOf = (data) => (typeof data === "string" ? data.length : (data.byteLength ?? data.size));

export function toBase64(data) {
  const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export const fromBase64 = (text) => fromBytes(Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0)));
