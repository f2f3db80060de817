const SCHEME = /^(https?|wss?):\/\//i;
const HOST = /\[[^\]]*\]|(?:[\da-f]{0,4}:){2,7}[\da-f]{0,4}|[^:/?#]*/.source;
const PARTS = new RegExp(
  `^(?:(https?|wss?)://)?(?:[^/?#@]*@)?(${HOST})(?::(\\d*))?([^?#]*)(?:\\?([^#]*))?(?:#.*)?$`,
  "i",
);

/** Cuts a URL into the parts that the client needs. */
export function parse(uri) {
  // As in the original: longer ones are a mistake or an attack.
  if (uri.length > 8000) throw "URI too long";
  const [source, protocol = "", host = "", port = "", path = "", query = ""] = PARTS.exec(uri) ?? [uri];
  return { source, protocol, host: host.startsWith("[") ? host.slice(1, -1) : host, port, path, query };
}

/**
 * The URL of `io(uri)`: what is missing comes from the page's location. `id` names the server (with the request path),
 * `path` the namespace.
 */
export function url(uri, path = "", location = undefined) {
  const page = location || undefined;
  let text = uri ?? (page ? `${page.protocol}//${page.host}` : "");
  if (typeof text !== "string") text = String(text);
  if (!SCHEME.test(text)) {
    if ((text === "" || text.startsWith("/")) && !page) {
      throw new TypeError(`io(${JSON.stringify(uri) ?? ""}) needs a page's location; write an absolute URL here`);
    }
    if (text.startsWith("//")) text = page.protocol + text;
    else if (text.startsWith("/")) text = `${page.protocol}//${page.host}${text}`;
    else text = `${page ? page.protocol : "https:"}//${text}`;
  }
  const parts = parse(text);
  if (!parts.port) parts.port = /^(http|ws)$/i.test(parts.protocol) ? "80" : "443";
  parts.path ||= "/";
  const host = parts.host.includes(":") ? `[${parts.host}]` : parts.host;
  parts.id = `${parts.protocol}://${host}:${parts.port}${path}`;
  return parts;
}

/** `a=1&b=2` as keys and values; a key without `=` has an empty value, `+` stays. */
export function parseQuery(text) {
  const query = {};
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const [key, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
    query[decode(key)] = decode(value);
  }
  return query;
}

/** The reverse, with a `&` behind each. Halves of surrogate pairs have no form in a URL. */
export const queryText = (query) =>
  Object.entries(query)
    .map((pair) => `${pair.map((text) => encodeURIComponent(String(text).replace(/[\ud800-\udfff]/gu, "\ufffd"))).join("=")}&`)
    .join("");

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
