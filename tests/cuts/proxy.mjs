// A TCP proxy that does to connections what networks do. It decides nothing: `cutter.mjs` does.
import { EventEmitter } from "node:events";
import { createServer, connect } from "node:net";

/** The server's answer to CONNECT, in a frame or a polling body: the client has joined, and begins to send. */
const JOINED = "40{";

/** A side that was told to finish and does not is cut off. */
const FINISH_LIMIT = 500;

const opposite = { up: "down", down: "up" };

/**
 * For a file of tests, once they are done. After a reset Node 20 may spin for ever when it ends by itself
 * (`Environment::CleanupHandles`): so it is told to, once all others that wait for its end have had their turn.
 */
export const leave = () => void process.once("beforeExit", () => setImmediate(() => process.exit()));

/** A WebSocket frame; a client's is masked, here by zeros. */
function closeFrame(code, masked) {
  const payload = [code >> 8, code & 0xff];
  return Buffer.from(masked ? [0x88, 0x82, 0, 0, 0, 0, ...payload] : [0x88, 0x02, ...payload]);
}

/** One connection of a client, and the one to the server that is made for it. */
class Link extends EventEmitter {
  // What becomes of a chunk that goes up (to the server) or down. Always a function of (chunk).
  #gate = { up: (chunk) => this.#write("up", chunk), down: (chunk) => this.#write("down", chunk) };
  // Passes on what a gate holds back, before an end.
  #flush = { up() {}, down() {} };
  // Which socket a direction ends at.
  #end;
  #timers = new Set();
  // Whether the sides learn nothing of each other any more.
  #parted = false;

  constructor(client, port) {
    super();
    const server = connect(port, "127.0.0.1");
    this.#end = { up: server, down: client };
    for (const direction of ["up", "down"]) {
      const from = this.#end[opposite[direction]];
      from.setNoDelay(true);
      from.on("data", (chunk) => this.#gate[direction](chunk));
      // A reset or a refusal is passed on as a reset.
      from.on("error", () => !this.#parted && this.reset());
      from.on("end", () => {
        if (this.#parted) return;
        this.#flush[direction]();
        this.#end[direction].end();
      });
      from.on("close", () => this.#closed(direction));
    }
  }

  get open() {
    return !this.#end.down.destroyed;
  }

  /** Both sides get a reset; what is under way is lost. */
  reset() {
    for (const side of Object.values(this.#end)) if (!side.destroyed) side.resetAndDestroy();
  }

  /** Both sides get an orderly end; what comes after it is lost. */
  finish() {
    this.#swallow("up");
    this.#swallow("down");
    for (const side of Object.values(this.#end)) side.end();
    this.#later(FINISH_LIMIT, () => this.reset());
  }

  /** `budget.left` more bytes pass in this direction, then `done` is called and nothing passes any more. */
  limit(direction, budget, done) {
    this.#gate[direction] = (chunk) => {
      const passes = chunk.subarray(0, budget.left);
      budget.left -= passes.length;
      if (passes.length < chunk.length) {
        this.#swallow(direction);
        // Written and gone before the reset overtakes it.
        return this.#end[direction].write(passes, done);
      }
      this.#write(direction, passes);
    };
  }

  /** What passes in this direction goes through `change(chunk)`, which may write on it. */
  alter(direction, change) {
    this.#gate[direction] = (chunk) => {
      change(chunk);
      this.#write(direction, chunk);
    };
  }

  /** Nothing passes in this direction any more; the other one goes on. */
  stall(direction) {
    this.#swallow(direction);
  }

  /** Who receives in this direction gets an orderly end; what it sends itself still passes. */
  halfClose(direction) {
    this.#swallow(direction);
    this.#end[direction].end();
  }

  /** Half-open: nothing passes any more, and nobody is told for `time` ms. */
  mute(time) {
    this.#swallow("up");
    this.#swallow("down");
    this.#later(time, () => this.reset());
  }

  /** Half-open until each side finds out by itself. */
  silence() {
    this.#part();
  }

  /** Half-open: the client gets a reset, or an orderly end, and the server has to find out by itself. */
  abandon(orderly) {
    this.#part();
    const client = this.#end.down;
    if (orderly) client.end();
    else client.resetAndDestroy();
  }

  /** A WebSocket close frame, first to the server; once that is done with the connection, to the client. */
  sayGoodbye(code) {
    this.#part();
    const { up: server, down: client } = this.#end;
    server.once("close", () => {
      if (!client.destroyed) client.end(closeFrame(code, false));
    });
    server.end(closeFrame(code, true));
    this.#later(FINISH_LIMIT, () => this.reset());
  }

  /** The client gets a reset, the server knows nothing for `time` ms: it works on, and its answers go nowhere. */
  ghost(time) {
    this.#swallow("up");
    this.#swallow("down");
    this.#end.down.resetAndDestroy();
    this.#later(time, () => this.reset());
  }

  /**
   * What the client sends is on its way for longer than the client waits: after `hold` ms it gets a reset, `delay` ms
   * later the server gets what was sent, and after another `delay` ms it gets a reset too.
   */
  late(hold, delay) {
    const held = [];
    this.#gate.up = (chunk) => held.push(chunk);
    this.#later(hold, () => {
      this.#swallow("down");
      this.#end.down.resetAndDestroy();
      this.#later(delay, () => {
        if (!this.#end.up.destroyed) this.#end.up.write(Buffer.concat(held));
        this.#later(delay, () => this.reset());
      });
    });
  }

  /** What the client sends within `time` ms reaches the server at once, in one piece. */
  gather(time) {
    let held = [];
    this.#flush.up = () => {
      const chunks = held;
      held = [];
      if (chunks.length > 0) this.#write("up", Buffer.concat(chunks));
    };
    this.#gate.up = (chunk) => {
      if (held.push(chunk) === 1) this.#later(time, this.#flush.up);
    };
  }

  /** Every byte takes `each` ms. */
  drip(each) {
    for (const direction of ["up", "down"]) {
      const held = [];
      const drop = () => {
        if (held.length === 0) return;
        this.#write(direction, Buffer.from([held.shift()]));
        if (held.length > 0) this.#later(each, drop);
      };
      this.#gate[direction] = (chunk) => {
        if (held.push(...chunk) === chunk.length) this.#later(each, drop);
      };
      this.#flush[direction] = () => held.length > 0 && this.#write(direction, Buffer.from(held.splice(0)));
    }
  }

  #write(direction, chunk) {
    const to = this.#end[direction];
    const from = this.#end[opposite[direction]];
    if (to.destroyed || to.writableEnded) return;
    if (!to.write(chunk)) {
      from.pause();
      to.once("drain", () => from.resume());
    }
    if (direction === "down" && chunk.includes(JOINED)) this.emit("joined");
  }

  #part() {
    this.#parted = true;
    this.#swallow("up");
    this.#swallow("down");
  }

  #swallow(direction) {
    this.#gate[direction] = () => {};
    this.#end[opposite[direction]].resume();
  }

  #later(time, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, time);
    this.#timers.add(timer);
  }

  #closed(direction) {
    if (direction === "up") this.emit("left");
    if (!Object.values(this.#end).every((side) => side.destroyed)) return;
    for (const timer of this.#timers) clearTimeout(timer);
    this.emit("gone");
  }
}

/**
 * Emits `change` (a link came, joined or went), and `link` with each new one. `target`: the port that new ones go to; while
 * there is none they wait.
 */
export class Proxy extends EventEmitter {
  #target;
  #waiting = [];
  /** Whether a client has joined since that was last set to false. */
  joined = false;
  // Those that are not over for the server either.
  #links = new Set();
  #server = createServer((client) => this.#accept(client));

  constructor(target) {
    super();
    this.#target = target;
  }

  get target() {
    return this.#target;
  }

  set target(port) {
    this.#target = port;
    if (port !== undefined) for (const client of this.#waiting.splice(0)) if (!client.destroyed) this.#accept(client);
  }

  async listen(host = "127.0.0.1") {
    await new Promise((resolve, reject) => this.#server.on("error", reject).listen(0, host, resolve));
    this.port = this.#server.address().port;
    this.url = `http://${host}:${this.port}`;
    return this;
  }

  /** The links that the client believes in. */
  get links() {
    return [...this.#links].filter((link) => link.open);
  }

  /** Resolves once `condition()` is true, looked at on every change; or after `limit` ms, with false. */
  until(condition, limit = 2 ** 31 - 1) {
    return new Promise((resolve) => {
      const settle = (met) => {
        clearTimeout(timer);
        this.off("change", look);
        resolve(met);
      };
      const look = () => condition() && settle(true);
      const timer = setTimeout(() => settle(false), limit);
      this.on("change", look);
      look();
    });
  }

  /** Neither the client nor a server has a connection any more. */
  get idle() {
    return this.#links.size === 0;
  }

  close() {
    this.#server.close();
    for (const link of this.#links) link.reset();
    for (const client of this.#waiting.splice(0)) client.destroy();
  }

  #accept(client) {
    client.on("error", () => {});
    if (this.#target === undefined) return void this.#waiting.push(client);
    const link = new Link(client, this.target);
    this.#links.add(link);
    this.emit("link", link);
    const change = () => this.emit("change");
    link.on("joined", () => {
      this.joined = true;
      change();
    });
    link.on("left", change);
    link.on("gone", () => {
      this.#links.delete(link);
      change();
    });
    change();
  }
}
