// What is sent, in the page and in the server, and the sum by which its receiver knows that it is complete.
const texts = new Map();

function text(size) {
  if (!texts.has(size)) texts.set(size, "abcdefghij".repeat(size / 10 + 1).slice(0, Math.max(0, size - 24)));
  return texts.get(size);
}

/** The arguments of event number `i`: about `size` bytes. */
export function event(i, size, binary) {
  if (!binary) return [{ id: i, text: text(size), on: true }];
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, i);
  bytes[size - 1] = i & 0xff;
  return [bytes];
}

/** A number for what arrived: its own, its length and its end. */
export function sumOf([value]) {
  if (value.id !== undefined) return (value.id + value.text.length + (value.on ? 1 : 0)) >>> 0;
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (view.getUint32(0) + bytes.length + bytes[bytes.length - 1]) >>> 0;
}

/** The sum of all of them. */
export function sumOfAll(count, size, binary) {
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum = (sum + sumOf(event(i, size, binary))) >>> 0;
  return sum;
}
