export const CONTENT_TYPE = "text/plain;charset=UTF-8";

/** What `request` of the polling transport is, with `fetch`. */
export function viaFetch(url, body, { extraHeaders, withCredentials }, limit, done) {
  const control = new AbortController();
  const headers = { Accept: "*/*", ...extraHeaders };
  if (body !== undefined) headers["Content-Type"] = CONTENT_TYPE;
  let open = true;
  const end = (status, text, context) => {
    if (!open) return;
    open = false;
    done(status, text, context);
  };
  const credentials = withCredentials ? "include" : "same-origin";
  fetch(url, { method: body === undefined ? "GET" : "POST", body, headers, credentials, signal: control.signal })
    .then(async (response) => {
      if (Number(response.headers.get("content-length")) > limit) throw new Error(`the answer has more than ${limit} bytes`);
      const text = await response.text();
      // Any success will do, as in the original.
      end(response.ok ? 200 : response.status, text, response);
    })
    .catch((error) => end(0, "", { error }));
  return {
    abort() {
      open = false;
      control.abort();
    },
    unref() {},
  };
}
