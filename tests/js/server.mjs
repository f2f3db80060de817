// Servers for the tests of the JavaScript face, in the process of the test, each on a free port and gone with it;
// and waits for events. Nothing here sleeps.
import { createServer as createHttp } from "node:http";
import { createServer as createTcp } from "node:net";
import { attach } from "engine.io";
import { Server } from "socket.io";
import { WebSocketServer } from "ws";
import { PATIENCE } from "../servers/wait.mjs";

export { PATIENCE, until, within } from "../servers/wait.mjs";

// A test may replace the global ones.
const { setTimeout: later, clearTimeout: cancel } = globalThis;

/** The arguments of the next `event`. */
export function once(emitter, event) {
  return new Promise((resolve, reject) => {
    const timer = later(() => {
      emitter.off(event, listener);
      reject(new Error(`no "${event}" within ${PATIENCE} ms`));
    }, PATIENCE);
    function listener(...args) {
      cancel(timer);
      resolve(args);
    }
    emitter.once(event, listener);
  });
}

/** Writes each of the emitter's `events` into `log`, as `name` or as what `describe(name, ...args)` makes of it. */
export function record(emitter, events, log = [], describe = (name) => name) {
  for (const event of events) emitter.on(event, (...args) => log.push(describe(event, ...args)));
  return log;
}

async function listen(t, server, close = () => {}) {
  await new Promise((resolve, reject) => server.on("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  let closed;
  const stop = () =>
    (closed ??= new Promise((resolve) => {
      server.close(resolve);
      close();
      server.closeAllConnections?.();
    }));
  t.after(stop);
  return { port, url: `http://127.0.0.1:${port}`, close: stop };
}

/** An empty page for scripts that need an origin. */
function blank(request, response) {
  if (request.url !== "/blank") return response.writeHead(404).end();
  response.writeHead(200, { "content-type": "text/html" });
  response.end("<!doctype html><title>blank</title><link rel=icon href=data:,>");
}

/**
 * A real Socket.IO server: `{ io, http, port, url, close }`. Options are those of `Server`, and
 *   plain(request, response)   answers requests that are not Socket.IO's (by default `/blank` is an empty page).
 *
 * Heartbeat 2 s, recovery on, each handshake delayed. Namespaces `/foo /timeout_socket /valid /asd /abc`, and `/no`,
 * which refuses everybody; the main one refuses who comes with `?fail`.
 */
export async function sioServer(t, { plain = blank, ...options } = {}) {
  const http = createHttp(plain);
  let open = true;
  const io = new Server(http, {
    pingInterval: 2000,
    connectionStateRecovery: {},
    cors: { origin: "*" },
    // So that a client's timeout of 0 ms is always earlier than the handshake. A session that began after the end would
    // outlive the test.
    allowRequest: (_request, decide) => later(() => decide(null, open), 10),
    ...options,
  });
  behave(io);
  const at = await listen(t, http, () => {
    open = false;
    io.close();
  });
  return { io, http, ...at };
}

const answerId = (socket) => socket.on("getId", (answer) => answer(socket.id));

function behave(io) {
  for (const name of ["/timeout_socket", "/valid", "/asd"]) io.of(name).on("connection", () => {});
  io.of("/foo").on("connection", answerId);
  io.of("/abc").on("connection", (socket) => socket.emit("handshake", socket.handshake));
  io.of("/no").use((_socket, next) => next(new Error("Auth failed (custom namespace)")));
  io.use((socket, next) => next(socket.request._query.fail ? new Error("Auth failed (main namespace)") : undefined));
  io.on("connection", behaveMain);
}

const texts = ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "🐕 — \u2028"];

/** What `getUtf8` sends. */
export { texts };

function behaveMain(socket) {
  answerId(socket);
  socket.on("hi", () => socket.emit("hi"));
  socket.on("echo", (value, answer) => answer(value));
  socket.on("getHandshake", (answer) => answer(socket.handshake));
  socket.on("ack", () => {
    socket.emit("ack", (a, b) => a === 5 && b.test && socket.emit("got it"));
  });

  socket.on("getAckDate", (_data, answer) => answer(new Date()));
  socket.on("getDate", () => socket.emit("takeDate", new Date()));
  socket.on("getDateObj", () => socket.emit("takeDateObj", { date: new Date() }));
  socket.on("getUtf8", () => texts.forEach((text) => socket.emit("takeUtf8", text)));
  socket.on("false", () => socket.emit("false", false));

  // Binary, both ways. Everything that arrives is also told back as text, so that order and bytes can be asserted.
  socket.on("doge", () => socket.emit("doge", Buffer.from("asdfasdf")));
  socket.on("getbin", () => socket.emit("takebin", Buffer.from("asdfasdf")));
  const told = [];
  socket.on("tell", (...args) => told.push(args.map(describe)));
  socket.on("told", (answer) => answer(told.splice(0)));
}

// Buffers by their bytes; the rest as it is.
function describe(value) {
  if (Buffer.isBuffer(value)) return `bytes ${value.toString("hex")}`;
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(describe);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, describe(inner)]));
}

/**
 * A real Engine.IO server on `/engine.io/`: `{ engine, http, port, url, close }`. Options are those of `attach`, and
 * `plain`.
 *
 * Heartbeat 500 ms, at most 100 bytes per message, `?deny` is refused. Says `hi`, then sends back what it gets, except
 * `give binary` (five bytes), `give utf8` (a text) and `sendHeaders` (the headers of the last POST).
 */
export async function eioServer(t, { plain = blank, ...options } = {}) {
  const http = createHttp(plain);
  const engine = attach(http, {
    pingInterval: 500,
    maxHttpBufferSize: 100,
    cors: { origin: "*" },
    allowRequest: (request, decide) => decide(null, !new URL(request.url, "http://host").searchParams.has("deny")),
    ...options,
  });
  engine.on("connection", (socket) => {
    socket.send("hi");
    socket.on("message", (data) => {
      if (data === "give binary") return socket.send(Int8Array.of(0, 1, 2, 3, 4));
      if (data === "give utf8") return socket.send("пойду спать всем спокойной ночи");
      if (data === "sendHeaders") return socket.send(JSON.stringify(socket.transport.dataReq?.headers));
      return socket.send(data);
    });
  });
  const at = await listen(t, http, () => engine.close());
  return { engine, http, ...at };
}

/**
 * An Engine.IO server that lies as the test wants, over WebSocket only: `{ port, url, http, sockets, close }`.
 * `session(ws, request)` is called for each connection after the handshake; `ws` is of the `ws` package, `ws.texts` is
 * what it got. `options.handshake` is merged into the open packet, or with `null` none is sent.
 */
export async function rawServer(t, session, { handshake = {} } = {}) {
  const http = createHttp(blank);
  const server = new WebSocketServer({ server: http });
  const sockets = [];
  server.on("connection", (ws, request) => {
    sockets.push(ws);
    ws.texts = [];
    ws.on("message", (data, binary) => ws.texts.push(binary ? data : data.toString()));
    ws.on("error", () => {});
    const sid = `raw${sockets.length}`;
    const open = { sid, upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1e6 };
    if (handshake) ws.send(`0${JSON.stringify({ ...open, ...handshake })}`);
    session(ws, request);
  });
  const at = await listen(t, http, () => sockets.forEach((ws) => ws.terminate()));
  return { http, sockets, ...at };
}

/** An address where every connection ends at once: `{ port, url, close }`. */
export async function refusingServer(t) {
  const server = createTcp((socket) => socket.on("error", () => {}).destroy());
  return listen(t, server);
}

/** An address that takes connections and never says anything: `{ port, url, close, sockets }`. */
export async function silentServer(t) {
  const sockets = [];
  const server = createTcp((socket) => {
    sockets.push(socket.on("error", () => {}));
    socket.resume();
  });
  const at = await listen(t, server, () => sockets.forEach((socket) => socket.destroy()));
  return { sockets, ...at };
}
