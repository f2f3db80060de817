// The inlined module: bytes as printable ASCII. build.mjs has the other half, and says why it is not base64.

const FIRST = 35; // "#": behind the quotation mark
const SKIPPED = 92; // the backslash
const DIRECT = 89; // characters that stand for a byte; the two before them announce a higher one

/** Works in the text's own bytes, ahead of which it never gets. It runs once, mostly before a compiler has looked at it. */
export function unpack(text, length) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  let high = 0;
  for (let from = 0; from < bytes.length; from += 1) {
    let digit = bytes[from] - FIRST - 2;
    if (digit > SKIPPED - FIRST - 2) digit -= 1;
    if (digit < 0) {
      high = DIRECT * (digit + 3);
    } else {
      bytes[at++] = high + digit;
      high = 0;
    }
  }
  return bytes.subarray(0, length);
}

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
