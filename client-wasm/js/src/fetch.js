// Polling's requests over the runtime's `fetch`, in browsers and in Node.

/** Needs no permission of another origin. */
export const CONTENT_TYPE = "text/plain;charset=UTF-8";

/** As `request` of `transport/polling.js`. `jar`: in Node, a CookieJar. */
export function viaFetch(url, body, { extraHeaders, withCredentials, jar }, limit, done) {
  const control = new AbortController();
  let open = true;
  const end = (status, text, context) => {
    if (!open) return;
    open = false;
    done(status, text, context);
  };
  // Nothing is thrown from here: of a header that is none, `done` hears too.
  const send = async () => {
    const headers = new Headers({ Accept: "*/*", ...extraHeaders });
    if (body !== undefined) headers.set("Content-Type", CONTENT_TYPE);
    const cookie = jar?.header();
    if (cookie) headers.append("Cookie", cookie);
    const credentials = withCredentials ? "include" : "same-origin";
    const method = body === undefined ? "GET" : "POST";
    const response = await fetch(url, { method, body, headers, credentials, signal: control.signal });
    jar?.store(response.headers.getSetCookie?.());
    if (Number(response.headers.get("content-length")) > limit) throw new Error(`the answer has more than ${limit} bytes`);
    const text = await response.text();
    // Any success will do, as in the original.
    end(response.ok ? 200 : response.status, text, response);
  };
  send().catch((error) => end(0, "", { error }));
  return {
    abort() {
      open = false;
      control.abort();
    },
    unref() {},
  };
}
