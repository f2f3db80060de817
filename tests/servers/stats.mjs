// What the server saw: filled by `watch`, read by `GET /__stats`, the event "stats" and the control line "stats".
import { toJson } from "./json.mjs";

// Lists stop growing here, counters go on: a flood must not make the answer huge.
const LIST_MAX = 20_000;

const transport = () => ({ bytes_in: 0, bytes_out: 0, packets_in: 0, packets_out: 0 });

export function createStats() {
  return {
    pid: process.pid,
    requests: { total: 0, upgrades: 0, list: [] },
    // Counted by Engine.IO packet, on the transport that carried it. Probes are not counted.
    polling: transport(),
    websocket: transport(),
    pings: 0,
    pongs: 0,
    engine: { opened: 0, open: 0, upgraded: 0, closed: [] },
    connections: [],
    disconnects: [],
    events: { total: 0, counts: {}, list: [] },
  };
}

export function push(list, item) {
  if (list.length < LIST_MAX) list.push(item);
}

/** The number at a dotted path: `pongs`, `websocket.bytes_in`, `disconnects` (a list gives its length). */
export function numberAt(stats, path) {
  const value = path.split(".").reduce((at, key) => at?.[key], stats);
  return Array.isArray(value) ? value.length : Number(value ?? 0);
}

/** Counts requests. Must run after Engine.IO took over the server's listeners: it goes before them. */
export function watchRequests(server, stats) {
  const seen = (upgrade) => (request) => {
    if (request.url.startsWith("/__")) return;
    stats.requests.total += 1;
    if (upgrade) stats.requests.upgrades += 1;
    push(stats.requests.list, { method: request.method, url: request.url, upgrade, headers: request.headers });
  };
  server.prependListener("request", seen(false));
  server.prependListener("upgrade", seen(true));
}

const length = (packet) => 1 + (packet.data === undefined ? 0 : Buffer.byteLength(packet.data));

/** Counts packets, bytes, heartbeats and upgrades of each Engine.IO session. */
export function watchEngine(engine, stats) {
  engine.on("connection", (session) => {
    stats.engine.opened += 1;
    stats.engine.open += 1;
    session.on("packet", (packet) => {
      const on = stats[session.transport.name];
      on.packets_in += 1;
      on.bytes_in += length(packet);
      if (packet.type === "pong") stats.pongs += 1;
    });
    session.on("flush", (packets) => {
      const on = stats[session.transport.name];
      for (const packet of packets) {
        on.packets_out += 1;
        on.bytes_out += length(packet);
        if (packet.type === "ping") stats.pings += 1;
      }
    });
    session.on("upgrade", () => (stats.engine.upgraded += 1));
    session.on("close", (reason) => {
      stats.engine.open -= 1;
      push(stats.engine.closed, { id: session.id, reason });
    });
  });
}

/** Notes connects, disconnects and events of one namespace's socket. */
export function watchSocket(socket, stats) {
  const of = { namespace: socket.nsp.name, id: socket.id };
  push(stats.connections, {
    ...of,
    recovered: socket.recovered,
    auth: toJson(socket.handshake.auth),
    query: { ...socket.handshake.query },
    headers: { ...socket.handshake.headers },
    transport: socket.conn.transport.name,
  });
  socket.on("disconnect", (reason) => push(stats.disconnects, { ...of, reason }));
  socket.onAny((event, ...args) => {
    stats.events.total += 1;
    stats.events.counts[event] = (stats.events.counts[event] ?? 0) + 1;
    const ack = typeof args.at(-1) === "function";
    push(stats.events.list, { ...of, event, args: brief(ack ? args.slice(0, -1) : args), ack });
  });
}

// Large arguments are noted by their size only.
function brief(args) {
  const json = toJson(args);
  const size = JSON.stringify(json)?.length ?? 0;
  return size <= 4096 ? json : { $omitted: size };
}
