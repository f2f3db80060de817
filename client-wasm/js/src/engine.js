import { Emitter } from "./emitter.js";
import { requestPath } from "./options.js";

/** What is known of the connection of one attempt, for applications that look below the manager. */
export class Engine extends Emitter {
  static protocol = 4;
  static priorWebsocketSuccess = false;

  #manager;

  constructor(manager, opts, where, transports) {
    super();
    const { secure, hostname, port, query } = where;
    this.#manager = manager;
    this.protocol = 4;
    this.opts = { ...opts, ...where, path: requestPath(opts) };
    this.secure = secure;
    this.hostname = hostname;
    this.port = String(port);
    this.binaryType = manager._binaryType;
    this.readyState = "opening";
    this.id = undefined;
    this.upgrading = false;
    this.transports = transports;
    this.transport = new Transport(transports[0], query);
  }

  /** Of several servers this one is tried. */
  _at({ protocol, hostname, port }) {
    this.secure = protocol.endsWith("s:");
    this.hostname = hostname;
    this.port = port || (this.secure ? "443" : "80");
  }

  /** What waits to be written. The core keeps it as packets, which are not engine messages yet. */
  get writeBuffer() {
    return [];
  }

  /** When the session ends unless a ping comes before, in Unix milliseconds. */
  get _pingTimeoutTime() {
    return this.#manager._pingDeadline();
  }

  set _pingTimeoutTime(time) {
    this.#manager._pingDeadline(time);
  }

  /** Sends a message of the application's own. `fn` is called when a transport has taken it. */
  write(data, _options, fn) {
    if (this.readyState === "opening") this.once("open", () => this.#manager._message(this, data));
    else this.#manager._message(this, data);
    if (fn) this.once("flush", fn);
    return this;
  }

  send(data, options, fn) {
    return this.write(data, options, fn);
  }

  close() {
    this.#manager._dropSession(this);
    return this;
  }

  /** `data` from elsewhere is handled as if the server had sent it. */
  emit(event, ...args) {
    if (event === "data") this.#manager._links.inject(args[0]);
    return super.emit(event, ...args);
  }
}

export class Transport extends Emitter {
  constructor(name, query) {
    super();
    this.name = name;
    this.query = { ...query };
    this.writable = false;
    this.readyState = "opening";
    /** The WebSocket, where it is one. */
    this.ws = undefined;
  }
}
