// In the place of the helpers that wasm-bindgen writes, under their names (../glue.mjs): what crosses here are few and short
// texts and lists, so that none of it is worth a cache. Payloads have numbers, and events cross as numbers.

let wasm;
export const __wbg_set_wasm = (exports) => {
  wasm = exports;
};

const CoreFinalization = new FinalizationRegistry((ptr) => wasm.__wbg_core_free(ptr, 1));

/** The length of what was passed last. */
let WASM_VECTOR_LEN;

function pass(List, size, items) {
  const { length } = items;
  const ptr = wasm.__wbindgen_malloc(length * size, size);
  new List(wasm.memory.buffer, ptr, length).set(items);
  WASM_VECTOR_LEN = length;
  return ptr;
}

const passArray32ToWasm0 = (items) => pass(Uint32Array, 4, items);
const passArrayF64ToWasm0 = (items) => pass(Float64Array, 8, items);
const passArrayJsValueToWasm0 = (items) => passArray32ToWasm0(items.map(addToExternrefTable0));
const passStringToWasm0 = (text) => pass(Uint8Array, 1, new TextEncoder().encode(text));

const getArrayU32FromWasm0 = (ptr, length) => new Uint32Array(wasm.memory.buffer, ptr, length);
const getArrayF64FromWasm0 = (ptr, length) => new Float64Array(wasm.memory.buffer, ptr, length);
// Not one decoder for all: Safari's end after 2 GB.
const getStringFromWasm0 = (ptr, length) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(wasm.memory.buffer, ptr, length));

const isLikeNone = (value) => value === undefined;
const answer = (at, ptr, length) => getArrayU32FromWasm0(at, 2).set([ptr, length]);

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
