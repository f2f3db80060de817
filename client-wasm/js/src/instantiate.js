// Starts the compiled module: at once where the engine allows it, else as soon as it can.

const FORBIDDEN =
  "this page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src directive";

// Each browser has words of its own for it.
const explained = (cause) =>
  /CSP|content.security|unsafe-eval/i.test(cause) ? new Error(`socketio-client-wasm: ${FORBIDDEN}`, { cause }) : cause;

/**
 * Calls `start` with what the module exports. Returns undefined if that is done, else a promise of it, which rejects
 * with an Error that says what to do.
 */
export function instantiate(bytes, imports, start) {
  try {
    start(new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports);
  } catch {
    // A page's main thread may be refused what a promise gets: older Chromium compiles only small modules there.
    return later(() => WebAssembly.instantiate(bytes, imports), start);
  }
}

/** The same for a file: a promise. `fetch` begins at once. */
export const instantiateFile = (url, imports, start) =>
  later(async () => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`socketio-client-wasm: ${url} is not there (HTTP ${response.status})`);
    // Not `instantiateStreaming`, which refuses what a server sends with another content type.
    return WebAssembly.instantiate(await response.arrayBuffer(), imports);
  }, start);

async function later(instantiated, start) {
  try {
    // Also where there is no WebAssembly at all.
    start((await instantiated()).instance.exports);
  } catch (cause) {
    throw explained(cause);
  }
}
