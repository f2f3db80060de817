// The page's life. Workers and Node hear nothing of it.

/** `leave` when the page may have no time any longer, `back` when it has. Returns what ends that. */
export function watchPage(leave, back) {
  const events = { pagehide: leave, freeze: leave, pageshow: back, resume: back };
  const each = (method) => {
    // Some are the document's.
    for (const [event, listener] of Object.entries(events)) globalThis[method]?.(event, listener, true);
  };
  each("addEventListener");
  return () => each("removeEventListener");
}
