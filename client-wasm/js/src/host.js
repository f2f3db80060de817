const timers = () => ({ set: setTimeout, clear: clearTimeout });
/** Those from when the library was loaded. Applications, or their tests, replace them. */
const native = timers();

/** What Rust calls. While a timer is set it keeps the manager alive; Rust holds it always, so it must not do so itself. */
export class Host {
  #manager;
  #alive;
  #timers;
  #timer;

  constructor(manager) {
    this.#manager = new WeakRef(manager);
    this.#timers = manager.opts.useNativeTimers ? native : timers();
  }

  get #it() {
    return this.#alive ?? this.#manager.deref();
  }

  /** Sets the timer anew; below 0: to none. */
  arm(wait) {
    const { set, clear } = this.#timers;
    const manager = this.#it;
    clear(this.#timer);
    this.#alive = wait < 0 ? undefined : manager;
    this.#timer = wait < 0 ? undefined : set(() => this.#it?._due(), wait);
    if (manager.opts.autoUnref) this.#timer?.unref?.();
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

  write(id, head, ack, slot, last) {
    return this.#it._links.write(id, head, ack, slot, last);
  }

  text(id, text) {
    return this.#it._links.text(id, text);
  }

  binary(id, slot, last) {
    return this.#it._links.binary(id, slot, last);
  }
}
