// A `fetch` and a `WebSocket` that go nowhere and remember what they were asked for. Import it before client.mjs:
// a client may look for the global WebSocket when it is loaded.

/** URLs, in order. */
export const fetched = [];
export const opened = [];

globalThis.fetch = (url, options) => {
  fetched.push(String(url));
  return new Promise((_, reject) => {
    options?.signal?.addEventListener("abort", () => reject(options.signal.reason));
  });
};

globalThis.WebSocket = class WebSocket extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;
  readyState = 0;

  constructor(url) {
    super();
    opened.push(String(url));
  }

  send() {}
  close() {}
};
