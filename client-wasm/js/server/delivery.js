// One event in this node's hands: from the first question to the store until it is answered.
import { after, call } from "./turns.js";

/** How often another node's result is asked for, in ms. */
const POLL = 25;

/** What `inDoubt: "fail"` answers. */
export const IN_DOUBT = { $delivery: { error: "inDoubt" } };

export class Delivery {
  // asking (the store), running (here), elsewhere (on another node), undoing, finishing, over
  state = "new";
  #desk;
  #scope;
  #event;
  #field;
  /** The run of the handler: `{ link, name, since, dispatched, called }`. */
  #run;
  /** Links that want the answer, newest last, with what they brought: `{ event, next, go }`. */
  #offers = new Map();
  /** Whether what follows on a link may go on: this one had its place in the order. */
  #placed = false;
  #timer;
  #waited = false;

  /** `event`: `{ key, nsp, seq, hash }`. */
  constructor(desk, scope, event) {
    this.#desk = desk;
    this.#scope = scope;
    this.#event = event;
  }

  get scope() {
    return this.#scope;
  }

  get key() {
    return this.#event.key;
  }

  /** Brings the event once more. A promise where what follows on that link has to wait. */
  offer(link, event, next) {
    this.#offers.get(link)?.go?.();
    this.#offers.delete(link);
    const offer = { event, next };
    this.#offers.set(link, offer);
    link.holds(this);
    // That may be all: the offer has been taken.
    if (this.state === "new") this.#ask();
    if (this.#placed || offer.next === undefined || !this.#offers.has(link)) return undefined;
    return new Promise((resolve) => (offer.go = resolve));
  }

  /** The link is gone. */
  left(link) {
    const offer = this.#offers.get(link);
    this.#offers.delete(link);
    offer?.go?.();
    if (this.state === "running" && this.#run.link === link && !this.#run.dispatched) this.#takeBack();
    else if (this.state === "elsewhere" && this.#offers.size === 0) this.#end();
  }

  /** The handlers are being called. */
  dispatched() {
    if (this.#run) this.#run.dispatched = true;
    this.#place();
  }

  /** `{ field, since }` where a lease is to be extended; `since` while the handler runs. */
  get claim() {
    if (this.state === "running") return { field: this.#field, since: this.#run.since };
    return this.state === "finishing" ? { field: this.#field } : undefined;
  }

  /** Nobody is left who could answer: the acknowledgement's function is garbage. */
  lost(run) {
    if (this.state !== "running" || this.#run !== run) return;
    // Refused by another middleware: it never ran.
    if (run.dispatched) this.abandon();
    else this.#takeBack();
  }

  /** No answer is expected any more: the lease ends, then the next attempt is in doubt. */
  abandon() {
    const offers = this.#offers;
    this.#offers = new Map();
    this.#end();
    for (const [link, { event, next, go }] of offers) {
      link.lets(this);
      go?.();
      if (next) this.#desk.receive(link, this.#event, event, next);
    }
  }

  #ask() {
    this.state = "asking";
    const { seq, hash } = this.#event;
    after(
      this.#desk.begin(this.#scope, seq, hash),
      (begun) => this.#begun(begun),
      (error) => this.#failed(error),
    );
  }

  #begun({ state, field, mismatch, alive, frames }) {
    const { stats, inDoubt } = this.#desk;
    this.#field = field;
    if (mismatch) stats.mismatched += 1;
    switch (state) {
      case "doubt":
        stats.inDoubt += 1;
        if (inDoubt === "fail") return this.#finish(this.#desk.encode(this.#event, [IN_DOUBT]));
        return this.#start();
      case "new":
        return this.#start();
      case "done":
        stats.answered += 1;
        return this.#answer(frames);
      case "running":
        return this.#wait(alive);
      default:
        // Of a link whose client has gone on long ago.
        stats.stale += 1;
        for (const link of this.#offers.keys()) link.shut();
        this.#end();
    }
  }

  /** Another node runs it. Once its lease was extended it is alive, and what follows need not wait. */
  #wait(alive) {
    if (this.#offers.size === 0) return this.#end();
    this.state = "elsewhere";
    if (!this.#waited) this.#desk.stats.waited += 1;
    this.#waited = true;
    if (alive) this.#place();
    this.#timer = setTimeout(() => this.#ask(), POLL).unref();
  }

  /** Hands the newest offer on to the handlers. */
  #start() {
    const [link, offer] = [...this.#offers].findLast(([, { next }]) => next) ?? [];
    if (!link) return this.#undo();
    const { event, next, go } = offer;
    const run = { link, name: event[0], since: performance.now(), dispatched: false, called: false };
    this.state = "running";
    this.#run = run;
    offer.event = offer.next = undefined;
    event[event.length - 1] = this.#desk.watched(this.#ack(run), this, run);
    this.#desk.stats.run += 1;
    link.expects(run.name, this);
    call(next);
    // Only its own link: another one may bring what follows before this is dispatched, or taken back.
    go?.();
  }

  // Not kept by us: that nobody else keeps it tells that it will not be called.
  #ack(run) {
    const ack = (...args) => {
      if (run.called) return;
      const frames = this.#desk.encode(this.#event, args);
      run.called = true;
      if (this.#run === run && this.state === "running") this.#finish(frames);
      // Given up, or taken back: it has an effect, so that it counts.
      else after(this.#desk.finish(this.#scope, this.#field, this.#event, frames), noop, (error) => this.#desk.failed(error));
    };
    ack.deliveryKey = `${this.#scope}|${this.#field}`;
    return ack;
  }

  #finish(frames) {
    this.state = "finishing";
    this.#leaveRun();
    this.#place();
    after(
      this.#desk.finish(this.#scope, this.#field, this.#event, frames),
      // Another run of it may have been faster; all get the same answer.
      (earlier) => this.#answer(earlier ?? frames),
      (error) => {
        this.#desk.failed(error);
        this.#answer(frames);
      },
    );
  }

  #leaveRun() {
    if (!this.#run) return;
    const { link, name, dispatched } = this.#run;
    this.#desk.unwatch(this.#run);
    // Another middleware has refused it, or answered itself.
    if (!dispatched) link.expectsNot(name, this);
    this.#run = undefined;
  }

  #answer(frames) {
    for (const link of this.#offers.keys()) link.send(frames);
    this.#end();
  }

  #takeBack() {
    const { link } = this.#run;
    this.#desk.stats.undone += 1;
    this.#leaveRun();
    // It waits for nothing more, unless it has brought the event again.
    if (this.#offers.has(link) && !this.#offers.get(link).next) {
      this.#offers.delete(link);
      link.lets(this);
    }
    this.#start();
  }

  #undo() {
    this.state = "undoing";
    const then = () => (this.#offers.size > 0 ? this.#ask() : this.#end());
    after(this.#desk.undo(this.#scope, this.#field), then, (error) => this.#failed(error));
  }

  /** The store does not answer: the clients come again. */
  #failed(error) {
    this.#desk.failed(error);
    for (const link of this.#offers.keys()) link.shut();
    this.#end();
  }

  #place() {
    this.#placed = true;
    for (const offer of this.#offers.values()) {
      offer.go?.();
      offer.go = undefined;
    }
  }

  #end() {
    clearTimeout(this.#timer);
    this.#leaveRun();
    this.state = "over";
    this.#place();
    for (const link of this.#offers.keys()) link.lets(this);
    this.#offers.clear();
    this.#desk.drop(this);
  }
}

function noop() {}
