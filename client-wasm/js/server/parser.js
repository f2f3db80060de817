// The parser that the server is made with: the user's own, or socket.io's, whose decoder notes each event's ack id.
import { createRequire } from "node:module";
import { join } from "node:path";

/** Under this name the array of an event carries its packet's ack id. */
export const ACK_ID = Symbol("ack id");

// The same in every parser: socket.io makes its packets with them.
const EVENT = 2;
const ACK = 3;
const BINARY_EVENT = 5;

function note(packet) {
  const { type, id, data } = packet ?? {};
  if (id === undefined || (type !== EVENT && type !== BINARY_EVENT)) return;
  // Not seen by anybody who goes through the array.
  if (Array.isArray(data) && Object.isExtensible(data)) Object.defineProperty(data, ACK_ID, { value: id });
}

/** The same parser, with the note. `made()` is called for each decoder. */
export function noting(parser, made) {
  function Decoder(...args) {
    const decoder = new parser.Decoder(...args);
    // Before the server's own listener.
    decoder.on("decoded", note);
    made();
    return decoder;
  }
  return { ...parser, Encoder: parser.Encoder, Decoder };
}

/** socket.io's own parser: not ours to depend on, it must be that of the server that is installed. */
export function socketIoParser() {
  const places = [import.meta.url, process.argv[1], join(process.cwd(), "_")];
  for (const place of places.filter(Boolean)) {
    try {
      return createRequire(createRequire(place).resolve("socket.io"))("socket.io-parser");
    } catch {
      // Not seen from there.
    }
  }
  throw new Error('exactlyOnce: socket.io is not found; give its parser: { parser: require("socket.io-parser") }');
}

const isText = (frame) => typeof frame === "string";

function bytes(frame) {
  if (frame instanceof ArrayBuffer) return Buffer.from(frame);
  if (ArrayBuffer.isView(frame)) return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  throw new TypeError(`exactlyOnce: ${frame?.constructor?.name ?? typeof frame} cannot be kept in an acknowledgement`);
}

/** Packets as a server of this parser writes them: lists of texts and buffers. */
export class Encoding {
  #encoder;

  constructor(parser) {
    this.#encoder = new parser.Encoder();
  }

  #encode(packet) {
    const frames = this.#encoder.encode(packet);
    return Array.isArray(frames) ? frames : [frames];
  }

  /** The packet of an acknowledgement. The bytes are copies: a handler may use its buffers again. */
  ack(nsp, id, data) {
    return this.#encode({ type: ACK, nsp, id, data }).map((frame) => (isText(frame) ? frame : Buffer.from(bytes(frame))));
  }

  /** An event's name and arguments. */
  event(data) {
    return this.#encode({ type: EVENT, nsp: "/", data }).map((frame) => (isText(frame) ? frame : bytes(frame)));
  }
}

/** How many bytes frames have. */
export const sizeOf = (frames) => frames.reduce((sum, frame) => sum + Buffer.byteLength(frame), 0);
