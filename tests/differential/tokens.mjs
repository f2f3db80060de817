// Values as flat lists of tokens, as `tokens.rs` has them, and messages with their bytes in hexadecimal.

/** An own property also where the key is `__proto__`. */
export function define(object, key, value) {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

/** JSON of a token list. By hand: `JSON.stringify` loses the sign of -0. */
export function write(value) {
  const out = [];
  const add = (value) => {
    if (typeof value === "number") return out.push(Object.is(value, -0) ? "-0" : String(value));
    if (typeof value === "string") return out.push(JSON.stringify(`s${value}`));
    if (value === null || typeof value === "boolean") return out.push(String(value));
    if (Buffer.isBuffer(value)) return out.push(`"b${value.toString("hex")}"`);
    if (Array.isArray(value)) {
      out.push(`"[${value.length}"`);
      return value.forEach(add);
    }
    const keys = Object.keys(value);
    out.push(`"{${keys.length}"`);
    for (const key of keys) {
      add(key);
      add(value[key]);
    }
  };
  add(value);
  return `[${out.join(",")}]`;
}

/** The value of a token list. Of a key that comes twice, the last one counts, as in `JSON.parse`. */
export function read(tokens) {
  let at = 0;
  const take = () => {
    const token = tokens[at++];
    if (typeof token !== "string") return token;
    const rest = token.slice(1);
    switch (token[0]) {
      case "s":
        return rest;
      case "b":
        return Buffer.from(rest, "hex");
      case "[":
        return Array.from({ length: Number(rest) }, take);
      default: {
        const object = {};
        for (let left = Number(rest); left > 0; left--) {
          const key = take();
          define(object, key, take());
        }
        return object;
      }
    }
  };
  return take();
}

/** Messages to JSON, and back. */
export const toWire = (messages) =>
  messages.map((message) => (typeof message === "string" ? message : { hex: message.toString("hex") }));
export const fromWire = (messages) =>
  messages.map((message) => (typeof message === "string" ? message : Buffer.from(message.hex, "hex")));
