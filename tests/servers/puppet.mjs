// A server that does what the test says, packet by packet, over polling and WebSocket. It knows the framing of
// Engine.IO and nothing else; what is not asked for is not answered.
import http from "node:http";
import { WebSocketServer } from "ws";
import { until } from "./wait.mjs";

export { until };

// A test may replace the global ones.
const { setImmediate: soon } = globalThis;

const text = (packet) => typeof packet === "string";

/** What both kinds of session have: `packets`, in order of arrival; binary ones are Buffers. */
class Session {
  packets = [];
  closed = false;

  /** The first packet that is `wanted`: its beginning, or a function. */
  packet(wanted) {
    const fits = text(wanted) ? (packet) => text(packet) && packet.startsWith(wanted) : wanted;
    return until(() => this.packets.find(fits), `a packet ${wanted}, got ${JSON.stringify(this.packets)}`);
  }

  /** The packets so far; they are forgotten. */
  take() {
    return this.packets.splice(0);
  }

  /** Takes the CONNECT of the main namespace, and answers it. */
  async join(sid, rest = {}) {
    const connect = await this.packet("40");
    this.packets.splice(this.packets.indexOf(connect), 1);
    this.send(`40${JSON.stringify({ sid, ...rest })}`);
    return connect;
  }
}

/** One WebSocket. */
class Wire extends Session {
  constructor(ws, request) {
    super();
    this.ws = ws;
    this.request = request;
    ws.on("message", (data, binary) => this.packets.push(binary ? data : data.toString()));
    ws.on("close", () => (this.closed = true));
    ws.on("error", () => {});
  }

  send(...packets) {
    for (const packet of packets) this.ws.send(packet);
  }

  /** A farewell that has been answered, or found unnecessary. */
  async close() {
    this.ws.close();
    await until(() => this.closed, "the WebSocket's end");
  }
}

/** One polling session: the GET that waits, and what was posted. */
class Poll extends Session {
  /** Whether POSTs are left without an answer. */
  holding = false;
  /** The bodies of the POSTs. */
  bodies = [];
  #get;
  #outbox = [];

  carried(request) {
    if (request.method === "GET") {
      this.#get = request;
      this.#flush();
      return;
    }
    this.bodies.push(request.body);
    this.packets.push(...request.body.split("\x1e"));
    if (!this.holding) request.answer("ok");
  }

  /** In one body, with the GET that waits or comes. */
  send(...packets) {
    this.#outbox.push(packets.join("\x1e"));
    this.#flush();
  }

  /** Waits until a GET is there. */
  polled() {
    return until(() => this.#get, "a GET");
  }

  #flush() {
    if (!this.#get || this.#outbox.length === 0) return;
    const get = this.#get;
    this.#get = undefined;
    get.answer(this.#outbox.shift());
  }
}

class Server {
  /** Every request that was not for a WebSocket: `{ method, query, headers, body, aborted, answer }`. */
  requests = [];
  /** Every WebSocket. */
  wires = [];
  #handshake;
  #claimed = 0;
  #polls = new Map();
  #seen = new Set();

  constructor(handshake) {
    this.#handshake = handshake;
    this.http = http.createServer((request, response) => this.#request(request, response));
    const sockets = new WebSocketServer({ server: this.http });
    sockets.on("connection", (ws, request) => this.wires.push(new Wire(ws, request)));
  }

  /** How many TCP connections have carried requests. */
  get connections() {
    return this.#seen.size;
  }

  /** The open packet. */
  open(sid, rest = {}) {
    const usual = { sid, upgrades: [], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_000_000 };
    return `0${JSON.stringify({ ...usual, ...this.#handshake, ...rest })}`;
  }

  /** The next WebSocket, as it is. */
  async bareWebsocket() {
    const at = this.#claimed++;
    return until(() => this.wires[at], `WebSocket ${at + 1}`);
  }

  /** The next WebSocket, after the open packet. */
  async websocket(rest) {
    const wire = await this.bareWebsocket();
    wire.send(this.open(`E${this.#claimed}`, rest));
    return wire;
  }

  /** The next request without a session. */
  handshake() {
    return until(() => {
      const found = this.requests.find((request) => request.query.sid === undefined && !request.claimed);
      if (found) found.claimed = true;
      return found;
    }, "a handshake");
  }

  /** The next polling session, after the open packet, which is answered with these headers. */
  async polling(rest = {}, headers = {}) {
    const request = await this.handshake();
    const sid = `P${this.#polls.size + 1}`;
    const poll = new Poll();
    this.#polls.set(sid, poll);
    request.answer(this.open(sid, rest), 200, headers);
    return poll;
  }

  /**
   * Returns when everything that this process has sent or closed has reached it, both ways: a few requests of ours have
   * gone round since. For what must not happen.
   */
  async fence() {
    for (let i = 0; i < 3; i += 1) {
      await new Promise((resolve, reject) => {
        const request = http.get({ port: this.port, host: "127.0.0.1", path: "/__fence", agent: false });
        request.on("error", reject);
        request.on("response", (response) => response.resume().on("end", resolve));
      });
      await new Promise((resolve) => soon(resolve));
    }
  }

  async #request(request, response) {
    if (request.url === "/__fence") return response.end();
    const query = Object.fromEntries(new URL(request.url, "http://host").searchParams);
    const { method, headers } = request;
    const seen = { method, query, headers, url: request.url, body: "", aborted: false };
    seen.answer = (body = "", status = 200, extra = {}) =>
      response.writeHead(status, { "content-type": "text/plain; charset=UTF-8", ...extra }).end(body);
    this.#seen.add(request.socket);
    response.on("close", () => (seen.aborted = !response.writableFinished));
    request.on("error", () => {});
    for await (const chunk of request.setEncoding("utf8")) seen.body += chunk;
    this.requests.push(seen);
    this.#polls.get(query.sid)?.carried(seen);
  }
}

/** `handshake` is merged into every open packet. */
export async function scripted(t, handshake = {}) {
  const server = new Server(handshake);
  await new Promise((resolve) => server.http.listen(0, "127.0.0.1", resolve));
  server.port = server.http.address().port;
  server.url = `http://127.0.0.1:${server.port}`;
  t.after(() => {
    for (const wire of server.wires) wire.ws.terminate();
    server.http.closeAllConnections();
    return new Promise((resolve) => server.http.close(resolve));
  });
  return server;
}
