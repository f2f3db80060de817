// A client's side of one connection, by hand: HTTP requests and WebSocket frames as bytes.
import { connect } from "node:net";

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;

/** A masked frame (RFC 6455, section 5.2). The mask is zero: so the bytes stay what they are. */
export function frame(opcode, payload) {
  const size = payload.length;
  const length = size < 126 ? [0x80 | size] : [0x80 | 126, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), payload]);
}

/** The body of a response that ended with its connection. */
function bodyOf(head, body) {
  if (!/^transfer-encoding: *chunked/im.test(head)) return body;
  const parts = [];
  for (let at = 0; ; ) {
    const end = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.toString("latin1", at, end), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

/** `tell(line)` is called for what the server says. */
export class Link {
  #tcp;
  #tell;
  #isSocket = false;
  #bytes = Buffer.alloc(0);
  #left = false;
  #closed = false;

  constructor(port, tell) {
    this.#tell = tell;
    this.#tcp = connect(port, "127.0.0.1").setNoDelay();
    this.#tcp.on("data", (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      if (this.#isSocket) this.#read();
    });
    this.#tcp.on("end", () => this.#end());
    this.#tcp.on("error", () => {});
    this.ready = new Promise((resolve) => this.#tcp.once("connect", resolve));
  }

  /** Its port, and what it has read and written. */
  get traffic() {
    const { localPort, bytesRead, bytesWritten, destroyed } = this.#tcp;
    return destroyed ? undefined : [localPort, bytesRead, bytesWritten];
  }

  request(method, path, body = "") {
    const length = method === "POST" ? `content-type: text/plain;charset=UTF-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` : "";
    this.#tcp.write(`${method} ${path} HTTP/1.1\r\nhost: server\r\nconnection: close\r\n${length}\r\n${body}`);
  }

  /** Only the first so many bytes of the body are sent. */
  part(path, body, bytes) {
    this.#tcp.write(
      `POST ${path} HTTP/1.1\r\nhost: server\r\nconnection: close\r\ncontent-type: text/plain;charset=UTF-8\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n`,
    );
    this.#tcp.write(Buffer.from(body).subarray(0, bytes));
  }

  upgrade(path) {
    this.#isSocket = true;
    this.#tcp.write(
      `GET ${path} HTTP/1.1\r\nhost: server\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
        "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
  }

  text = (text) => this.#tcp.write(frame(TEXT, Buffer.from(text)));
  bytes = (bytes) => this.#tcp.write(frame(BINARY, bytes));

  /** The first so many bytes of a frame, and no more of it. */
  half = (text, bytes) => this.#tcp.write(frame(TEXT, Buffer.from(text)).subarray(0, bytes));

  close() {
    this.#left = true;
    this.#tcp.write(frame(CLOSE, Buffer.alloc(0)));
  }

  cut() {
    this.#left = true;
    this.#tcp.destroy();
  }

  /** A WebSocket's handshake, then its frames. */
  #read() {
    const status = this.#status();
    if (status !== undefined && status !== "101") return;
    for (;;) {
      const size = this.#bytes.length > 1 ? this.#bytes[1] : 0;
      const header = { 126: 4, 127: 10 }[size] ?? 2;
      if (this.#bytes.length < header) return;
      const length = { 126: () => this.#bytes.readUInt16BE(2), 127: () => Number(this.#bytes.readBigUInt64BE(2)) }[size]?.() ?? size;
      if (this.#bytes.length < header + length) return;
      this.#frame(this.#bytes[0], this.#bytes.subarray(header, header + length));
      this.#bytes = this.#bytes.subarray(header + length);
    }
  }

  #frame(first, payload) {
    if (first === (0x80 | TEXT)) return this.#tell(`TEXT ${payload}`);
    if (first === (0x80 | BINARY)) return this.#tell(`BYTES ${payload.toString("base64")}`);
    if (first !== (0x80 | CLOSE)) throw new Error(`a frame that begins with ${first}`);
    // The answer to the client's own is the protocol's, not the server's.
    this.#closed = true;
    if (!this.#left) this.#tell(payload.length ? `CLOSE ${payload.readUInt16BE(0)}` : "CLOSE");
  }

  /** Takes the handshake's answer off, once: its status. */
  #status() {
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (this.answered || end < 0) return this.answered ? "101" : undefined;
    const status = this.#bytes.toString("latin1", 9, 12);
    if (status === "101") {
      this.answered = true;
      this.#bytes = this.#bytes.subarray(end + 4);
      this.#tell("101");
    }
    return status;
  }

  #end() {
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (!this.answered && end >= 0) {
      const body = bodyOf(this.#bytes.toString("latin1", 0, end), this.#bytes.subarray(end + 4));
      return this.#tell(`${this.#bytes.toString("latin1", 9, 12)} ${body}`.trimEnd());
    }
    if (!this.#left && !this.#closed) this.#tell("END");
  }
}
