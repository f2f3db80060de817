// The server of the browser matrix: real socket.io in the test's own process, which keeps an account of every run.
//
// A client names its run in the query (`?run=…`): its connections are told apart by that.
// What the server does on each event is one line each in `behave`.
import { createServer } from "node:http";
import { Server } from "socket.io";

/** How long a run's connections may take to close. Generous: the machine may be busy. */
const PATIENCE = 20_000;

/** Where connection state recovery is on. Elsewhere a new connection is a new session. */
const RECOVERY = "/recovery/";

class Account {
  sessions = [];
  sockets = [];
  events = [];
  polls = 0;
  upgrades = 0;
  userAgents = new Set();
  // Acks that are withheld, and how often each order came.
  kept = new Map();
  orders = new Map();
  #waiting = [];

  /** What the server saw, as plain values. */
  view() {
    const sessions = this.sessions.map(({ names, open }) => names.join(" to ") + (open ? " (open)" : ""));
    const { sockets, events, polls, upgrades } = this;
    const userAgents = [...this.userAgents];
    return { connections: sessions.length, sessions, sockets, events, polls, upgrades, userAgents };
  }

  /** Resolves once no session of the run is open. */
  ended() {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error(`connections left open: ${JSON.stringify(this.view().sessions)}`));
      const timer = setTimeout(fail, PATIENCE);
      this.#waiting.push(() => (clearTimeout(timer), resolve()));
      this.#look();
    });
  }

  /** `kind`: `polls` or `upgrades`. */
  request(request, kind) {
    this[kind] += 1;
    this.userAgents.add(request.headers["user-agent"]);
  }

  session(session) {
    const entry = { names: [session.transport.name], open: true };
    this.sessions.push(entry);
    session.on("upgrade", (transport) => entry.names.push(transport.name));
    session.on("close", () => {
      entry.open = false;
      this.#look();
    });
  }

  note(socket, event, args) {
    this.events.push([`${socket.nsp.name} ${event}`, ...args.map(brief)].join(" "));
  }

  #look() {
    if (this.sessions.some(({ open }) => open)) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A value on one line; bytes by their number, their sum and, where they are few, themselves. */
function brief(value) {
  return JSON.stringify(plain(value));
}

function plain(value) {
  if (value instanceof Uint8Array) return describeBytes(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function describeBytes(bytes) {
  if (bytes.length <= 8) return `bytes ${Buffer.from(bytes).toString("hex")}`;
  return `${bytes.length} bytes, sum ${bytes.reduce((sum, byte) => sum + byte, 0)}`;
}

/** The transport breaks without a word. */
function cut(socket) {
  const { transport } = socket.conn;
  if (transport.name === "websocket") return transport.socket.terminate();
  // The client may be between two GETs, and what was waiting for the next one is its answer: then the one after that.
  if (transport.req) transport.req.socket.destroy();
  else transport.once("ready", () => cut(socket));
}

function behave(socket, account) {
  const on = (event, listener) => socket.on(event, listener);

  on("who", (answer) =>
    answer({
      id: socket.id,
      namespace: socket.nsp.name,
      token: socket.handshake.auth.token ?? null,
      transport: socket.conn.transport.name,
    }),
  );
  on("add", (a, b, answer) => answer(a + b));
  on("pair", (a, b, answer) => answer(b, a));
  on("echo", (...args) => socket.emit("echo", ...args));
  on("ask", (text, answer) =>
    socket.emit("question", text, (...said) => {
      account.note(socket, "answered", said);
      answer(...said);
    }),
  );

  // Acks that are withheld until they are released.
  on("keep", (n, answer) => account.kept.set(n, answer));
  on("release", (n, answer) => {
    account.kept.get(n)?.(n);
    answer();
  });

  // Bytes come back as an event and in the ack; the account says what they were here.
  on("binary", (value, answer) => {
    socket.emit("binary", value);
    answer(value);
  });

  on("cut", () => cut(socket));

  // The first transmission meets a fate; how many there were is in the answer.
  on("order", (n, fate, answer) => {
    const times = (account.orders.get(n) ?? 0) + 1;
    account.orders.set(n, times);
    if (fate === "never" || (fate === "withhold" && times === 1)) return;
    if (fate === "cut" && times === 1) return cut(socket);
    answer(n, times);
  });

  // What happens while the client is away is there for it when it is back.
  on("news", (n) => socket.emit("news", n));
  on("leave me", () => {
    const { nsp, id } = socket;
    socket.once("disconnect", () => [2, 3].forEach((n) => nsp.to(id).emit("news", n)));
    cut(socket);
  });
}

function guard(socket, next) {
  if (socket.handshake.auth.token === "good") return next();
  next(Object.assign(new Error("not authorized"), { data: { code: "denied" } }));
}

function attach(http, accountOf, options) {
  const io = new Server(http, {
    // Pages come from another origin.
    cors: { origin: "*" },
    serveClient: false,
    destroyUpgrade: false,
    ...options,
  });
  io.engine.on("connection", (session) => accountOf(session.request).session(session));
  for (const name of ["/", "/admin", "/secret"]) {
    const namespace = io.of(name);
    if (name === "/secret") namespace.use(guard);
    namespace.on("connection", (socket) => {
      const account = accountOf(socket.request);
      account.sockets.push(socket.recovered ? `${name} recovered` : name);
      socket.onAny((event, ...args) => {
        account.note(socket, event, typeof args.at(-1) === "function" ? args.slice(0, -1) : args);
      });
      behave(socket, account);
      socket.emit("welcome", name);
    });
  }
  return io;
}

/** `{ url, account(run), close() }`, on a free port. */
export async function startControl() {
  const accounts = new Map();
  const account = (run) => {
    if (!accounts.has(run)) accounts.set(run, new Account());
    return accounts.get(run);
  };
  const accountOf = (request) => account(new URL(request.url, "http://x").searchParams.get("run"));

  const http = createServer((_request, response) => response.writeHead(404).end());
  const servers = [
    attach(http, accountOf, {}),
    attach(http, accountOf, { path: RECOVERY, connectionStateRecovery: {} }),
  ];
  // Engine.IO took over the server's listeners: ours go before them.
  for (const [event, kind] of Object.entries({ request: "polls", upgrade: "upgrades" })) {
    http.prependListener(event, (request) => accountOf(request).request(request, kind));
  }
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    account,
    async close() {
      await Promise.all(servers.map((io) => io.close()));
      http.closeAllConnections();
    },
  };
}
