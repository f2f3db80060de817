import { release } from "../slots.js";

/** What Rust calls. While a timer is set it keeps the manager alive; Rust holds it always, so it must not do so itself. */
export class Host {
  #manager;
  #alive;

  constructor(manager) {
    this.#manager = new WeakRef(manager);
  }

  get #it() {
    return this.#alive ?? this.#manager.deref();
  }

  armed(handle) {
    const manager = this.#it;
    this.#alive = handle === undefined ? undefined : manager;
    if (manager.opts.autoUnref) handle?.unref?.();
  }

  due() {
    this.#it?._due();
  }

  resolve() {
    this.#it._resolve();
  }

  open(id, url) {
    this.#it._links.openWebSocket(id, url);
  }

  get(id, url) {
    this.#it._links.get(id, url);
  }

  post(id, url) {
    this.#it._links.post(id, url);
  }

  shut(id) {
    this.#it._links.shut(id);
  }

  head(kind, nsp, text) {
    this.#it._links.head(kind, nsp, text);
  }

  write(id, head, ack, slot, last, freed) {
    if (freed >= 0) release(freed);
    return this.#it._links.write(id, head, ack, slot, last);
  }

  text(id, text) {
    return this.#it._links.text(id, text);
  }

  reserve(index, upTo) {
    this.#it._sockets[index]?._outbox?._reserve(upTo);
  }

  save(index, text) {
    this.#it._save(index, text);
  }

  binary(id, slot, last) {
    return this.#it._links.binary(id, slot, last);
  }
}
