// The cookies of one Manager in Node (`withCredentials`): sticky sessions behind a load balancer need them. In memory;
// a Manager speaks with one host, so that only names, values and expiry count, not domains and paths.

// As in browsers: more than that is no session cookie but a flood.
const MAX_COOKIES = 180;
const MAX_LENGTH = 4096;

/** `{name, value, expires}`, with `expires` in ms since the epoch (Infinity: never), of one Set-Cookie header. */
export function parseCookie(header, now = Date.now()) {
  const [pair, ...attributes] = header.split(";");
  const at = pair.indexOf("=");
  const name = pair.slice(0, at).trim();
  if (at === -1 || name === "" || pair.length > MAX_LENGTH) return undefined;
  const value = pair.slice(at + 1).trim();
  const cookie = { name, value: value.replace(/^"(.*)"$/, "$1"), expires: Infinity };
  let maxAge;
  for (const attribute of attributes) {
    const [key, ...rest] = attribute.split("=");
    const text = rest.join("=").trim();
    switch (key.trim().toLowerCase()) {
      case "expires": {
        // A date that nobody can read must not turn a deletion into a cookie for ever.
        const time = Date.parse(text);
        cookie.expires = Number.isNaN(time) ? 0 : time;
        break;
      }
      case "max-age":
        maxAge = /^-?\d+$/.test(text) ? Number(text) : 0;
        break;
    }
  }
  // Max-Age wins, whatever the order.
  if (maxAge !== undefined) cookie.expires = maxAge > 0 ? now + maxAge * 1000 : 0;
  return cookie;
}

export class CookieJar {
  #cookies = new Map();

  /** Takes the values of a response's Set-Cookie headers, which may be missing. */
  store(headers) {
    for (const header of headers ?? []) {
      const cookie = parseCookie(header);
      if (!cookie) continue;
      this.#cookies.delete(cookie.name);
      if (cookie.expires > Date.now()) this.#cookies.set(cookie.name, cookie);
      // The oldest goes.
      if (this.#cookies.size > MAX_COOKIES) this.#cookies.delete(this.#cookies.keys().next().value);
    }
  }

  /** The value of a Cookie header; empty where there is none to send. */
  header() {
    const now = Date.now();
    const pairs = [];
    for (const { name, value, expires } of this.#cookies.values()) {
      if (expires > now) pairs.push(`${name}=${value}`);
      else this.#cookies.delete(name);
    }
    return pairs.join("; ");
  }

  get size() {
    return this.#cookies.size;
  }
}

const jars = new WeakMap();

/** The jar of one Manager's transports. */
export function jarFor(links, { withCredentials }) {
  if (!withCredentials) return undefined;
  if (!jars.has(links)) jars.set(links, new CookieJar());
  return jars.get(links);
}
