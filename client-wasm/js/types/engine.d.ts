import { Emitter } from "./emitter.js";
import type { CloseDetails, Transport, TransportCtor, TransportName } from "./transport.js";

export type EnginePacketType = "open" | "close" | "ping" | "pong" | "message" | "upgrade" | "noop" | "error";
export type RawData = any;

/** A packet of the Engine.IO protocol. */
export interface EnginePacket {
  type: EnginePacketType;
  options?: { compress: boolean };
  data?: RawData;
}

/** What binary data arrives as. The default is `arraybuffer` in browsers, `nodebuffer` in Node. */
export type BinaryType = "nodebuffer" | "arraybuffer" | "blob";

/** Options of the connection. All are read again at each attempt to connect. */
export interface EngineOptions {
  /** The host, where no URL says it. Another name of `hostname`. */
  host?: string;
  /** The host, where no URL says it. Default: the page's, in Node `localhost`. */
  hostname?: string;
  /** Whether TLS is used, where no URL says it. Default: as the page. */
  secure?: boolean;
  /** The port, where no URL says it. Default: the page's; 443 with TLS, 80 without. */
  port?: string | number;
  /** Parameters that are added to the URL of every request. Default: those of the URL. */
  query?: { [key: string]: any };
  /**
   * Node: an `http.Agent` or `https.Agent` for all requests. Default `false`: connections are kept alive for this
   * client alone.
   */
  agent?: any;
  /** Whether a polling connection is upgraded to what the server offers. Default `true`. */
  upgrade?: boolean;
  /** Whether binary data travels as base64 text. Default `false`. */
  forceBase64?: boolean;
  /** The name of the parameter that keeps caches off. Default `t`. */
  timestampParam?: string;
  /** Whether that parameter is sent. Default: with polling, not with WebSocket. */
  timestampRequests?: boolean;
  /**
   * The transports, by name or class. The first one opens the connection. Default
   * `["polling", "websocket", "webtransport"]`.
   */
  transports?: TransportName[] | TransportCtor[];
  /** Instead of `transports`, by class. Giving both throws. */
  transportImplementations?: TransportCtor[];
  /** Whether the next transport is tried where one fails to open. Default `false`. */
  tryAllTransports?: boolean;
  /** Whether to begin with WebSocket, if it worked before in this process. Default `false`. */
  rememberUpgrade?: boolean;
  /** How long a request of the polling transport may take, in ms. Default `0`: for ever. */
  requestTimeout?: number;
  /** Options for one transport, by its name: they go before the others. */
  transportOptions?: Object;
  /** Node, TLS: certificate and key as PFX or PKCS12 (text, `Buffer` or a list). */
  pfx?: any;
  /** Node, TLS: the private key in PEM format (text, `Buffer` or a list). */
  key?: any;
  /** Node, TLS: the passphrase of `key` or `pfx`. */
  passphrase?: string;
  /** Node, TLS: the certificate in PEM format (text, `Buffer` or a list). */
  cert?: any;
  /** Node, TLS: certificates of authorities that are trusted instead of the usual ones (text, `Buffer` or a list). */
  ca?: any;
  /** Node, TLS: the ciphers, in OpenSSL's notation. */
  ciphers?: string;
  /** Node, TLS: whether the server's certificate is checked. Default `true`. */
  rejectUnauthorized?: boolean;
  /** Headers of all requests. Browsers send them with polling only. */
  extraHeaders?: { [header: string]: string };
  /**
   * Browsers: whether cookies are sent to other origins. Node: whether the cookies that the server sets with polling
   * are kept and sent back. Default `false`.
   */
  withCredentials?: boolean;
  /** Browsers: whether the connection is closed silently at `beforeunload`. Default `false`. */
  closeOnBeforeunload?: boolean;
  /** Whether timers are those of the time when the module was loaded, in spite of fake ones. Default `false`. */
  useNativeTimers?: boolean;
  /** Node: whether timers and connections let the process end. Default `false`. */
  autoUnref?: boolean;
  /**
   * Node: how WebSocket messages are compressed, as in the package `ws`; `false`: not at all. Default
   * `{ threshold: 1024 }`: from that many bytes on.
   */
  perMessageDeflate?: any;
  /** The path of the server. Default `/socket.io`. */
  path?: string;
  /** Whether the path ends with a slash on the wire. Default `true`. */
  addTrailingSlash?: boolean;
  /** Sub-protocols of the WebSocket. */
  protocols?: string | string[];
}

/** What a server says first. */
export interface HandshakeData {
  /** The id of the connection. */
  sid: string;
  /** Transports to which this one can be upgraded. */
  upgrades: string[];
  /** How often the server sends a ping, in ms. */
  pingInterval: number;
  /** How late a ping may be, in ms. */
  pingTimeout: number;
  /** The most that a POST may hold, in bytes. */
  maxPayload: number;
}

export interface WriteOptions {
  compress?: boolean;
}

export interface EngineReservedEvents {
  open: () => void;
  handshake: (data: HandshakeData) => void;
  packet: (packet: EnginePacket) => void;
  packetCreate: (packet: EnginePacket) => void;
  data: (data: RawData) => void;
  message: (data: RawData) => void;
  drain: () => void;
  flush: () => void;
  heartbeat: () => void;
  ping: () => void;
  pong: () => void;
  error: (err: string | Error) => void;
  upgrading: (transport: Transport) => void;
  upgrade: (transport: Transport) => void;
  upgradeError: (err: Error) => void;
  close: (reason: string, description?: CloseDetails | Error) => void;
}

/** One connection. A Manager has a new one (`manager.engine`, `socket.io.engine`) at each attempt to connect. */
export class Engine extends Emitter<Record<never, never>, Record<never, never>, EngineReservedEvents> {
  /** The id of the connection; not that of a `Socket`. */
  id: string;
  transport: Transport;
  binaryType: BinaryType;
  readyState: "opening" | "open" | "closing" | "closed";
  /** What was not handed to the transport yet. */
  writeBuffer: EnginePacket[];
  readonly opts: EngineOptions;
  readonly transports: TransportName[];
  readonly hostname: string;
  readonly port: string | number;
  readonly secure: boolean;
  /** The revision of the Engine.IO protocol that is spoken: 4. */
  readonly protocol: number;
  /** Whether the session is moving to another transport. */
  readonly upgrading: boolean;
  /** Whether a WebSocket worked, for the option `rememberUpgrade`. */
  static priorWebsocketSuccess: boolean;
  /** As that of an instance. */
  static protocol: number;
  /** Sends a message; `fn` is called when it was handed to the transport. */
  write(msg: RawData, options?: WriteOptions, fn?: () => void): this;
  /** Another name of `write`. */
  send(msg: RawData, options?: WriteOptions, fn?: () => void): this;
  /** Closes the connection. The Manager makes a new one, unless `reconnection` is off. */
  close(): this;
}
