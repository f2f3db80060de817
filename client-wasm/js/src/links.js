import {
  credentials,
  fromBase64,
  isCompressed,
  json,
  outgoing,
  put,
  release,
  setUncompressed,
  take,
  value,
} from "../slots.js";
import { ACT, HEAR, SAY } from "./calls.js";
import { guarded, rethrow } from "./emitter.js";
import { TransportError } from "./errors.js";
import { refusal, tooLong } from "./fetch.js";
import { listeners } from "./heard.js";
import { implementation } from "./options.js";
import { Parser } from "./parser.js";
import { bytesOf, sizeOf, toBase64 } from "./transport/binary.js";
import { jarFor } from "./transport/cookies.js";
import { request } from "./transport/polling.js";
import { TELLS_UNSENT, openWebSocket } from "./transport/websocket.js";
import { parseQuery, queryText } from "./url.js";

/** Bytes of one message or answer, unless `maxPayload` says otherwise. The core has the same limit for the attachments of one packet. */
const LIMIT = 100 * 1024 * 1024;
/** Packets of one polling body. */
const PACKETS = 100_000;

/** The transports of a manager: what the core writes, and what they hear. */
export class Links {
  /** What the transport said when it ended. */
  failure;
  /** The application's, of this attempt, as it stands in front of the core's. */
  query = "";
  /** What the application's decoder threw, which ended the session. */
  thrown;
  /** Whether the application waits for what is encoded meanwhile, and `{ error }` if its encoder threw. */
  encoding = false;
  unencodable;

  #manager;
  #parser;
  /** Transports by their number. */
  #links = new Map();
  /** The number of the one that carries the session. */
  #current = 0;
  /** What goes before payloads, by number. */
  #heads = [];
  /** Messages for the next POST. */
  #body = [];
  /** The transport whose message the application's decoder reads. */
  #parsing = 0;

  constructor(manager) {
    this.#manager = manager;
    if (manager.opts.parser) this.#parser = this.#newParser();
  }

  /** Another attempt begins. */
  begin() {
    this.failure = this.thrown = undefined;
    this.#current = 0;
  }

  /** The session has ended. */
  reset() {
    this.#parser?.destroy();
  }

  /** The WebSocket's object, where there is one. */
  get webSocket() {
    return [...this.#links.values()].find(({ ws }) => ws)?.ws.raw;
  }

  /** The session has moved to the WebSocket: what its transport object is to show. */
  upgraded() {
    for (const [id, link] of this.#links) if (link.ws) this.#current = id;
    const { ws, busy } = this.#links.get(this.#current) ?? {};
    return { ws: ws?.raw, writable: !busy };
  }

  /** Whether a WebSocket was handed something in this turn of the event loop. */
  isBusy() {
    for (const link of this.#links.values()) if (link.busy) return true;
    return false;
  }

  /** Received bytes as the type that the application wants. */
  bytes(data) {
    return bytesOf(data, this.#manager.engine.binaryType);
  }

  sendMessage(core, data) {
    return typeof data === "string" ? core.say(SAY.MESSAGE, `4${data}`) : core.act(ACT.MESSAGE, put(data), sizeOf(data));
  }

  /** The numbers of a payload and its attachments. Throws what has no form on the wire. */
  outgoing(args, compress) {
    const message = this.#parser ? [put(args), 0] : outgoing(args);
    if (!compress) message.forEach((slot, i) => i % 2 === 0 && setUncompressed(slot));
    return message;
  }

  /** The numbers of authentication data; none for what cannot be sent. */
  auth(data) {
    if (!this.#parser) return credentials(data);
    // A copy: when Rust adds to it, no getter of the application may run.
    return [put(typeof data === "object" && !Array.isArray(data) ? { ...data } : data), 0];
  }

  throwEncoder() {
    const { unencodable } = this;
    this.unencodable = undefined;
    if (unencodable) throw unencodable.error;
  }

  /** The page goes away: nothing is told. */
  silence() {
    for (const link of this.#links.values()) {
      close(link);
      link.silent = true;
      if (link.url) this.#sayGoodbye(link.url);
    }
    this.#manager.engine.transport.readyState = "closed";
  }

  /** Ends a polling session, also from a page that is gone by then. */
  #sayGoodbye(url) {
    const credentials = this.#manager.opts.withCredentials ? "include" : "same-origin";
    fetch(this.#address(url, "polling"), { method: "POST", body: "1", keepalive: true, credentials }).catch(() => {});
  }

  // --- What the core asks for -------------------------------------------------------------------------------------

  openWebSocket(id, url) {
    const link = {};
    this.#links.set(id, link);
    this.#opening(id, "websocket", url);
    const ended = (error, details, code) => {
      if (this.#links.get(id) !== link) return;
      this.failure = { error, details };
      // It stays as it was when the connection ended.
      const unsent = TELLS_UNSENT ? link.ws?.raw.bufferedAmount : 0;
      this.#ended(id, code, unsent);
    };
    const failed = (event) => ended(new TransportError("websocket error", event), undefined, -1);
    const options = this.#transportOptions("websocket");
    link.limit = limitOf(options);
    try {
      link.ws = openWebSocket(this.#address(url, "websocket"), options, {
        open: () => this.#manager._dispatch.run(this.#manager._core.hear(HEAR.OPENED, id)),
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
    if (this.#current === id) this.#manager.engine.transport.ws = link.ws?.raw;
  }

  get(id, url) {
    const link = this.#pollingLink(id, url);
    if (link.silent) return;
    link.url = url;
    link.get = this.#request(id, url, undefined, (text) => {
      this.#readBody(text);
      return this.#manager._core.hear(HEAR.GOT, id);
    });
  }

  post(id, url) {
    const link = this.#pollingLink(id, url);
    const parts = this.#body.splice(0);
    if (link.silent) return undefined;
    const { transport } = this.#manager.engine;
    transport.writable = false;
    const posted = (link.posts = (link.posts ?? 0) + 1);
    const send = (texts) => {
      link.post = this.#request(id, url, texts.join("\x1e"), () => {
        // What the core says is read before anybody else may ask it something.
        this.#manager._dispatch.run(this.#manager._core.hear(HEAR.POSTED, id));
        // Not if the next one is under way already.
        if (link.posts === posted) this.#drained(transport);
        return 0;
      });
    };
    if (parts.every((part) => typeof part === "string")) return send(parts);
    // A Blob has to be read first.
    return Promise.all(parts).then(
      (texts) => this.#links.get(id) === link && send(texts),
      (error) => this.#unread(id, link, "xhr post error", error),
    );
  }

  /** A Blob cannot be read: nothing can be sent behind it. */
  #unread(id, link, message, error) {
    if (this.#links.get(id) !== link) return;
    this.failure = { error: new TransportError(message, error) };
    this.#ended(id, -1);
  }

  #ended(id, code, unsent) {
    // Firefox ends connections before it tells a page that it goes.
    this.#manager._store?.write();
    this.#manager._dispatch.run(this.#manager._core.hear(HEAR.ENDED, id, code, unsent));
  }

  #pollingLink(id, url) {
    let link = this.#links.get(id);
    if (!link) {
      this.#links.set(id, (link = {}));
      this.#opening(id, "polling", url);
    }
    return link;
  }

  /** The first transport of an attempt, or the next one that is tried; not a probe, nor the end of the session before. */
  #opening(id, name, url) {
    if (url.includes("&sid=")) return;
    if (this.#manager._readyState !== "opening" || this.#links.has(this.#current)) return;
    this.#current = id;
    this.#manager.engine.transport.name = name;
    if (this.#manager.opts.urls) this.#manager.engine._at(new URL(url));
  }

  #request(id, url, body, done) {
    const opts = this.#transportOptions("polling");
    const [get, post] = opts.fetch ? ["fetch read", "fetch write"] : ["xhr poll", "xhr post"];
    return request(this.#address(url, "polling"), body, opts, limitOf(opts), (status, answer, context) => {
      if (!this.#links.has(id)) return;
      if (status === 200) return this.#manager._dispatch.run(done(answer));
      const description = status === 0 ? (context?.error ?? 0) : status;
      this.failure = { error: new TransportError(`${body === undefined ? get : post} error`, description, context) };
      this.#ended(id, refusal(status, answer, context));
    });
  }

  /** With the application's query in front, and behind what `transportOptions` adds for one transport. */
  #address(url, name) {
    const extra = this.#manager.opts.transportOptions?.[name]?.query ?? {};
    const added = queryText(typeof extra === "string" ? parseQuery(extra) : extra);
    const start = url.lastIndexOf("?") + 1;
    return url.slice(0, start) + this.query + url.slice(start) + (added && `&${added.slice(0, -1)}`);
  }

  #transportOptions(name) {
    const { opts } = this.#manager;
    return { ...opts, ...implementation(opts, name), pool: this, jar: jarFor(this, opts), ...opts.transportOptions?.[name] };
  }

  shut(id) {
    const link = this.#links.get(id);
    this.#links.delete(id);
    if (!link) return;
    // The core has handed over what still has to be read.
    if (link.late) link.late.then(() => close(link));
    else close(link);
  }

  head(kind, nsp, text) {
    this.#heads.push({ kind, nsp, text });
  }

  /** How many bytes the transport has not sent yet, as the others. */
  write(id, head, ack, slot, last) {
    const { kind, nsp, text } = this.#heads[head];
    const compress = slot < 0 || isCompressed(slot);
    if (this.#parser) {
      const unsent = this.#writeParsed(id, kind, nsp, ack, slot, compress);
      if (last) release(slot);
      return unsent;
    }
    const message = text + (ack < 0 ? "" : ack) + (slot < 0 ? "" : json(slot));
    if (last) release(slot);
    return this.#send(id, message, compress);
  }

  #writeParsed(id, kind, nsp, ack, slot, compress) {
    let frames;
    try {
      frames = [...this.#parser.encode(kind, nsp, ack, slot, { compress })];
    } catch (error) {
      if (this.encoding) this.unencodable = { error };
      else rethrow(error);
      return 0;
    }
    let unsent = 0;
    for (const frame of frames) {
      unsent = typeof frame === "string" ? this.#send(id, `4${frame}`, compress) : this.#sendBinary(id, frame, compress);
    }
    return unsent;
  }

  text(id, text) {
    return this.#send(id, text, true);
  }

  binary(id, slot, last) {
    const compress = isCompressed(slot);
    const data = last ? take(slot) : value(slot);
    return this.#sendBinary(id, data, compress);
  }

  #send(id, text, compress) {
    const unsent = id === 0 ? this.#collect(text) : this.#handOver(id, text, compress);
    // Behind it: what a listener emits goes out behind it, too.
    if (this.#manager.engine.hasListeners("packetCreate")) this.#announce(text, compress);
    return unsent;
  }

  /** For the next POST. */
  #collect(text) {
    this.#body.push(text);
    return 0;
  }

  /** Not before somebody listens: engines join the pieces of a text when it is first looked into. */
  #announce(text, compress) {
    if (text[0] === "4") this.#created("message", text.slice(1), compress, this.#parser || /^4[56]/.test(text));
    else if (text === "3") this.#created("pong", undefined, true);
  }

  #sendBinary(id, data, compress) {
    const unsent = this.#handOverBinary(id, data, compress);
    this.#created("message", data, compress, true);
    return unsent;
  }

  #handOverBinary(id, data, compress) {
    if (id !== 0 && !this.#manager.opts.forceBase64) return this.#handOver(id, data, compress);
    const base64 = toBase64(data);
    const text = typeof base64 === "string" ? `b${base64}` : base64.then((read) => `b${read}`);
    return id === 0 ? this.#collect(text) : this.#handOver(id, text, compress);
  }

  /** `part`: of a packet that may have others. A listener may emit, and they belong together. */
  #created(type, data, compress, part) {
    const { engine } = this.#manager;
    if (!engine.hasListeners("packetCreate")) return;
    const packet = data === undefined ? { type } : { type, data };
    const tell = () => guarded(() => engine.emitReserved("packetCreate", { ...packet, options: { compress } }));
    if (part) queueMicrotask(tell);
    else tell();
  }

  #handOver(id, data, compress) {
    const link = this.#links.get(id);
    if (!link?.ws || link.silent) return 0;
    if (link.late || data instanceof Promise) this.#sendLate(id, link, data, compress);
    else link.ws.send(data, compress);
    if (id === this.#current) this.#manager.engine.transport.writable = false;
    if (!link.busy) {
      link.busy = true;
      queueMicrotask(() => {
        link.busy = false;
        if (this.#links.get(this.#current) === link) this.#drained(this.#manager.engine.transport);
      });
    }
    return link.ws.raw?.bufferedAmount ?? 0;
  }

  /** After what has to be read before it was. */
  #sendLate(id, link, data, compress) {
    const late = Promise.all([data, link.late]).then(
      ([ready]) => {
        if (link.late === late) link.late = undefined;
        if (!link.silent) link.ws.send(ready, compress);
      },
      (error) => this.#unread(id, link, "websocket error", error),
    );
    link.late = late;
  }

  #drained(transport) {
    transport.writable = this.#manager.engine.transport === transport && this.#manager._readyState === "open";
    if (transport.writable) {
      guarded(() => this.#manager.engine.emitReserved("flush").emitReserved("drain"));
    }
  }

  // --- What transports hear ---------------------------------------------------------------------------------------

  #message(id, data) {
    const link = this.#links.get(id);
    if (sizeOf(data) > link?.limit) return this.#tooLong(id, link);
    // The answer to a probe is none of the session's packets.
    if (id === this.#current) listeners(this.#manager.engine)?.(data);
    if (typeof data !== "string") return this.#binary(id, data);
    if (this.#parser && data[0] === "4") return this.#parse(id, data.slice(1));
    this.#manager._dispatch.run(this.#manager._reader.read(data, id));
  }

  /** Browsers hand over what has any length. */
  #tooLong(id, link) {
    this.failure = { error: new TransportError("websocket error", tooLong(link.limit)) };
    close(link);
    this.#ended(id, -1);
  }

  #readBody(body) {
    const events = listeners(this.#manager.engine);
    if (!this.#parser) return this.#manager._reader.readBody(body, PACKETS, events);
    for (const text of body.split("\x1e", PACKETS + 1)) {
      events?.(text);
      if (text[0] === "4") this.#parse(0, text.slice(1));
      else if (text[0] === "b") this.#parse(0, this.bytes(fromBase64(text.slice(1))));
      else this.#manager._reader.read(text);
    }
  }

  /** A message from elsewhere than the transport. */
  inject(data) {
    const id = this.#current;
    if (typeof data !== "string") return this.#binary(id, data);
    if (this.#parser) return this.#parse(id, data);
    this.#manager._dispatch.run(this.#manager._reader.read(`4${data}`, id));
  }

  #binary(id, data) {
    const bytes = this.bytes(data);
    if (this.#parser) return this.#parse(id, bytes);
    this.#manager._dispatch.run(this.#manager._core.hear(HEAR.BINARY, id, put(bytes), sizeOf(data)));
  }

  /** The application's decoder tells its packets while it is called. */
  #parse(id, data) {
    this.#parsing = id;
    try {
      this.#parser.add(data);
    } catch (error) {
      this.thrown = error;
      this.#manager._dispatch.run(this.#manager._core.control(id, "4"));
    }
  }

  #newParser() {
    return new Parser(this.#manager.opts.parser, (type, nsp, ack, slot, shape) => {
      this.#manager._reader.ack = ack;
      this.#manager._reader.slot = slot;
      this.#manager._dispatch.run(this.#manager._core.parsed(this.#parsing, type, nsp, ack, slot, shape));
    });
  }

}

/** As `ws` has it, 0 is none. */
const limitOf = ({ maxPayload }) => (maxPayload ?? LIMIT) || Infinity;

function close(link) {
  link.ws?.close();
  link.get?.abort();
  link.post?.abort();
}
