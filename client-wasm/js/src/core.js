// Where the WebAssembly module comes from differs by build: inlined, fetched, or read by Node.
import { Core, load } from "#wasm";

export { Core };

/** Undefined if the module can be used at once; otherwise a promise for that. */
export const pending = load();
