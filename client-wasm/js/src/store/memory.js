/**
 * In the place of a Database that cannot be had: what has to be known is known as long as the page lives. Records are
 * not kept; who sends them has them.
 */
export class Memory {
  #values = new Map();
  #key = 0;

  async run(_, work) {
    return work({
      alone: true,
      add: () => ({ result: (this.#key += 1) }),
      put() {},
      delete() {},
      clear() {},
      rows: () => [],
      row() {},
      last: () => this.#key,
      get: (name) => this.#values.get(name),
      set: (name, value) => this.#values.set(name, value),
      unset: (name) => this.#values.delete(name),
    });
  }

  close() {}
}
