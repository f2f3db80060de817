import { take } from "../slots.js";
import { ACT, LOOK } from "./calls.js";
import { FATES } from "./delivery.js";
import { guarded, rethrow } from "./emitter.js";
import { Engine, Transport } from "./engine.js";
import { TransportError } from "./errors.js";
import { unwatch, watch, watchWaiting } from "./page.js";
import { KIND, REASONS, decodeError, gapOf } from "./report.js";

const NONE = [];

const WITH_SLOT = new Set([
  KIND.EVENT,
  KIND.ACK,
  KIND.CONNECTED,
  KIND.CONNECT_ERROR,
  KIND.SENT,
  KIND.NOT_SENT,
  KIND.FATE,
  KIND.SETTLED,
  KIND.GAP,
]);
const WITH_NUMBER = new Set([
  KIND.EVENT,
  KIND.NO_ACK,
  KIND.NOT_SENT,
  KIND.FATE,
  KIND.SETTLED,
  KIND.CONNECT_ERROR,
  KIND.AUTHENTICATE,
  KIND.OPEN_FAILED,
  KIND.CLOSED,
  KIND.ATTEMPT,
  KIND.RECONNECTED,
  KIND.UPGRADE_FAILED,
  KIND.GAP,
]);
/** What concerns nobody who has left the namespace. */
const OF_NAMESPACE = new Set([KIND.EVENT_HERE, KIND.EVENT, KIND.CONNECTED, KIND.CONNECT_ERROR, KIND.AUTHENTICATE, KIND.GAP]);
/** What is told before `connect`, of which it is a part. */
const WITH_CONNECT = new Set([KIND.SENT, KIND.GAP]);
const ABANDONED = 0;

/** Tells the application, and the manager's own state, what the core says. */
export class Dispatch {
  /** Callbacks of `open`. */
  openers = [];
  /** Whether `close` was told since this was last set to false. */
  closed = false;
  /** Whether it ended something: a session, or an attempt at one. */
  ended = false;

  #manager;
  /** The error of an attempt to reconnect, until it is told. */
  #attemptError;
  /** An attempt to reconnect is under way. */
  #attempting = false;
  /** The socket whose `connect` is still to be told, after what it had buffered. */
  #connecting;
  /** No attempt is to follow the one that failed last, whatever the core had planned. */
  #givenUp = false;
  /** What was read from the core and is being told; more than one list where a listener's call has brought about more. */
  #telling = [];
  /** Who has dropped events that had no listener. */
  #dropping = new Set();

  constructor(manager) {
    this.#manager = manager;
  }

  /** After a call of the application, which gets the first exception of its listeners. */
  follow(more) {
    if (!more) return;
    const failures = this.#drain(this.#manager._core.poll());
    failures.slice(1).forEach(rethrow);
    if (failures.length > 0) throw failures[0];
  }

  /** After something that a transport or the timer told. What a listener throws reaches the host's handler. */
  run(code) {
    if (code !== 0) this.#drain(code).forEach(rethrow);
  }

  /** What listeners threw. */
  #drain(first) {
    // Mostly it is one event.
    let failures = first !== 0 && (first & 32) === 0 ? this.#tryToTell(this.#read(first), NONE) : this.#drainAll(first);
    if (this.#attemptError) guarded(() => this.#tellAttemptError());
    // Within a listener this is for the outer one.
    if (this.#telling.length > 0) return failures;
    failures = this.#tellConnected(failures);
    for (const incoming of this.#dropping) if (this.#dropping.delete(incoming)) guarded(() => incoming.tellDropped());
    return failures;
  }

  /** Events were dropped: told behind what was read before, of which nothing is to come while that is made good. */
  later(incoming) {
    this.#dropping.add(incoming);
  }

  /** All is read before any of it is told: a listener's call is answered with what came of it, and nothing else. */
  #drainAll(first) {
    let failures = NONE;
    const told = [];
    for (let code = first; code !== 0; code = code & 32 ? this.#manager._core.poll() : 0) told.push(this.#read(code));
    this.#telling.push(told);
    for (const event of told) if (event.kind !== ABANDONED) failures = this.#tryToTell(event, failures);
    this.#telling.pop();
    return failures;
  }

  #tryToTell(event, failures) {
    if (!WITH_CONNECT.has(event.kind)) failures = this.#tellConnected(failures);
    try {
      this.#tell(event);
      return failures;
    } catch (error) {
      return [...failures, error];
    }
  }

  /** The application has left a namespace: what was read of it before is not told any more. */
  leave(index) {
    this.#manager._sockets[index]?._incoming.leave();
    this.#abandon((event) => event.index === index && OF_NAMESPACE.has(event.kind));
  }

  #abandon(which) {
    for (const told of this.#telling) for (const event of told) if (which(event)) event.kind = ABANDONED;
  }

  /** What the core knows of an event only until the next one. */
  #read(code) {
    const { _core: core, _reader: reader } = this.#manager;
    const kind = code & 31;
    const value = Math.floor(code / 64);
    const index = value % 16384;
    const more = Math.floor(value / 16384);
    // A listener before may let go of it.
    const socket = this.#manager._sockets[index];
    if (kind === KIND.EVENT_HERE || kind === KIND.ACK_HERE) {
      return { kind, index, socket, more, data: take(reader.slot), number: reader.ack };
    }
    const slot = WITH_SLOT.has(kind) ? core.look(LOOK.SLOT) : -1;
    const number = WITH_NUMBER.has(kind) ? core.look(LOOK.NUMBER) : reader.ack;
    const data = slot < 0 ? undefined : take(slot);
    if (kind === KIND.FATE) return { kind, index, socket, more, data: this.#fate(number, data) };
    if (kind === KIND.SETTLED) return { kind, index, socket, more, data: this.#settled(number, data) };
    if (kind === KIND.GAP) {
      const numbers = [1, 2, 3, 4, 5].map((place) => core.look(LOOK.NUMBER, place));
      return { kind, index, socket, number, data: gapOf(more, numbers, data) };
    }
    return { kind, index, socket, more, data, number };
  }

  #fate(number, value) {
    const { _core: core } = this.#manager;
    const fate = FATES[number % 16];
    const attempts = Math.floor(number / 16);
    if (fate === "inFlight") return { fate, attempt: attempts };
    if (fate !== "uncertain") return value === undefined ? { fate } : { fate, value };
    const [lastSentAt, key] = [core.look(LOOK.NUMBER, 1), core.look(LOOK.NUMBER, 2)];
    return { fate, attempts, ...(lastSentAt && { lastSentAt }), ...(key >= 0 && { key }) };
  }

  #settled(number, value) {
    const answer = this.#manager._core.look(LOOK.NUMBER, 1);
    const fate = FATES[number % 16];
    if (answer >= 0) return { fate, args: take(answer), value };
    return fate === "uncertain" ? { fate, attempts: Math.floor(number / 16), value } : { fate, value };
  }

  #tell({ kind, index, socket, more, data, number }) {
    switch (kind) {
      case KIND.EVENT_HERE:
      case KIND.EVENT:
        return this.#event(socket, data, more, number);
      case KIND.ACK_HERE:
      case KIND.ACK:
        return this.#acked(socket, more, data, number);
      case KIND.NO_ACK:
        // A socket that was left is let go, though an emit that threw may still wait in the core.
        return socket?._onnoack(more, number);
      case KIND.CONNECTED:
        return this.#connected(socket, data, more % 2 === 1, Math.floor(more / 2));
      case KIND.DISCONNECTED:
        return this.#disconnected(socket, REASONS[more]);
      case KIND.CONNECT_ERROR:
        return this.#connectError(socket, number, data);
      case KIND.AUTHENTICATE:
        return this.#authenticate(index, socket, number);
      case KIND.SENT:
        return socket?._onsent(data);
      case KIND.NOT_SENT:
        return socket?._onnotsent(more, number, data);
      case KIND.FATE:
        return socket?._onfate(more, data);
      case KIND.SETTLED:
        return socket?._outbox?._onsettled(more, data);
      case KIND.GAP:
        return socket?._incoming.gap(data, number);
      case KIND.UNSUPPORTED:
        return socket?.emitReserved("delivery_unsupported");
      case KIND.OPENED:
        return this.#opened();
      case KIND.OPEN_FAILED:
        return this.#openFailed(number);
      case KIND.CLOSED:
        // Of no namespace: in its place stands the reason.
        return this.#sessionClosed(REASONS[index], number);
      case KIND.WAITING:
        this.#manager._reconnecting = !this.#givenUp;
        if (!this.#givenUp) watchWaiting(this.#manager);
        return this.#tellAttemptError();
      case KIND.ATTEMPT:
        this.#attempting = true;
        return this.#manager.emitReserved("reconnect_attempt", number);
      case KIND.RECONNECTED:
        this.#attempting = this.#manager._reconnecting = false;
        return this.#manager.emitReserved("reconnect", number);
      case KIND.RECONNECT_FAILED:
        this.#manager._reconnecting = false;
        unwatch(this.#manager);
        this.#manager._retire(false);
        this.#manager.emitReserved("reconnect_failed");
        return this.#tellAttemptError();
      case KIND.PING:
        this.#manager._store?.heard();
        this.#manager.engine.emitReserved("ping");
        this.#manager.engine.emitReserved("pong");
        return this.#manager.emitReserved("ping");
      case KIND.UPGRADING:
        return this.#upgrading();
      case KIND.UPGRADED:
        return this.#upgraded();
      case KIND.UPGRADE_FAILED:
        return this.#upgradeFailed(number);
      default:
        return undefined;
    }
  }

  // --- What the core tells ----------------------------------------------------------------------------------------

  #opened() {
    const { engine } = this.#manager;
    Engine.priorWebsocketSuccess = this.#manager._core.look(LOOK.UPGRADED_BEFORE) === 1;
    const handshake = this.#manager._reader.handshake;
    this.#manager._readyState = engine.readyState = engine.transport.readyState = "open";
    engine.id = handshake?.sid;
    engine.transport.writable = true;
    this.#attempting = this.#givenUp = false;
    watch(this.#manager);
    guarded(() => engine.emitReserved("handshake", handshake).emitReserved("open"));
    guarded(() => this.#manager.emitReserved("open"));
    for (const fn of this.openers.splice(0)) guarded(() => fn());
  }

  #openFailed(code) {
    const error = this.#error(code, "timeout");
    this.#manager._readyState = "closed";
    const { engine } = this.#manager;
    if (engine) engine.readyState = "closed";
    Engine.priorWebsocketSuccess = false;
    if (this.#attempting) this.#attemptError = error;
    this.#attempting = false;
    const openers = this.openers.splice(0);
    // Who asked to be told decides what follows.
    this.#givenUp = openers.length > 0 && !this.#manager._reconnecting;
    if (this.#givenUp) this.#manager._core.act(ACT.CLOSE);
    this.#stay();
    if (code !== 3) guarded(() => engine?.emitReserved("error", error));
    guarded(() => this.#manager.emitReserved("error", error));
    for (const fn of openers) guarded(() => fn(error));
    // Without a transport there was nothing to close.
    if (code !== 5) engine?.emitReserved("close", ...(code === 3 ? ["forced close"] : ["transport error", error]));
  }

  #tellAttemptError() {
    const error = this.#attemptError;
    this.#attemptError = undefined;
    if (error) this.#manager.emitReserved("reconnect_error", error);
  }

  #sessionClosed(reason, code) {
    const details = this.#details(reason, code);
    if (reason === "transport error") {
      guarded(() => this.#manager.engine.emitReserved("error", details));
      guarded(() => this.#manager.emitReserved("error", details));
    }
    this.onclose(reason, details);
  }

  onclose(reason, details) {
    this.closed = true;
    this.ended = this.#manager._readyState !== "closed";
    // A namespace that was joined before that is so no longer.
    this.#abandon(({ kind }) => kind === KIND.CONNECTED);
    this.#manager._readyState = "closed";
    unwatch(this.#manager);
    const { engine } = this.#manager;
    this.#manager._links.reset();
    if (engine && engine.readyState !== "closed") {
      engine.readyState = engine.transport.readyState = "closed";
      engine.transport.writable = false;
      engine.id = undefined;
      guarded(() => engine.emitReserved("close", reason, details));
    }
    this.#stay();
    this.#manager.emitReserved("close", reason, details);
  }

  /** Whether another connection follows. */
  #stay() {
    if (this.#givenUp || !this.#manager.reconnection()) this.#manager._retire(false);
  }

  #details(reason, code) {
    if (reason === "forced close" || reason === "ping timeout") return undefined;
    if (code === 2) return { description: "network connection lost" };
    if (code === 4) return { description: "transport closed by the server" };
    if (reason === "transport close") return this.#manager._links.failure?.details;
    return this.#error(code, "transport error");
  }

  /** What failed, by its number in src/js/report.rs. */
  #error(code, otherwise) {
    if (code === 1) return this.#manager._links.failure?.error ?? new TransportError(otherwise);
    if (code === 2) return new TransportError("network connection lost");
    if (code === 3) return new Error("timeout");
    if (code === 5) return "No transports available";
    return this.#manager._links.thrown ?? decodeError(code);
  }

  /** The server has answered on the other transport, and the current one is about to fall silent. */
  #upgrading() {
    const { engine } = this.#manager;
    engine.upgrading = new Transport("websocket", engine.transport.query);
    engine.upgrading.ws = this.#manager._links.webSocket;
    engine.upgrading.readyState = "open";
    engine.emitReserved("upgrading", engine.upgrading);
  }

  #upgraded() {
    const { engine } = this.#manager;
    Engine.priorWebsocketSuccess = true;
    const transport = engine.upgrading || new Transport("websocket", engine.transport.query);
    Object.assign(transport, this.#manager._links.upgraded(), { readyState: "open" });
    engine.transport = transport;
    engine.upgrading = false;
    engine.emitReserved("upgrade", transport);
  }

  #connected(socket, id, recovered, replayed) {
    const tell = this.#packet(0, socket, { sid: id });
    socket._onconnect(id, recovered, replayed);
    tell?.();
  }

  /** A socket has connected, and has told what it missed. */
  announce(socket) {
    this.#connecting = socket;
  }

  #tellConnected(failures) {
    const socket = this.#connecting;
    this.#connecting = undefined;
    if (!socket) return failures;
    for (const tell of [() => socket.connected && socket.emitReserved("connect"), () => socket._incoming.tellGap()]) {
      try {
        tell();
      } catch (error) {
        failures = [...failures, error];
      }
    }
    return failures;
  }

  #upgradeFailed(code) {
    const { engine, _links: links } = this.#manager;
    engine.upgrading = false;
    const failure = code === 1 ? links.failure : undefined;
    const cause = failure?.details ? "transport closed" : (failure?.error ?? this.#error(code, "socket closed"));
    // 11: it said something else than the answer to its probe.
    const error = new Error(code === 11 ? "probe error" : `probe error: ${cause}`);
    error.transport = "websocket";
    engine.emitReserved("upgradeError", error);
  }

  #event(socket, args, session, id) {
    this.#manager._store?.heard();
    const tell = this.#packet(2, socket, args, id);
    socket._onevent(args, session, id);
    tell?.();
  }

  #acked(socket, ticket, args, id) {
    const tell = this.#packet(3, socket, args, id);
    socket._onack(ticket, args);
    tell?.();
  }

  /** Tells the manager's listeners, if there are any; after the socket, as in the original. */
  #packet(type, { nsp }, data, id) {
    if (!this.#manager.hasListeners("packet")) return undefined;
    const packet = { type, nsp };
    // What the manager's listeners do to a list of arguments is none of the socket's.
    if (data !== undefined) packet.data = Array.isArray(data) ? [...data] : data;
    if (id >= 0) packet.id = id;
    return () => guarded(() => this.#manager.emitReserved("packet", packet));
  }

  #disconnected(socket, reason) {
    // With the session all of them are told at once, in `close`.
    if (!reason.startsWith("io ")) return;
    socket._incoming.leave();
    const tell = reason === "io server disconnect" ? this.#packet(1, socket) : undefined;
    socket._onleave(reason);
    tell?.();
  }

  #connectError(socket, code, answer) {
    // Told with the session's failure.
    // Also where that was the last to wait for an answer.
    if (code < 20 || (code === 22 && this.#manager._pingDeadline() === 0)) return;
    const tell = code === 20 ? this.#packet(4, socket, answer) : undefined;
    if (code === 21) return socket._onv2();
    const error = new Error(code === 20 ? (answer?.message ?? String(answer)) : CONNECT_ERRORS[code - 22]);
    if (answer?.data !== undefined) error.data = answer.data;
    socket._onerror(error);
    tell?.();
  }

  #authenticate(index, socket, question) {
    socket._authenticate((data) => {
      this.#manager._call((core) => {
        const [slot = -1, length = 0] = data === undefined ? [] : this.#manager._links.auth(data);
        return this.follow(core.act(ACT.AUTHENTICATE, index, question, slot, length));
      });
    });
  }
}

const CONNECT_ERRORS = [
  // From number 22.
  "timeout",
  "the namespace's name contains a comma",
  "no authentication data in time",
];
