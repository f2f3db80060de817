// Polling's requests over the runtime's `fetch`, in browsers and in Node.

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
  return seconds >= 0 ? -4 - seconds : -1;
}

/** `done`, of which only the first call counts, and none once `over` is set. */
export function once(done) {
  return function end(...answer) {
    if (end.over) return;
    end.over = true;
    done(...answer);
  };
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
    if (Number(response.headers.get("content-length")) > limit) throw tooLong(limit);
    const text = await response.text();
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
