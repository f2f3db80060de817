import { Reader, isCompressed, take, value } from "../slots.js";
import { ACT, LOOK, NOTE, SAY } from "./calls.js";
import { Core, pending } from "./core.js";
import { Dispatch } from "./dispatch.js";
import { Emitter, guarded } from "./emitter.js";
import { Engine } from "./engine.js";
import { Host } from "./host.js";
import { Links } from "./links.js";
import { keepIn, keepWeaklyIn } from "./keep.js";
import { check, configuration, servers, target, transportNames } from "./options.js";
import { Socket } from "./socket.js";
import { binaryType } from "./transport/binary.js";
import { queryText } from "./url.js";

/** Names that one manager can have had. */
const NAMESPACES = 16384;

/** Beside a socket's window, as in src/js/options.rs. */
const SAVES = 4096;
/** What is stored cannot be read, which the core tells. */
const UNREADABLE = { take: () => "", save() {}, heard() {}, write() {} };

/** The ticket of each packet that `sendBuffer` showed. */
const tickets = new WeakMap();

/** Tells the core the binary parts of a message. What is left of it: its slot and length. */
function withParts(core, message) {
  for (let i = 2; i < message.length; i += 2) core.note(NOTE.PART, message[i], message[i + 1]);
  return message;
}

/** One connection to a server, shared by the sockets of its namespaces. */
export class Manager extends Emitter {
  _readyState = "closed";
  _reconnecting = false;
  _binaryType = binaryType;
  nsps = {};

  /** @type {Core | undefined} while the WebAssembly module is being instantiated. */
  _core;
  _reader;
  /** Sockets by their number in the core. */
  _sockets = [];
  /** Calls that wait for it. */
  #backlog = [];
  /** Numbers of namespaces. */
  #numbers = new Map();
  #settings;
  #servers;
  /** How often it was closed by the application. */
  #closes = 0;
  /** Whether that was the last that it did: what waits goes on waiting. */
  #rests = false;
  /** Sockets that are to connect once it is known which sessions are taken up. */
  #waiting = new Set();
  /** With `recoveryStore`: where sessions outlive the page. */
  _store;

  constructor(uri, opts) {
    super();
    if (uri && typeof uri === "object") {
      opts = uri;
      uri = undefined;
    }
    this.uri = uri;
    check({ ...opts });
    this.opts = { ...opts, path: opts?.path || "/socket.io" };
    const { reconnectionAttempts, reconnectionDelay, reconnectionDelayMax, randomizationFactor: factor } = this.opts;
    this.#settings = {
      reconnection: this.opts.reconnection !== false,
      reconnectionAttempts: reconnectionAttempts || Infinity,
      reconnectionDelay: reconnectionDelay || 1000,
      reconnectionDelayMax: reconnectionDelayMax || 5000,
      randomizationFactor: factor === undefined ? 0.5 : factor > 0 && factor <= 1 ? factor : 0,
      timeout: this.opts.timeout ?? 20000,
    };
    this.#servers = servers(this);
    this._autoConnect = this.opts.autoConnect !== false;
    this._links = new Links(this);
    this._dispatch = new Dispatch(this);
    const { recoveryStore } = this.opts;
    const store = (recoveryStore ?? "memory") === "memory" ? undefined : this.#openStore(recoveryStore);
    if (pending === undefined && store === undefined) this.#start();
    else Promise.all([pending, store]).then(() => this.#start(), (error) => this.#unavailable(error));
    // What is stored is asked for with the first namespace.
    if (this._autoConnect && store === undefined) this.open();
  }

  // --- Options that can be changed --------------------------------------------------------------------------------

  reconnection(...value) {
    if (value.length === 0) return this.#settings.reconnection;
    this.#set("reconnection", Boolean(value[0]));
    this._call((core) => core.act(ACT.RECONNECTION, this.#settings.reconnection));
    if (!value[0]) this._reconnecting = false;
    return this;
  }

  reconnectionAttempts(...value) {
    return this.#option("reconnectionAttempts", value);
  }

  reconnectionDelay(...value) {
    return this.#option("reconnectionDelay", value);
  }

  reconnectionDelayMax(...value) {
    return this.#option("reconnectionDelayMax", value);
  }

  randomizationFactor(...value) {
    return this.#option("randomizationFactor", value);
  }

  timeout(...value) {
    return this.#option("timeout", value);
  }

  #option(name, [value]) {
    return value === undefined ? this.#settings[name] : this.#set(name, value);
  }

  #set(name, value) {
    this.#settings[name] = value;
    this._call((core) => this.#configure(core));
    return this;
  }

  #configure(core) {
    configuration(this).forEach((value, place) => core.note(NOTE.OPTION, place, value));
    core.say(SAY.PATH, this.opts.path);
    core.say(SAY.TIMESTAMP_PARAM, this.opts.timestampParam ?? "t");
  }

  // --- Opening and closing ----------------------------------------------------------------------------------------

  /** `fn` is called once the connection is open, or with an error; then no other attempt follows by itself. */
  open(fn) {
    if (this._readyState !== "closed") return this;
    if (fn) this._dispatch.openers.push(fn);
    this._open((core) => core.act(ACT.OPEN));
    return this;
  }

  connect(fn) {
    return this.open(fn);
  }

  disconnect() {
    return this._close();
  }

  /** Closes the connection, and does not open another by itself. Sockets stay active. */
  _close() {
    this._reconnecting = false;
    this.#closes += 1;
    this.#rests = true;
    const lingers = this._readyState === "open";
    this._leave((core) => core.act(ACT.CLOSE), true);
    this._retire(lingers);
    return this;
  }

  /** The socket of a namespace, the same each time. */
  socket(nsp, opts) {
    // As the core has it.
    if (!nsp.startsWith("/")) nsp = `/${nsp}`;
    const socket = this.nsps[nsp];
    if (socket === undefined) return new Socket(this, nsp, opts);
    if (this._autoConnect && !socket.active) socket.connect();
    return socket;
  }

  /** No connection is opened by itself: other tabs may send what their outboxes share. */
  _retire(lingers) {
    for (const socket of this._sockets) socket?._outbox?.retire(lingers);
  }

  /** `socket`: the one that connects; it may have to wait. */
  _open(open, socket) {
    // A mistake in the options is the caller's.
    transportNames(this.opts);
    target(this);
    for (const other of this._sockets) if (other?.active) other._outbox?.stand();
    const before = this.#closes;
    const isWanted = () => (socket ? socket.active : before === this.#closes);
    const go = () => {
      // A server that has not noticed the end of a session is told so before there is a connection: all have to be known.
      const concerned = this._readyState === "closed" ? this._sockets : [socket];
      const undecided = concerned.map((one) => (one?.active ? one._outbox?.undecided : undefined)).filter(Boolean);
      if (undecided.length === 0) return this._dispatch.follow(open(this._core));
      this.#waiting.add(() => isWanted() && go());
      return Promise.race(undecided).then(() => this.#proceed());
    };
    this.#rests = false;
    this._call(go);
    this.#proceed();
  }

  /** Something that waits may have nothing to wait for any longer. */
  #proceed() {
    if (this.#rests) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const go of waiting) guarded(go);
  }

  /** `always`: `close` is told even if nothing was open. */
  _leave(leave, always = false) {
    this._dispatch.closed = false;
    this._call((core) => {
      this._dispatch.follow(leave(core));
      const unused = always || !Object.values(this.nsps).some((socket) => socket?.active);
      if (unused && !this._dispatch.closed) this._dispatch.onclose("forced close");
    });
    this.#proceed();
  }

  _dropSession(engine) {
    if (engine !== this.engine) return;
    this._dispatch.closed = false;
    this._call((core) => {
      this._dispatch.follow(core.act(ACT.DROP_SESSION));
      // It moves to another transport; after that it ends.
      if (engine.readyState === "open") engine.readyState = "closing";
      if (!this._dispatch.closed && this._readyState === "opening") this._close();
    });
  }

  // --- The core ---------------------------------------------------------------------------------------------------

  #start() {
    const host = new Host(this);
    const seed = Math.floor(Math.random() * 2 ** 53);
    // An arrow function here would share its scope, and so this manager, with the others.
    this._core = new Core(host, host.due.bind(host), seed, Boolean(this.opts.useNativeTimers));
    this._reader = new Reader(this._core, (bytes) => this._links.bytes(bytes));
    this.#configure(this._core);
    for (const { hostname, secure, port } of this.#servers) this._core.say(SAY.SERVER, hostname, secure, port);
    for (const call of this.#backlog.splice(0)) guarded(() => call(this._core));
  }

  /** Whose sessions they are. */
  get _name() {
    const { secure, hostname, port } = target(this);
    return `${secure ? "https" : "http"}://${hostname}:${port}${this.opts.path}`;
  }

  async #openStore(kind) {
    const name = this._name;
    const ref = new WeakRef(this);
    // The page's listeners must not keep this manager.
    const saved = () => ref.deref()?._saved() ?? [];
    const outbox = (nsp) => ref.deref()?.nsps[nsp]?._outbox;
    const open = (durable) => (kind === "outbox" ? durable.shareSessions(saved, outbox) : durable.openSessions(name, saved));
    this._store = await import("#durable").then(open).catch(() => UNREADABLE);
  }

  /** `[namespace, session]` of those that can be resumed. */
  _saved() {
    const sessions = [...this.#numbers].map(([nsp, index]) => [nsp, this._session(nsp, index)]);
    return sessions.filter(([, session]) => session !== undefined);
  }

  /** As it is to be stored now: not behind an event that waits for its first listener. */
  _session(nsp, index) {
    const slot = this._core.look(this.nsps[nsp]?._incoming.holds ? LOOK.SAVED_BEFORE : LOOK.SAVED, index);
    return slot < 0 ? undefined : take(slot);
  }

  _save(index, session) {
    const [nsp] = [...this.#numbers][index];
    this._store?.save(nsp, session);
    // How far the events bring it that came with it, once they have been told.
    this._store?.heard();
  }

  #unavailable(error) {
    this.#backlog.length = 0;
    this._readyState = "closed";
    this.emitReserved("error", error);
  }

  /** The core's timer is due. */
  _due() {
    this._dispatch.run(this._core.timeout());
  }

  /** Calls the core, now or once it is there. */
  _call(call) {
    if (this._core) return call(this._core);
    this.#backlog.push(call);
    return undefined;
  }

  // --- What sockets ask for ---------------------------------------------------------------------------------------

  /** `retries` below 0: none; `retryWindow` 0 and `delivery` "" where the option is not given. */
  _register(socket, retries, retryWindow, delivery) {
    const { nsp } = socket;
    if (this.opts.recoveryStore === "outbox" && !socket._opts.outbox) {
      throw new TypeError('recoveryStore "outbox" needs the option outbox');
    }
    if (!this.#numbers.has(nsp)) {
      // The core's reports have room for so many (report.rs).
      if (this.#numbers.size === NAMESPACES) throw new RangeError(`more than ${NAMESPACES} namespaces on one connection`);
      this.#numbers.set(nsp, this.#numbers.size);
    }
    const index = this.#numbers.get(nsp);
    this._call((core) => {
      core.say(SAY.NAMESPACE, `${delivery},${nsp}`, retries, retryWindow + (this._store ? SAVES : 0));
      const saved = this._store?.take(nsp);
      if (saved !== undefined) core.say(SAY.RESTORE, saved, index);
    });
    this._retain(socket, index);
    return index;
  }

  /** Keeps a socket that is in use. */
  _retain(socket, index) {
    if (this._sockets[index] === socket) return;
    this._sockets[index] = socket;
    keepIn(this.nsps, socket.nsp, socket);
    this._used?.();
  }

  /** One that was left, and for which nothing waits, is kept only as long as the application holds it. */
  _release(socket, index) {
    if (socket.active || !this._core || this._core.look(LOOK.HELD, index) > 0 || this._queued(index) > 0) return;
    this._sockets[index] = undefined;
    keepWeaklyIn(this.nsps, socket.nsp, socket);
    if (!this._sockets.some((other) => other !== undefined)) this._unused?.();
  }

  _isActive(index) {
    return this._core?.look(LOOK.ACTIVE, index) === 1;
  }

  _queued(index) {
    return this._core?.look(LOOK.QUEUED, index) ?? 0;
  }

  /** What is held, as the packets of the original; `#ticket` tells them apart. */
  _held(index) {
    const core = this._core;
    if (!core) return [];
    const packets = [];
    const held = core.look(LOOK.HELD, index);
    for (let i = 0; i < held; i += 1) {
      const slot = core.look(LOOK.HELD_SLOT, i);
      const packet = { type: 2, data: value(slot), options: { compress: isCompressed(slot) } };
      tickets.set(packet, core.look(LOOK.HELD_TICKET, i));
      packets.push(packet);
    }
    return packets;
  }

  _keep(index, packets) {
    const kept = new Set(packets.map((packet) => tickets.get(packet)));
    for (const packet of this._held(index)) {
      const ticket = tickets.get(packet);
      if (!kept.has(ticket)) this._core.note(NOTE.DISCARD, index, ticket);
    }
  }

  /** Until when a ping has to come. */
  _pingDeadline(...time) {
    if (time.length > 0) this._call((core) => core.act(ACT.PING_DEADLINE, time[0]));
    return this._core?.look(LOOK.PING_DEADLINE) ?? 0;
  }

  _isWritable() {
    // The core may use a transport before it has told so.
    return (this.engine?.transport.writable ?? false) && !this._links.isBusy();
  }

  _withParts(message) {
    return withParts(this._core, message);
  }

  /** Below 0 why it was refused. Otherwise the socket knows the ticket before anything is told. */
  _emit(core, index, message, flags, timeout, socket, waiter, delivery) {
    const links = this._links;
    links.encoding = true;
    const [slot, length] = withParts(core, message);
    const result = core.emit(index, slot, length, flags, timeout, Date.now());
    links.encoding = false;
    if (result < 0) return result;
    const ticket = Math.floor(result / 2);
    if (links.unencodable) core.note(NOTE.FORGET, index, ticket);
    else if (waiter || delivery) socket._onticket(ticket, waiter, delivery);
    if (result % 2 === 1) this._dispatch.follow(true);
    links.throwEncoder();
    return ticket;
  }

  /** Below 0 why it was refused. */
  _ack(index, session, id, message) {
    const { _core: core, _links: links } = this;
    links.encoding = true;
    const [slot, length] = withParts(core, message);
    const result = core.ack(index, session, id, slot, length, Date.now());
    links.encoding = false;
    if (result === 1) this._dispatch.follow(true);
    links.throwEncoder();
    return result;
  }

  /** An Engine.IO message of the application's own. */
  _message(engine, data) {
    if (engine !== this.engine || engine.readyState !== "open") return;
    this._call((core) => this._dispatch.follow(this._links.sendMessage(core, data)));
  }

  _online(online) {
    // Without a network the session is over, and this is the last that is known of it.
    if (!online) this._store?.write();
    this._call((core) => this._dispatch.follow(core.act(ACT.ONLINE, online)));
  }

  /** The connection may be gone without a word. */
  _resume() {
    this._call((core) => this._dispatch.follow(core.act(ACT.RESUME)));
  }

  // --- What the core asks for (Host) ------------------------------------------------------------------------------

  _resolve() {
    this._readyState = "opening";
    this._links.begin();
    try {
      this.#resolve();
    } catch (error) {
      // The application has put something into its options since the last attempt.
      this._links.failure = { error };
      this._core.act(ACT.UNRESOLVED);
    }
  }

  #resolve() {
    const core = this._core;
    const where = target(this);
    this.engine = new Engine(this, this.opts, where, transportNames(this.opts));
    this.#configure(core);
    core.note(NOTE.UPGRADED_BEFORE, Engine.priorWebsocketSuccess);
    this._links.query = queryText(where.query ?? {});
    core.say(SAY.ADDRESS, where.hostname, where.secure, where.port);
  }
}
