// What a page holds on to, counted from before the client is loaded. A plain script: it runs first.
(() => {
  const real = { setTimeout, clearTimeout, setInterval, clearInterval };
  const timers = new Set();
  const listeners = new Map();
  const memories = new Set();
  let opened = [];

  for (const [start, stop, once] of [
    ["setTimeout", "clearTimeout", true],
    ["setInterval", "clearInterval", false],
  ]) {
    globalThis[start] = (callback, ...rest) => {
      const run = (...args) => {
        if (once) timers.delete(id);
        return callback(...args);
      };
      const id = real[start].call(globalThis, run, ...rest);
      timers.add(id);
      return id;
    };
    globalThis[stop] = (id) => {
      timers.delete(id);
      real[stop].call(globalThis, id);
    };
  }

  // By what is never collected: listeners on a WebSocket go with it.
  const lasting = new Set([globalThis, globalThis.document, globalThis.navigator?.connection]);
  const count = (target, type, by) => {
    if (lasting.has(target ?? globalThis)) listeners.set(type, (listeners.get(type) ?? 0) + by);
  };
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    count(this, type, 1);
    return addEventListener.call(this ?? globalThis, type, ...rest);
  };
  EventTarget.prototype.removeEventListener = function (type, ...rest) {
    count(this, type, -1);
    return removeEventListener.call(this ?? globalThis, type, ...rest);
  };

  for (const name of ["WebSocket", "XMLHttpRequest", "AbortController", "ReadableStream", "FinalizationRegistry"]) {
    globalThis[name] = new Proxy(globalThis[name], {
      construct(target, args, as) {
        const made = Reflect.construct(target, args, as);
        if (name !== "FinalizationRegistry") opened.push([name, new WeakRef(made)]);
        return made;
      },
    });
  }

  const note = (instance) => {
    for (const item of Object.values(instance.exports)) if (item instanceof WebAssembly.Memory) memories.add(item);
    return instance;
  };
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const run = WebAssembly[name];
    WebAssembly[name] = async (...args) => {
      const made = await run.apply(WebAssembly, args);
      note(made.instance ?? made);
      return made;
    };
  }
  WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
    construct: (target, args, as) => note(Reflect.construct(target, args, as)),
  });

  /** Live timers, listeners by type, bytes of WebAssembly, and what was constructed and is still there, by name. */
  globalThis.held = () => {
    opened = opened.filter(([, ref]) => ref.deref());
    const alive = {};
    for (const [name, ref] of opened) if (ref.deref()) alive[name] = (alive[name] ?? 0) + 1;
    return {
      timers: timers.size,
      listeners: Object.fromEntries([...listeners].filter(([, number]) => number !== 0).sort()),
      wasm: [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
      alive,
    };
  };
})();
