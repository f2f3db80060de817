// Watches the border of WebAssembly: import it before what instantiates a module. `calls` counts what crosses from then
// on; every import and export of an instance is wrapped, those of the glue (memory for texts, references) too.

/** Calls into WebAssembly, and out of it, since `calls.reset()`. */
export const calls = {
  in: 0,
  out: 0,
  reset() {
    calls.in = calls.out = 0;
  },
};

/** The memory of each instance. */
export const memories = [];

const wrapped = (object, count) => {
  const copy = {};
  for (const [name, item] of Object.entries(object)) {
    if (item instanceof WebAssembly.Memory) memories.push(item);
    copy[name] = typeof item === "function" ? (...args) => (count(), item(...args)) : item;
  }
  return copy;
};

const imports = (given = {}) =>
  Object.fromEntries(Object.entries(given).map(([name, object]) => [name, wrapped(object, () => (calls.out += 1))]));

const instance = ({ exports }) => ({ exports: wrapped(exports, () => (calls.in += 1)) });

const { Instance, instantiate, instantiateStreaming } = WebAssembly;

WebAssembly.Instance = function (module, given) {
  return instance(new Instance(module, imports(given)));
};

WebAssembly.instantiate = async (source, given) => {
  const made = await instantiate(source, imports(given));
  return made instanceof Instance ? instance(made) : { ...made, instance: instance(made.instance) };
};

WebAssembly.instantiateStreaming = async (source, given) => {
  const made = await instantiateStreaming(source, imports(given));
  return { ...made, instance: instance(made.instance) };
};

/** Whether the text is anywhere in the memory of an instance, as UTF-8 or UTF-16. */
export const holds = (text) =>
  memories.some(({ buffer }) => {
    const bytes = Buffer.from(buffer);
    return bytes.includes(text) || bytes.includes(text, 0, "utf16le");
  });

/** What all memories have, in bytes. They never shrink. */
export const size = () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
