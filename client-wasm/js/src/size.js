const BINARY = [ArrayBuffer, Uint8Array, globalThis.Blob].filter(Boolean);

/** Bytes of a value that has come, as nearly as they bound what a page keeps: texts and binary data as they are. */
export function sizeOf(value) {
  let size = 0;
  // Not by recursion: a server decides how deep it is.
  for (const rest = [value]; rest.length > 0; ) {
    const part = rest.pop();
    if (typeof part === "string") size += part.length;
    else if (Array.isArray(part)) for (const item of part) rest.push(item);
    else if (BINARY.some((kind) => part instanceof kind)) size += part.byteLength ?? part.size;
    else if (part && typeof part === "object") for (const [key, item] of Object.entries(part)) rest.push(key, item);
    // What the value itself takes.
    size += 8;
  }
  return size;
}
