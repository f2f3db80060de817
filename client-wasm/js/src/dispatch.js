import { take } from "../slots.js";
import { rethrow } from "./emitter.js";
import { Engine } from "./engine.js";
import { TransportError, guarded } from "./links.js";
import { unwatch, watch } from "./page.js";
import { KIND, decodeError } from "./report.js";

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

  constructor(manager) {
    this.#manager = manager;
  }

  /** After a call of the application. What a listener throws reaches the caller. */
  follow(more) {
    if (more) this.drain(this.#manager._core.poll());
  }

  /** After something that a transport or the timer told. What a listener throws reaches the host's handler. */
  run(code) {
    if (code !== 0) guarded(() => this.drain(code));
  }

  drain(code) {
    let failed = false;
    let failure;
    while (code !== 0) {
      try {
        this.#tell(code & 31, Math.floor(code / 64));
      } catch (error) {
        if (failed) rethrow(error);
        else [failed, failure] = [true, error];
      }
      code = code & 32 ? this.#manager._core.poll() : 0;
    }
    if (this.#attemptError) this.#tellAttemptError();
    if (failed) throw failure;
  }

  #tell(kind, value) {
    const core = this.#manager._core;
    const more = Math.floor(value / 16384);
    const socket = this.#manager._sockets[value % 16384];
    switch (kind) {
      case KIND.EVENT_HERE:
        return this.#event(socket, take(this.#manager._reader.slot), more, this.#manager._reader.ack);
      case KIND.EVENT: {
        const id = core.number();
        return this.#event(socket, take(core.slot()), more, id);
      }
      case KIND.ACK_HERE:
        return this.#acked(socket, more, take(this.#manager._reader.slot));
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
        this.#manager._reconnecting = true;
        return this.#tellAttemptError();
      case KIND.ATTEMPT:
        this.#attempting = true;
        return this.#manager.emitReserved("reconnect_attempt", core.number());
      case KIND.RECONNECTED:
        this.#attempting = this.#manager._reconnecting = false;
        return this.#manager.emitReserved("reconnect", core.number());
      case KIND.RECONNECT_FAILED:
        this.#manager._reconnecting = false;
        this.#manager.emitReserved("reconnect_failed");
        return this.#tellAttemptError();
      case KIND.PING:
        this.#manager.engine.emitReserved("ping");
        this.#manager.engine.emitReserved("pong");
        return this.#manager.emitReserved("ping");
      case KIND.UPGRADING:
        this.#manager.engine.upgrading = true;
        return this.#manager.engine.emitReserved("upgrading", this.#manager.engine.transport);
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
    const { engine } = this.#manager;
    Engine.priorWebsocketSuccess = this.#manager._core.upgraded_before();
    const handshake = this.#manager._reader.handshake;
    this.#manager._readyState = engine.readyState = engine.transport.readyState = "open";
    engine.id = handshake?.sid;
    engine.transport.writable = true;
    this.#attempting = false;
    watch(this.#manager);
    engine.emitReserved("handshake", handshake);
    engine.emitReserved("open");
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
    if (openers.length > 0 && !this.#manager._reconnecting) this.#manager._core.close();
    engine?.emitReserved("error", error);
    this.#manager.emitReserved("error", error);
    for (const fn of openers) fn(error);
  }

  #tellAttemptError() {
    const error = this.#attemptError;
    this.#attemptError = undefined;
    if (error) this.#manager.emitReserved("reconnect_error", error);
  }

  #sessionClosed(reason, code) {
    const details = this.#details(reason, code);
    if (reason === "transport error") {
      this.#manager.engine.emitReserved("error", details);
      this.#manager.emitReserved("error", details);
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
      engine.emitReserved("close", reason, details);
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

  #upgraded() {
    const { engine } = this.#manager;
    Engine.priorWebsocketSuccess = true;
    engine.upgrading = false;
    engine.transport.name = "websocket";
    engine.transport.ws = this.#manager._links.upgraded();
    engine.transport.writable = true;
    engine.emitReserved("upgrade", engine.transport);
  }

  #upgradeFailed(code) {
    const failure = code === 1 ? this.#manager._links.failure : undefined;
    const cause = failure?.details ? "transport closed" : (failure?.error ?? this.#error(code, "socket closed"));
    // 11: it said something else than the answer to its probe.
    const error = new Error(code === 11 ? "probe error" : `probe error: ${cause}`);
    error.transport = "websocket";
    this.#manager.engine.emitReserved("upgradeError", error);
  }

  #event(socket, args, session, id) {
    if (this.#manager.hasListeners("packet")) this.#packet(2, socket, args, id);
    socket._onevent(args, session, id);
  }

  #acked(socket, ticket, args) {
    if (this.#manager.hasListeners("packet")) this.#packet(3, socket, args, this.#manager._reader.ack);
    socket._onack(ticket, args);
  }

  #packet(type, socket, data, id) {
    this.#manager.emitReserved("packet", { type, nsp: socket.nsp, data: [...data], ...(id >= 0 && { id }) });
  }

  #disconnected(socket, reason) {
    // With the session all of them are told at once, in `close`.
    if (reason.startsWith("io ")) socket._onleave(reason);
  }

  #connectError(socket, code) {
    const slot = this.#manager._core.slot();
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
      this.#manager._call((core) => {
        if (data === undefined) return this.follow(core.authenticate(index, question, -1, 0));
        const [slot, length] = this.#manager._links.auth(data);
        return this.follow(core.authenticate(index, question, slot, length));
      });
    });
  }
}

const CONNECT_ERRORS = {
  22: "timeout",
  23: "the namespace's name contains a comma",
  24: "no authentication data in time",
};
