// Polling's requests over the runtime's `fetch`, in browsers and in Node.
import { Gathered } from "./gathered.js";

/** Needs no permission of another origin. */
export const CONTENT_TYPE = "text/plain;charset=UTF-8";

export const tooLong = (limit) => new Error(`the answer has more than ${limit} bytes`);

/** The core's number for a refused request: what the server knows of a session, or how long it asks to be left alone. */
export function refusal(status, answer, context) {
  const [, known] = (status === 400 && /"code":([13]),/.exec(answer)) || [];
  if (known) return known === "1" ? -2 : -3;
  // Asked for by name, a header that another origin does not expose is an error in the console.
  const all = status && (context.headers ? [...context.headers].map((pair) => pair.join(": ")).join("\n") : context.getAllResponseHeaders());
  const [, asked] = /^retry-after: *([^\r\n]+)/im.exec(all || "") ?? [];
  const seconds = /^\d+ *$/.test(asked) ? Number(asked) : (Date.parse(asked) - Date.now()) / 1000;
  return seconds >= 0 ? -4 - Math.ceil(seconds) : -1;
}

/** `done`, of which only the first call counts, and none once `over` is set. */
export function once(done) {
  return function end(...answer) {
    if (end.over) return;
    end.over = true;
    done(...answer);
  };
}

/** The body, unless it is too long; of a page that comes with an error, the beginning. */
async function read(response, limit) {
  // Where it does not come in pieces.
  if (!response.body) return response.text();
  const gathered = new Gathered(limit);
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return gathered.text(response.ok);
    if (gathered.add(value)) continue;
    reader.cancel().catch(() => {});
    if (response.ok) throw tooLong(limit);
    return gathered.text(false);
  }
}

/** As `request` of `transport/polling.js`. */
export function viaFetch(url, body, { extraHeaders, withCredentials }, limit, done) {
  const control = new AbortController();
  const end = once(done);
  // Nothing is thrown from here: of a header that is none, `done` hears too.
  const send = async () => {
    const headers = new Headers({ Accept: "*/*", ...extraHeaders });
    if (body !== undefined) headers.set("Content-Type", CONTENT_TYPE);
    const credentials = withCredentials ? "include" : "same-origin";
    const method = body === undefined ? "GET" : "POST";
    const response = await fetch(url, { method, body, headers, credentials, signal: control.signal });
    if (response.ok && Number(response.headers.get("content-length")) > limit) throw tooLong(limit);
    const text = await read(response, limit);
    // Any success will do, as in the original.
    end(response.ok ? 200 : response.status, text, response);
  };
  send().catch((error) => end(0, "", { error }));
  return {
    abort() {
      end.over = true;
      control.abort();
    },
  };
}
