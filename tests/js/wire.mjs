// What a server of server.mjs sees of its clients: requests with their bodies, messages, and the frames under them.

/**
 * Watches from now on. `requests`: `{ method, url, transport, headers, body }` in order of arrival, WebSocket handshakes
 * included; `url` is a URL. `messages`: what came over WebSockets that were opened or probed, text as strings.
 * `frames`: `{ opcode, compressed, length }` of the same connections.
 */
export function watch({ http, io, engine = io.engine }) {
  const requests = [];
  const messages = [];
  const frames = [];

  function add(request) {
    const url = new URL(request.url, "http://server");
    const { method, headers } = request;
    const seen = { method, url, transport: url.searchParams.get("transport"), headers, body: "" };
    requests.push(seen);
    return seen;
  }

  http.prependListener("request", (request) => {
    const seen = add(request);
    // Not with a listener: the body would flow before the server is ready for it.
    const emit = request.emit;
    request.emit = (event, ...args) => {
      if (event === "data") seen.body += args[0];
      return emit.call(request, event, ...args);
    };
  });
  http.prependListener("upgrade", (request, tcp) => {
    add(request);
    tcp.on("data", frameReader(frames));
  });

  function listen(transport) {
    if (transport.name !== "websocket") return;
    transport.socket.on("message", (data, binary) => messages.push(binary ? data : data.toString()));
  }
  engine.on("connection", (session) => {
    listen(session.transport);
    session.on("upgrading", listen);
  });

  return { requests, messages, frames };
}

/** Splits a client's bytes into frames (RFC 6455, section 5.2). */
function frameReader(frames) {
  let bytes = Buffer.alloc(0);
  return (part) => {
    bytes = Buffer.concat([bytes, part]);
    for (;;) {
      const size = bytes.length > 1 ? bytes[1] & 0x7f : 0;
      const header = { 126: 4, 127: 10 }[size] ?? 2;
      if (bytes.length < header) return;
      const length = { 126: () => bytes.readUInt16BE(2), 127: () => Number(bytes.readBigUInt64BE(2)) }[size]?.() ?? size;
      // A client masks: four more bytes.
      const end = header + 4 + length;
      if (bytes.length < end) return;
      frames.push({ opcode: bytes[0] & 0x0f, compressed: (bytes[0] & 0x40) !== 0, length });
      bytes = bytes.subarray(end);
    }
  };
}

/** Keeps WebSocket handshakes waiting until the returned function is called. */
export function holdUpgrades({ http }) {
  const held = [];
  const { emit } = http;
  http.emit = (event, ...args) => {
    if (event !== "upgrade") return emit.call(http, event, ...args);
    held.push(args);
    return true;
  };
  return () => {
    http.emit = emit;
    for (const args of held) http.emit("upgrade", ...args);
  };
}

/** The packets of a polling body. */
export const packets = (body) => body.split("\x1e");
