// In the place of the helpers that wasm-bindgen writes, under their names (../glue.mjs): what crosses here are few and short
// texts, so that none of it is worth a cache. Payloads have numbers, and events cross as numbers.

let wasm;
export const __wbg_set_wasm = (exports) => {
  wasm = exports;
};

const CoreFinalization = new FinalizationRegistry((ptr) => wasm.__wbg_core_free(ptr, 1));

/** The length of what was passed last. */
let WASM_VECTOR_LEN;

function passStringToWasm0(text) {
  const bytes = new TextEncoder().encode(text);
  WASM_VECTOR_LEN = bytes.length;
  const ptr = wasm.__wbindgen_malloc(WASM_VECTOR_LEN, 1);
  new Uint8Array(wasm.memory.buffer, ptr, WASM_VECTOR_LEN).set(bytes);
  return ptr;
}

// Not one decoder for all: Safari's end after 2 GB.
const getStringFromWasm0 = (ptr, length) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(wasm.memory.buffer, ptr, length));

const isLikeNone = (value) => value === undefined;
const answer = (at, ptr, length) => new Uint32Array(wasm.memory.buffer, at, 2).set([ptr, length]);

function addToExternrefTable0(value) {
  const index = wasm.__externref_table_alloc();
  wasm.__wbindgen_externrefs.set(index, value);
  return index;
}

const handleError = (call, args) => {
  try {
    return call(...args);
  } catch (error) {
    wasm.__wbindgen_exn_store(addToExternrefTable0(error));
  }
};
