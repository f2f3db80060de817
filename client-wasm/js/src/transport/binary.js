// Binary data as the host likes it. The Node build has a twin of this file.
export { toBase64 } from "../../slots.js";

/** What received binary data becomes unless `engine.binaryType` says otherwise. */
export const binaryType = "arraybuffer";

/** What the transport heard, as the type that was asked for. */
export function bytesOf(data, type) {
  if (type === "blob") return data instanceof Blob ? data : new Blob([data]);
  return data instanceof Uint8Array ? data.buffer : data;
}

export const sizeOf = (data) => (typeof data === "string" ? data.length : (data.byteLength ?? data.size));
