// The inlined module: bytes as printable ASCII. build.mjs has the other half, and says why it is not base64.

const FIRST = 35; // "#": behind the quotation mark
const SKIPPED = 92; // the backslash
const DIRECT = 89; // characters that stand for a byte; the two before them announce a higher one

export function unpack(text, length) {
  const bytes = new Uint8Array(length);
  let from = 0;
  for (let at = 0; at < length; at += 1) {
    let high = 0;
    let value;
    while ((value = digit(text.charCodeAt(from++)) - 2) < 0) high = DIRECT * (value + 3);
    bytes[at] = high + value;
  }
  return bytes;
}

const digit = (unit) => unit - FIRST - (unit > SKIPPED ? 1 : 0);

/** The reverse, for the build. */
export function pack(bytes) {
  const character = (number) => String.fromCharCode(FIRST + number + (FIRST + number >= SKIPPED ? 1 : 0));
  let text = "";
  for (const byte of bytes) {
    const high = Math.floor(byte / DIRECT);
    text += (high > 0 ? character(high - 1) : "") + character(2 + (byte % DIRECT));
  }
  return text;
}
