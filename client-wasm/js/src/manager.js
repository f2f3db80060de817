import { Reader, isCompressed, json, outgoing, put, release, setUncompressed, take, value } from "../slots.js";
import { Core, pending } from "./core.js";
import { Emitter, rethrow } from "./emitter.js";
import { Engine } from "./engine.js";
import { binaryType, bytesOf, fromBase64, fromBytes, sizeOf, toBase64 } from "./transport/binary.js";
import { configuration, target, transportNames, wantsFetch } from "./options.js";
import { Parser } from "./parser.js";
import { KIND, decodeError } from "./report.js";
import { Socket } from "./socket.js";
import { unwatch, watch } from "./page.js";
import { request } from "./transport/polling.js";
import { openWebSocket } from "./transport/websocket.js";

/** Bytes of one answer to a GET. The core has the same limit for the attachments of one packet. */
const LIMIT = 100 * 1024 * 1024;
/** A WebSocket that has more than this to send gets no more for a while. */
const HIGH_WATER = 1024 * 1024;
/** Packets of one polling body. */
const PACKETS = 100_000;

/** The ticket of each packet that `sendBuffer` showed. */
const tickets = new WeakMap();

/** How a transport failed. */
class TransportError extends Error {
  type = "TransportError";

  constructor(message, description, context) {
    super(message);
    this.description = description;
    this.context = context;
  }
}

/** One connection to a server, shared by the sockets of its namespaces. */
export class Manager extends Emitter {
  _readyState = "closed";
  _reconnecting = false;
  _binaryType = binaryType;
  nsps = {};

  /** @type {Core | undefined} while the WebAssembly module is being instantiated. */
  #core;
  /** Calls that wait for it. */
  #backlog = [];
  #host;
  #reader;
  #parser;
  /** Sockets by their number in the core. */
  #sockets = [];
  /** Transports by their number. */
  #links = new Map();
  /** The number of the one that carries the session. */
  #current = 0;
  /** What goes before payloads, by number. */
  #heads = [];
  /** Messages for the next POST. */
  #body = [];
  /** What the transport said when it ended. */
  #failure;
  /** Callbacks of `open`. */
  #openers = [];
  /** The error of an attempt to reconnect, until it is told. */
  #attemptError;
  /** What the application's encoder threw. */
  #thrown;
  /** Whether `close` was told since the last call. */
  #closed = false;
  #attempting = false;
  #settings;

  constructor(uri, opts) {
    super();
    if (uri && typeof uri === "object") {
      opts = uri;
      uri = undefined;
    }
    this.uri = uri;
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
    this._autoConnect = this.opts.autoConnect !== false;
    this.#host = new Host(this);
    if (pending === undefined) this.#start();
    else pending.then(() => this.#start(), (error) => this.#unavailable(error));
    if (this._autoConnect) this.open();
  }

  // --- Options that can be changed --------------------------------------------------------------------------------

  reconnection(...value) {
    if (value.length === 0) return this.#settings.reconnection;
    this.#set("reconnection", Boolean(value[0]));
    this._call((core) => core.reconnection(this.#settings.reconnection));
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
    const { numbers, texts } = configuration(this);
    core.configure(numbers, texts);
  }

  // --- Opening and closing ----------------------------------------------------------------------------------------

  /** `fn` is called once the connection is open, or with an error; then no other attempt follows by itself. */
  open(fn) {
    if (this._readyState !== "closed") return this;
    if (fn) this.#openers.push(fn);
    this._open((core) => core.open());
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
    this._leave((core) => core.close(), true);
    return this;
  }

  /** The socket of a namespace, the same each time. */
  socket(nsp, opts) {
    const socket = this.nsps[nsp];
    if (socket === undefined) return (this.nsps[nsp] = new Socket(this, nsp, opts));
    if (this._autoConnect && !socket.active) socket.connect();
    return socket;
  }

  _open(open) {
    // A mistake in the options is the caller's.
    transportNames(this.opts);
    this._call((core) => this.#follow(open(core)));
  }

  /** `always`: `close` is told even if nothing was open. */
  _leave(leave, always = false) {
    this.#closed = false;
    this._call((core) => {
      this.#follow(leave(core));
      const unused = always || !Object.values(this.nsps).some((socket) => socket.active);
      if (unused && !this.#closed) this.#onclose("forced close");
    });
  }

  _dropSession(engine) {
    if (engine !== this.engine) return;
    this.#closed = false;
    this._call((core) => {
      this.#follow(core.drop_session());
      if (!this.#closed && this._readyState === "opening") this._close();
    });
  }

  // --- The core ---------------------------------------------------------------------------------------------------

  #start() {
    const host = this.#host;
    const seed = Math.floor(Math.random() * 2 ** 53);
    this.#core = new Core(host, () => host.due(), seed, Boolean(this.opts.useNativeTimers));
    this.#reader = new Reader(this.#core, fromBytes);
    if (this.opts.parser) this.#parser = this.#newParser();
    this.#configure(this.#core);
    for (const call of this.#backlog.splice(0)) this.#guarded(() => call(this.#core));
  }

  #unavailable(error) {
    this.#backlog.length = 0;
    this._readyState = "closed";
    this.emitReserved("error", error);
  }

  /** The core's timer is due. */
  _due() {
    this._run(this.#core.timeout());
  }

  /** Calls the core, now or once it is there. */
  _call(call) {
    if (this.#core) return call(this.#core);
    this.#backlog.push(call);
    return undefined;
  }

  /** Tells what the core says after a call of the application. What a listener throws reaches the caller. */
  #follow(more) {
    if (more) this.#drain(this.#core.poll());
  }

  /** The same after something that a transport or the timer told. */
  _run(code) {
    if (code !== 0) this.#guarded(() => this.#drain(code));
  }

  #guarded(fn) {
    try {
      fn();
    } catch (error) {
      rethrow(error);
    }
  }

  #drain(code) {
    let failed = false;
    let failure;
    while (code !== 0) {
      try {
        this.#tell(code & 31, Math.floor(code / 64));
      } catch (error) {
        if (failed) rethrow(error);
        else [failed, failure] = [true, error];
      }
      code = code & 32 ? this.#core.poll() : 0;
    }
    if (this.#attemptError) this.#tellAttemptError();
    if (failed) throw failure;
  }

  #tell(kind, value) {
    const core = this.#core;
    const more = Math.floor(value / 16384);
    const socket = this.#sockets[value % 16384];
    switch (kind) {
      case KIND.EVENT_HERE:
        return this.#event(socket, take(this.#reader.slot), more, this.#reader.ack);
      case KIND.EVENT: {
        const id = core.number();
        return this.#event(socket, take(core.slot()), more, id);
      }
      case KIND.ACK_HERE:
        return this.#acked(socket, more, take(this.#reader.slot));
      case KIND.ACK:
        return this.#acked(socket, more, take(core.slot()));
      case KIND.NO_ACK:
        return socket._onnoack(more, core.number());
      case KIND.CONNECTED:
        return socket._onconnect(core.word(), more % 2 === 1, Math.floor(more / 2));
      case KIND.DISCONNECTED:
        return this.#disconnected(socket, core.word());
      case KIND.CONNECT_ERROR:
        return this.#connectError(socket, core.number());
      case KIND.AUTHENTICATE:
        return this.#authenticate(value % 16384, socket, core.number());
      case KIND.SENT:
        return socket._onsent(take(core.slot()));
      case KIND.OPENED:
        return this.#opened();
      case KIND.OPEN_FAILED:
        return this.#openFailed(core.number());
      case KIND.CLOSED:
        return this.#sessionClosed(core.word(), core.number());
      case KIND.WAITING:
        this._reconnecting = true;
        return this.#tellAttemptError();
      case KIND.ATTEMPT:
        this.#attempting = true;
        return this.emitReserved("reconnect_attempt", core.number());
      case KIND.RECONNECTED:
        this.#attempting = this._reconnecting = false;
        return this.emitReserved("reconnect", core.number());
      case KIND.RECONNECT_FAILED:
        this._reconnecting = false;
        this.emitReserved("reconnect_failed");
        return this.#tellAttemptError();
      case KIND.PING:
        this.engine.emitReserved("ping");
        this.engine.emitReserved("pong");
        return this.emitReserved("ping");
      case KIND.UPGRADING:
        this.engine.upgrading = true;
        return this.engine.emitReserved("upgrading", this.engine.transport);
      case KIND.UPGRADED:
        return this.#upgraded();
      case KIND.UPGRADE_FAILED:
        return this.#upgradeFailed(core.number());
      default:
        return undefined;
    }
  }

  // --- What the core tells ----------------------------------------------------------------------------------------

  #opened() {
    const { engine } = this;
    Engine.priorWebsocketSuccess = this.#core.upgraded_before();
    const handshake = this.#reader.handshake;
    this._readyState = engine.readyState = engine.transport.readyState = "open";
    engine.id = handshake?.sid;
    engine.transport.writable = true;
    this.#attempting = false;
    watch(this);
    engine.emitReserved("handshake", handshake);
    engine.emitReserved("open");
    this.emitReserved("open");
    for (const fn of this.#openers.splice(0)) fn();
  }

  #openFailed(code) {
    const error = this.#error(code, "timeout");
    this._readyState = "closed";
    const { engine } = this;
    if (engine) engine.readyState = "closed";
    Engine.priorWebsocketSuccess = false;
    if (this.#attempting) this.#attemptError = error;
    this.#attempting = false;
    const openers = this.#openers.splice(0);
    // Who asked to be told decides what follows.
    if (openers.length > 0 && !this._reconnecting) this.#core.close();
    engine?.emitReserved("error", error);
    this.emitReserved("error", error);
    for (const fn of openers) fn(error);
  }

  #tellAttemptError() {
    const error = this.#attemptError;
    this.#attemptError = undefined;
    if (error) this.emitReserved("reconnect_error", error);
  }

  #sessionClosed(reason, code) {
    const details = this.#details(reason, code);
    if (reason === "transport error") {
      this.engine.emitReserved("error", details);
      this.emitReserved("error", details);
    }
    this.#onclose(reason, details);
  }

  #onclose(reason, details) {
    this.#closed = true;
    this._readyState = "closed";
    unwatch(this);
    const { engine } = this;
    if (this.#parser) {
      this.#parser.destroy();
      this.#parser = this.#newParser();
    }
    if (engine && engine.readyState !== "closed") {
      engine.readyState = engine.transport.readyState = "closed";
      engine.transport.writable = false;
      engine.id = undefined;
      engine.emitReserved("close", reason, details);
    }
    this.emitReserved("close", reason, details);
  }

  #details(reason, code) {
    if (reason === "forced close" || reason === "ping timeout") return undefined;
    if (code === 2) return { description: "network connection lost" };
    if (code === 4) return { description: "transport closed by the server" };
    if (reason === "transport close") return this.#failure?.details;
    return this.#error(code, "transport error");
  }

  /** What failed, by its number in src/js/report.rs. */
  #error(code, otherwise) {
    if (code === 1) return this.#failure?.error ?? new TransportError(otherwise);
    if (code === 2) return new TransportError("network connection lost");
    if (code === 3) return new Error("timeout");
    if (code === 5) return "No transports available";
    return this.#thrown ?? decodeError(code);
  }

  #upgraded() {
    const { engine } = this;
    Engine.priorWebsocketSuccess = true;
    engine.upgrading = false;
    for (const [id, link] of this.#links) if (link.ws) this.#current = id;
    engine.transport.name = "websocket";
    engine.transport.ws = this.#links.get(this.#current)?.ws.raw;
    engine.transport.writable = true;
    engine.emitReserved("upgrade", engine.transport);
  }

  #upgradeFailed(code) {
    const failure = code === 1 ? this.#failure : undefined;
    const cause = failure?.details ? "transport closed" : (failure?.error ?? this.#error(code, "socket closed"));
    // 11: it said something else than the answer to its probe.
    const error = new Error(code === 11 ? "probe error" : `probe error: ${cause}`);
    error.transport = "websocket";
    this.engine.emitReserved("upgradeError", error);
  }

  #event(socket, args, session, id) {
    if (this.hasListeners("packet")) this.#packet(2, socket, args, id);
    socket._onevent(args, session, id);
  }

  #acked(socket, ticket, args) {
    if (this.hasListeners("packet")) this.#packet(3, socket, args, this.#reader.ack);
    socket._onack(ticket, args);
  }

  #packet(type, socket, data, id) {
    this.emitReserved("packet", { type, nsp: socket.nsp, data: [...data], ...(id >= 0 && { id }) });
  }

  #disconnected(socket, reason) {
    // With the session all of them are told at once, in `close`.
    if (reason.startsWith("io ")) socket._onleave(reason);
  }

  #connectError(socket, code) {
    const slot = this.#core.slot();
    const answer = slot < 0 ? undefined : take(slot);
    // Told with the session's failure.
    if (code < 20) return;
    if (code === 21) return socket._onv2();
    const error = new Error(code === 20 ? (answer?.message ?? String(answer)) : CONNECT_ERRORS[code]);
    if (answer?.data !== undefined) error.data = answer.data;
    socket._onerror(error);
  }

  #authenticate(index, socket, question) {
    socket._authenticate((data) => {
      this._call((core) => {
        if (data === undefined) return this.#follow(core.authenticate(index, question, -1, 0));
        const text = this.#parser ? undefined : JSON.stringify(data);
        return this.#follow(core.authenticate(index, question, put(data, text), sizeOf(text ?? "")));
      });
    });
  }

  // --- What sockets ask for ---------------------------------------------------------------------------------------

  _register(socket, retries) {
    const index = this.#sockets.push(socket) - 1;
    this._call((core) => core.socket(socket.nsp, retries ?? -1));
    return index;
  }

  _isActive(index) {
    return this.#core?.active(index) ?? false;
  }

  _queued(index) {
    return this.#core?.queued(index) ?? 0;
  }

  /** What is held, as the packets of the original; `#ticket` tells them apart. */
  _held(index) {
    const core = this.#core;
    if (!core) return [];
    const packets = [];
    const held = core.held(index);
    for (let i = 0; i < held.length; i += 2) {
      const packet = { type: 2, data: value(held[i + 1]), options: { compress: isCompressed(held[i + 1]) } };
      tickets.set(packet, held[i]);
      packets.push(packet);
    }
    return packets;
  }

  _keep(index, packets) {
    const kept = new Set(packets.map((packet) => tickets.get(packet)));
    for (const packet of this._held(index)) {
      const ticket = tickets.get(packet);
      if (!kept.has(ticket)) this.#core.discard(index, ticket);
    }
  }

  /** Until when a ping has to come. */
  _pingDeadline(...time) {
    if (time.length > 0) this._call((core) => core.set_ping_deadline(time[0]));
    return this.#core?.ping_deadline() ?? 0;
  }

  _isWritable() {
    return this.engine?.transport.writable ?? false;
  }

  /** The numbers of a payload and its attachments. Throws what has no form on the wire. */
  _outgoing(args, compress) {
    const message = this.#parser ? [put(args), 0] : outgoing(args);
    if (!compress) setUncompressed(message[0]);
    return message;
  }

  _emit(core, index, message, flags, timeout, accepted) {
    const result =
      message.length === 2
        ? core.emit(index, message[0], message[1], flags, timeout)
        : core.emit_binary(index, message, flags, timeout);
    if (result < 0) return result;
    const ticket = Math.floor(result / 2);
    accepted(ticket);
    if (result % 2 === 1) this.#follow(true);
    this.#throwEncoder();
    return ticket;
  }

  _ack(core, index, session, id, message) {
    if (core.ack(index, session, id, message) === 1) this.#follow(true);
    this.#throwEncoder();
  }

  #throwEncoder() {
    const thrown = this.#thrown;
    this.#thrown = undefined;
    if (thrown) throw thrown;
  }

  /** A message from elsewhere than the transport. */
  _inject(data) {
    this.#heard(this.#current, data);
  }

  _offline() {
    this._call((core) => this.#follow(core.online(false)));
  }

  _online() {
    this._call((core) => this.#follow(core.online(true)));
  }

  /** The page goes away: nothing is told. */
  _silence() {
    for (const link of this.#links.values()) close(link);
    this.#links.clear();
  }

  // --- What the core asks for (Host) ------------------------------------------------------------------------------

  _resolve() {
    const core = this.#core;
    const where = target(this);
    this._readyState = "opening";
    this.#failure = undefined;
    this.engine = new Engine(this, this.opts, where, transportNames(this.opts)[0]);
    this.#configure(core);
    core.set_upgraded_before(Engine.priorWebsocketSuccess);
    core.resolved(where.secure, where.hostname, where.port, Object.entries(where.query).flat().map(String));
  }

  _openWebSocket(id, url) {
    const link = {};
    this.#links.set(id, link);
    this.#opening(id, "websocket");
    const ended = (error, details, code) => {
      if (this.#links.get(id) !== link) return;
      this.#failure = { error, details };
      this._run(this.#core.ended(id, code));
    };
    const failed = (event) => ended(new TransportError("websocket error", event), undefined, -1);
    try {
      link.ws = openWebSocket(url, this.#transportOptions("websocket"), {
        open: () => this._run(this.#core.opened(id)),
        message: (data) => this.#message(id, data),
        error: failed,
        close: (event) =>
          ended(
            new TransportError("websocket error", event),
            { description: "websocket connection closed", context: event },
            event?.code ?? 1005,
          ),
      });
    } catch (error) {
      queueMicrotask(() => failed(error));
    }
    if (this.#current === id) this.engine.transport.ws = link.ws?.raw;
  }

  _get(id, url) {
    const link = this.#pollingLink(id);
    link.get = this.#request(id, url, undefined, "xhr poll error", (text) => {
      this.#readBody(text);
      return this.#core.got(id);
    });
  }

  _post(id, url) {
    const link = this.#pollingLink(id);
    const body = this.#body.splice(0).join("\x1e");
    const { transport } = this.engine;
    transport.writable = false;
    link.post = this.#request(id, url, body, "xhr post error", () => {
      const code = this.#core.posted(id);
      this.#drained(transport);
      return code;
    });
  }

  #pollingLink(id) {
    let link = this.#links.get(id);
    if (!link) {
      this.#links.set(id, (link = {}));
      this.#opening(id, "polling");
    }
    return link;
  }

  /** The first transport of an attempt, or the next one that is tried. */
  #opening(id, name) {
    if (this._readyState !== "opening" || this.#links.size > 1) return;
    this.#current = id;
    this.engine.transport.name = name;
  }

  #request(id, url, body, message, done) {
    const opts = this.#transportOptions("polling");
    const text = opts.fetch ? message.replace("xhr poll", "fetch read").replace("xhr post", "fetch write") : message;
    return request(url, body, opts, LIMIT, (status, answer, context) => {
      if (!this.#links.has(id)) return;
      if (status === 200) return this._run(done(answer));
      const description = status === 0 ? (context?.error ?? 0) : status;
      this.#failure = { error: new TransportError(text, description, context) };
      this._run(this.#core.ended(id, -1));
    });
  }

  #transportOptions(name) {
    const { opts } = this;
    return { ...opts, fetch: wantsFetch(opts), pool: this.#host, jar: this._jar, ...opts.transportOptions?.[name] };
  }

  _shut(id) {
    const link = this.#links.get(id);
    this.#links.delete(id);
    if (link) close(link);
  }

  _head(kind, nsp, text) {
    this.#heads.push({ kind, nsp, text });
  }

  /** Whether the transport takes more. */
  _write(id, head, ack, slot, last) {
    const { kind, nsp, text } = this.#heads[head];
    const compress = slot < 0 || isCompressed(slot);
    if (this.#parser) {
      const room = this.#writeParsed(id, kind, nsp, ack, slot, compress);
      if (last) release(slot);
      return room;
    }
    const message = text + (ack < 0 ? "" : ack) + (slot < 0 ? "" : json(slot));
    if (last) release(slot);
    return this.#send(id, message, compress);
  }

  #writeParsed(id, kind, nsp, ack, slot, compress) {
    let frames;
    try {
      frames = this.#parser.encode(kind, nsp, ack, slot, { compress });
    } catch (error) {
      this.#thrown = error;
      return true;
    }
    let room = true;
    for (const frame of frames) {
      room = typeof frame === "string" ? this.#send(id, `4${frame}`, compress) : this.#sendBinary(id, frame, compress);
    }
    return room;
  }

  _text(id, text) {
    return this.#send(id, text, true);
  }

  _binary(id, slot, last) {
    const data = last ? take(slot) : value(slot);
    return this.#sendBinary(id, data, true);
  }

  #send(id, text, compress) {
    if (text[0] === "4") this.#created(text.slice(1), compress);
    if (id === 0) return this.#body.push(text) > 0;
    return this.#handOver(id, text, compress);
  }

  #sendBinary(id, data, compress) {
    this.#created(data, compress);
    if (id === 0) return this.#body.push(`b${toBase64(data)}`) > 0;
    return this.#handOver(id, this.opts.forceBase64 ? `b${toBase64(data)}` : data, compress);
  }

  #created(data, compress) {
    const { engine } = this;
    if (!engine.hasListeners("packetCreate")) return;
    this.#guarded(() => engine.emitReserved("packetCreate", { type: "message", data, options: { compress } }));
  }

  #handOver(id, data, compress) {
    const link = this.#links.get(id);
    if (!link?.ws) return true;
    link.ws.send(data, compress);
    const { transport } = this.engine;
    if (id === this.#current && transport.writable) {
      transport.writable = false;
      queueMicrotask(() => this.#drained(transport));
    }
    return link.ws.bufferedAmount < HIGH_WATER;
  }

  #drained(transport) {
    transport.writable = this.engine.transport === transport && this._readyState === "open";
    if (transport.writable) {
      this.#guarded(() => this.engine.emitReserved("flush").emitReserved("drain"));
    }
  }

  // --- What transports hear ---------------------------------------------------------------------------------------

  #message(id, data) {
    const events = this.#events();
    if (events) events(data);
    if (typeof data !== "string") return this.#binary(id, data);
    if (this.#parser && data[0] === "4") return this.#parse(id, data.slice(1));
    this._run(this.#reader.read(data, id));
  }

  #readBody(body) {
    const events = this.#events();
    if (!this.#parser) return this.#reader.readBody(body, PACKETS, events);
    for (const text of body.split("\x1e", PACKETS)) {
      events?.(text);
      if (text[0] === "4") this.#parse(0, text.slice(1));
      else if (text[0] === "b") this.#parse(0, fromBase64(text.slice(1)));
      else this.#reader.read(text);
    }
  }

  #heard(id, data) {
    if (typeof data !== "string") return this.#binary(id, data);
    if (this.#parser) return this.#parse(id, data);
    this._run(this.#reader.read(`4${data}`, id));
  }

  #binary(id, data) {
    if (this.#parser) return this.#parse(id, data);
    this._run(this.#core.binary(id, put(bytesOf(data, this.engine.binaryType)), sizeOf(data)));
  }

  /** The application's decoder tells its packets while it is called. */
  #parse(id, data) {
    this.#parsing = id;
    try {
      this.#parser.add(data);
    } catch (error) {
      this.#thrown = error;
      this._run(this.#core.control(id, "4"));
      this.#thrown = undefined;
    }
  }

  #parsing = 0;

  #newParser() {
    return new Parser(this.opts.parser, (type, nsp, ack, slot, shape) => {
      this.#reader.ack = ack;
      this.#reader.slot = slot;
      this._run(this.#core.parsed(this.#parsing, type, nsp, ack, slot, shape));
    });
  }

  /** Tells the engine's listeners of a message, if there are any. */
  #events() {
    const { engine } = this;
    const wanted = ["packet", "heartbeat", "data", "message"].some((name) => engine.hasListeners(name));
    if (!wanted) return undefined;
    return (message) => this.#guarded(() => tellEngine(engine, message));
  }
}

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

function tellEngine(engine, message) {
  const text = typeof message === "string";
  const type = text ? (TYPES[message[0]] ?? "error") : "message";
  const data = text ? (message.length > 1 ? message.slice(1) : undefined) : message;
  engine.emitReserved("packet", data === undefined ? { type } : { type, data });
  engine.emitReserved("heartbeat");
  if (type !== "message") return;
  // Not `engine.emit`, which hands data in.
  engine.emitReserved("data", data);
  engine.emitReserved("message", data);
}

const CONNECT_ERRORS = {
  22: "timeout",
  23: "the namespace's name contains a comma",
  24: "no authentication data in time",
};

function close(link) {
  link.ws?.close();
  link.get?.abort();
  link.post?.abort();
}

/** What Rust calls. While a timer is set it keeps the manager alive; Rust holds it always, so it must not do so itself. */
class Host {
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
    this.#it._openWebSocket(id, url);
  }

  get(id, url) {
    this.#it._get(id, url);
  }

  post(id, url) {
    this.#it._post(id, url);
  }

  shut(id) {
    this.#it._shut(id);
  }

  head(kind, nsp, text) {
    this.#it._head(kind, nsp, text);
  }

  write(id, head, ack, slot, last) {
    return this.#it._write(id, head, ack, slot, last);
  }

  text(id, text) {
    return this.#it._text(id, text);
  }

  binary(id, slot, last) {
    return this.#it._binary(id, slot, last);
  }
}
