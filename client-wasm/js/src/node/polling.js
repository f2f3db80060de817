// One HTTP request of the polling transport, in Node. Dumb: when to ask and what an answer means is decided elsewhere.
import http from "node:http";
import https from "node:https";
import { viaFetch } from "../fetch.js";
import { Gathered } from "../gathered.js";
import { connectionOptions, customAgent, isolated, requestHeaders } from "./options.js";

// Shorter than what servers grant an idle connection (Node's 5 s are the shortest in use): else a request may
// meet the server's close on the way. It could not be sent again, as nobody knows what the server saw of it.
const IDLE = 3000;

/** Bytes of a page that comes with an error. */
const PAGE = 64 * 1024;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

// Connections are kept per client, not per process, and go with it.
const agents = new WeakMap();

function agentFor(opts, protocol) {
  const own = customAgent(opts);
  if (own) return own;
  const client = opts.pool ?? opts;
  if (!agents.has(client)) agents.set(client, {});
  const { Agent } = protocol === "https:" ? https : http;
  return (agents.get(client)[protocol] ??= new Agent({ keepAlive: true, timeout: IDLE }));
}

/** What a failed or refused request is reported with: what people read of an XMLHttpRequest. */
class Context {
  readyState = 4;
  status = 0;
  statusText = "";
  responseText = "";
  #headers;

  constructor(url, fields, headers = {}) {
    this.responseURL = url;
    this.#headers = headers;
    Object.assign(this, fields);
  }

  get response() {
    return this.responseText;
  }

  getResponseHeader(name) {
    const value = this.#headers[String(name).toLowerCase()];
    return value === undefined ? null : [].concat(value).join(", ");
  }

  getAllResponseHeaders() {
    return Object.keys(this.#headers)
      .map((name) => `${name}: ${this.getResponseHeader(name)}`)
      .join("\r\n");
  }
}

/**
 * One HTTP request.
 *
 * body   a text to POST; undefined for a GET.
 * opts   the transport's merged options. `fetch`: over the runtime's own; `pool`: the object that kept connections
 *        belong to and live as long as (by default `opts`); `jar`: a CookieJar.
 * limit  the longest body that is read, in bytes.
 * done(status, text, context)   called once, later, and never after abort(). Status 0: the request itself failed,
 *        and context.error says why.
 *
 * Returns { abort(), unref() }.
 */
export function request(url, body, opts, limit, done) {
  if (opts.fetch) return fetched(url, body, opts, limit, done);
  let current;
  let finished = false;
  let unreferenced = Boolean(opts.autoUnref);

  const finish = (status, text, context) => {
    if (finished) return;
    finished = true;
    isolated(() => done(status, text, context))();
  };
  const fail = (error) => {
    if (finished) return;
    current?.destroy();
    finish(0, "", new Context(url, { error, statusText: error.message, responseText: error.stack }));
  };

  function unrefSocket() {
    if (current?.socket) current.socket.unref();
    else current?.once("socket", (socket) => socket.unref());
  }

  function start(at, method, payload, crossed, left) {
    const headers = requestHeaders(
      crossed ? withoutSecrets(opts) : opts,
      { "User-Agent": "socketio-client-wasm", Accept: "*/*" },
      payload === undefined ? {} : { "Content-Type": "text/plain;charset=UTF-8" },
    );
    const asked = (at.protocol === "https:" ? https : http).request(at, {
      ...connectionOptions(opts),
      method,
      headers,
      agent: agentFor(opts, at.protocol),
    });
    current = asked;
    // Of one that was left for a redirect nobody wants to know.
    asked.on("error", (error) => asked === current && fail(error));
    asked.on("response", (response) => answer(response, at, method, payload, crossed, left));
    if (unreferenced) unrefSocket();
    asked.end(payload);
  }

  function answer(response, at, method, payload, crossed, left) {
    if (!crossed) opts.jar?.store(response.headers["set-cookie"]);
    const { statusCode: status, headers } = response;
    if (REDIRECTS.has(status) && headers.location) {
      try {
        redirect(status, new URL(headers.location, at), at, method, payload, crossed, left);
      } catch (error) {
        fail(error);
      }
      // Its page may have no end.
      response.on("error", () => {}).destroy();
      return;
    }
    // Pages of errors are what they are.
    const wanted = status === 200;
    const tooLong = () => fail(new Error(`the response is longer than ${limit} bytes`));
    response.on("error", fail);
    if (wanted && Number(headers["content-length"]) > limit) return tooLong();
    const gathered = new Gathered(wanted ? limit : Math.min(limit, PAGE));
    response.on("data", (chunk) => {
      if (finished || gathered.add(chunk)) return;
      if (wanted) return tooLong();
      answered();
      response.off("error", fail).on("error", () => {}).destroy();
    });
    response.on("end", answered);

    function answered() {
      let text;
      try {
        text = gathered.text(wanted);
      } catch (error) {
        return fail(error);
      }
      const { statusMessage: statusText } = response;
      const context = new Context(at.href, { status, statusText, responseText: text }, headers);
      // The connection is free one tick from now, and the next request is to find it.
      process.nextTick(finish, status, text, context);
    }
  }

  // As browsers do: 307 and 308 repeat the request, the others ask with GET, and another origin gets no secrets.
  function redirect(status, to, from, method, payload, crossed, left) {
    if (finished) return;
    if (left === 0) throw new Error("too many redirects");
    const same = status >= 307 || method === "GET";
    const away = crossed || to.origin !== from.origin;
    start(to, same ? method : "GET", same ? payload : undefined, away, left - 1);
  }

  try {
    start(new URL(url), body === undefined ? "GET" : "POST", body, false, MAX_REDIRECTS);
  } catch (error) {
    // A bad URL or header. Never from within the call, like every other failure.
    process.nextTick(fail, error);
  }

  return {
    abort() {
      finished = true;
      current?.destroy();
    },
    unref() {
      unreferenced = true;
      unrefSocket();
    },
  };
}

function fetched(url, body, opts, limit, done) {
  const { jar, extraHeaders } = opts;
  const cookies = [extraHeaders?.Cookie, jar?.header()].filter(Boolean).join(", ");
  const headers = { ...extraHeaders, ...(cookies && { Cookie: cookies }) };
  return viaFetch(url, body, { ...opts, extraHeaders: headers }, limit, (status, text, context) => {
    jar?.store(context.headers?.getSetCookie());
    isolated(() => done(status, text, context))();
  });
}

const SECRET = new Set(["authorization", "cookie", "host", "proxy-authorization"]);

function withoutSecrets(opts) {
  const kept = Object.entries(opts.extraHeaders ?? {}).filter(([name]) => !SECRET.has(name.toLowerCase()));
  return { extraHeaders: Object.fromEntries(kept) };
}
