import { CONTENT_TYPE, once, tooLong, viaFetch } from "../fetch.js";

/**
 * Sends a GET, or with a body a POST, and calls `done(status, text, context)` once; `status` is 0 where no answer came, and
 * then `context.error` may say why. Bodies of more than `limit` bytes are not read. Nothing is called after `abort()`.
 */
export function request(url, body, opts, limit, done) {
  return opts.fetch || typeof XMLHttpRequest === "undefined"
    ? viaFetch(url, body, opts, limit, done)
    : viaXhr(url, body, opts, limit, done);
}

function viaXhr(url, body, { extraHeaders, withCredentials }, limit, done) {
  const xhr = new XMLHttpRequest();
  const end = once((status, error) => {
    xhr.onload = xhr.onerror = xhr.onabort = xhr.onprogress = null;
    if (error) xhr.error = error;
    done(status, status === 0 ? "" : xhr.responseText, xhr);
  });
  xhr.onload = () => end(xhr.status);
  xhr.onerror = xhr.onabort = () => end(0);
  xhr.onprogress = ({ loaded }) => {
    if (loaded <= limit) return;
    // Of a page that comes with an error the status matters more.
    if (xhr.status !== 200) {
      end(xhr.status);
      return xhr.abort();
    }
    xhr.onabort = null;
    xhr.abort();
    end(0, tooLong(limit));
  };
  try {
    xhr.open(body === undefined ? "GET" : "POST", url, true);
    for (const [name, value] of Object.entries(extraHeaders ?? {})) xhr.setRequestHeader(name, value);
    if (body !== undefined) xhr.setRequestHeader("Content-Type", CONTENT_TYPE);
    xhr.setRequestHeader("Accept", "*/*");
    xhr.withCredentials = Boolean(withCredentials);
    xhr.send(body);
  } catch (error) {
    queueMicrotask(() => end(0, error));
  }
  return {
    abort() {
      end.over = true;
      xhr.abort();
    },
  };
}
