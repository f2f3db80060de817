import { take } from "../slots.js";
import { ACT, LOOK } from "./calls.js";
import { rethrow } from "./emitter.js";
import { Engine, Transport } from "./engine.js";
import { TransportError, guarded } from "./links.js";
import { unwatch, watch } from "./page.js";
import { KIND, REASONS, decodeError } from "./report.js";

const NONE = [];

/** Tells the application, and the manager's own state, what the core says. */
export class Dispatch {
  /** Callbacks of `open`. */
  openers = [];
  /** Whether `close` was told since this was last set to false. */
  closed = false;

  #manager;
  /** The error of an attempt to reconnect, until it is told. */
  #attemptError;
  /** An attempt to reconnect is under way. */
  #attempting = false;
  /** The socket whose `connect` is still to be told, after what it had buffered. */
  #connecting;

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
  #drain(code) {
    let failures = NONE;
    while (code !== 0) {
      try {
        this.#tell(code & 31, Math.floor(code / 64));
      } catch (error) {
        failures = [...failures, error];
      }
      code = code & 32 ? this.#manager._core.poll() : 0;
    }
    if (this.#attemptError) guarded(() => this.#tellAttemptError());
    try {
      this.#tellConnected();
    } catch (error) {
      failures = [...failures, error];
    }
    return failures;
  }

  #tell(kind, value) {
    const core = this.#manager._core;
    const more = Math.floor(value / 16384);
    const socket = this.#manager._sockets[value % 16384];
    if (kind !== KIND.SENT) this.#tellConnected();
    switch (kind) {
      case KIND.EVENT_HERE:
        return this.#event(socket, take(this.#manager._reader.slot), more, this.#manager._reader.ack);
      case KIND.EVENT: {
        const id = core.look(LOOK.NUMBER);
        return this.#event(socket, take(core.look(LOOK.SLOT)), more, id);
      }
      case KIND.ACK_HERE:
        return this.#acked(socket, more, take(this.#manager._reader.slot));
      case KIND.ACK:
        return this.#acked(socket, more, take(core.look(LOOK.SLOT)));
      case KIND.NO_ACK:
        // A socket that was left is let go, though an emit that threw may still wait in the core.
        return socket?._onnoack(more, core.look(LOOK.NUMBER));
      case KIND.CONNECTED:
        return this.#connected(socket, take(core.look(LOOK.SLOT)), more % 2 === 1, Math.floor(more / 2));
      case KIND.DISCONNECTED:
        return this.#disconnected(socket, REASONS[more]);
      case KIND.CONNECT_ERROR:
        return this.#connectError(socket, core.look(LOOK.NUMBER));
      case KIND.AUTHENTICATE:
        return this.#authenticate(value % 16384, socket, core.look(LOOK.NUMBER));
      case KIND.SENT:
        return socket._onsent(take(core.look(LOOK.SLOT)));
      case KIND.OPENED:
        return this.#opened();
      case KIND.OPEN_FAILED:
        return this.#openFailed(core.look(LOOK.NUMBER));
      case KIND.CLOSED:
        return this.#sessionClosed(REASONS[value], core.look(LOOK.NUMBER));
      case KIND.WAITING:
        this.#manager._reconnecting = true;
        return this.#tellAttemptError();
      case KIND.ATTEMPT:
        this.#attempting = true;
        return this.#manager.emitReserved("reconnect_attempt", core.look(LOOK.NUMBER));
      case KIND.RECONNECTED:
        this.#attempting = this.#manager._reconnecting = false;
        return this.#manager.emitReserved("reconnect", core.look(LOOK.NUMBER));
      case KIND.RECONNECT_FAILED:
        this.#manager._reconnecting = false;
        this.#manager.emitReserved("reconnect_failed");
        return this.#tellAttemptError();
      case KIND.PING:
        this.#manager.engine.emitReserved("ping");
        this.#manager.engine.emitReserved("pong");
        return this.#manager.emitReserved("ping");
      case KIND.UPGRADING:
        return this.#upgrading();
      case KIND.UPGRADED:
        return this.#upgraded();
      case KIND.UPGRADE_FAILED:
        return this.#upgradeFailed(core.look(LOOK.NUMBER));
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
    this.#attempting = false;
    watch(this.#manager);
    guarded(() => engine.emitReserved("handshake", handshake).emitReserved("open"));
    this.#manager.emitReserved("open");
    for (const fn of this.openers.splice(0)) fn();
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
    if (openers.length > 0 && !this.#manager._reconnecting) this.#manager._core.act(ACT.CLOSE);
    if (code !== 3) guarded(() => engine?.emitReserved("error", error));
    guarded(() => this.#manager.emitReserved("error", error));
    for (const fn of openers) fn(error);
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
    this.#manager.emitReserved("close", reason, details);
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
    this.#packet(0, socket, { sid: id });
    socket._onconnect(id, recovered, replayed);
  }

  /** A socket has connected, and has told what it missed. */
  announce(socket) {
    this.#connecting = socket;
  }

  #tellConnected() {
    const socket = this.#connecting;
    this.#connecting = undefined;
    if (socket?.connected) socket.emitReserved("connect");
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
    this.#packet(2, socket, args, id);
    socket._onevent(args, session, id);
  }

  #acked(socket, ticket, args) {
    this.#packet(3, socket, args, this.#manager._reader.ack);
    socket._onack(ticket, args);
  }

  #packet(type, { nsp }, data, id) {
    if (!this.#manager.hasListeners("packet")) return;
    const packet = { type, nsp };
    // What the manager's listeners do to a list of arguments is none of the socket's.
    if (data !== undefined) packet.data = Array.isArray(data) ? [...data] : data;
    if (id >= 0) packet.id = id;
    this.#manager.emitReserved("packet", packet);
  }

  #disconnected(socket, reason) {
    // With the session all of them are told at once, in `close`.
    if (!reason.startsWith("io ")) return;
    if (reason === "io server disconnect") this.#packet(1, socket);
    socket._onleave(reason);
  }

  #connectError(socket, code) {
    const slot = this.#manager._core.look(LOOK.SLOT);
    const answer = slot < 0 ? undefined : take(slot);
    // Told with the session's failure.
    if (code < 20) return;
    if (code === 20) this.#packet(4, socket, answer);
    if (code === 21) return socket._onv2();
    const error = new Error(code === 20 ? (answer?.message ?? String(answer)) : CONNECT_ERRORS[code]);
    if (answer?.data !== undefined) error.data = answer.data;
    socket._onerror(error);
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

const CONNECT_ERRORS = {
  22: "timeout",
  23: "the namespace's name contains a comma",
  24: "no authentication data in time",
};
