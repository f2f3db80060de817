// Defects of the published client in making, keeping and ending connections. See defects.mjs.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { scripted, until } from "../servers/puppet.mjs";
import { defect, unless } from "./defects.mjs";
import { sioServer } from "./server.mjs";

const WEBSOCKET = { transports: ["websocket"] };
const POLLING = { transports: ["polling"] };

/** An address where nobody listens. */
async function deserted() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** The socket's failures, each with the time at which it was told. */
function failures(socket, clock) {
  const seen = [];
  socket.on("connect_error", ({ message }) => seen.push({ after: clock.elapsed, message }));
  return seen;
}

/** How long the client waits before each of `count` attempts; `attempt` is what becomes of each connection. */
async function backoff(socket, clock, count, attempt = () => {}) {
  const delays = [];
  let [failed, attempts] = [0, 0];
  let since = 0;
  const failure = () => {
    failed += 1;
    since = clock.elapsed;
  };
  socket.on("connect_error", failure);
  socket.io.on("close", failure);
  socket.io.on("reconnect_attempt", () => {
    attempts += 1;
    delays.push(clock.elapsed - since);
  });
  while (delays.length < count) {
    await attempt();
    await until(() => failed > delays.length && clock.pending.length > 0, "a failure");
    for (const before = attempts; attempts === before; ) await clock.step();
  }
  return delays;
}

defect(
  1,
  "after a thousand attempts the backoff is 0, and at its cap it has no jitter",
  async ({ connect, clock }) => {
    const url = await deserted();
    const time = clock({ hold: true });
    const socket = connect(url, { ...WEBSOCKET, timeout: false });
    const delays = await backoff(socket, time, 1060);
    const capped = delays.slice(10, 1000);
    return {
      instant: delays.slice(1010).filter((delay) => delay === 0).length,
      different: new Set(capped).size,
      inRange: delays.slice(10).every((delay) => delay >= 2500 && delay <= 5000),
    };
  },
  {
    upstream({ instant, different }) {
      assert.ok(instant > 0, "attempts without a pause");
      assert.equal(different, 1);
    },
    ours({ instant, different, inRange }) {
      assert.equal(instant, 0);
      assert.ok(different > 500, `${different} different delays`);
      assert.ok(inRange);
    },
  },
);

defect(
  1,
  "a server that accepts and drops is retried at full speed for ever",
  async ({ t, connect, clock }) => {
    const server = await scripted(t);
    const time = clock();
    const socket = connect(server.url, { ...WEBSOCKET, timeout: false, randomizationFactor: 0 });
    return backoff(socket, time, 4, async () => {
      const wire = await server.websocket();
      await wire.packet("40");
      wire.ws.terminate();
    });
  },
  { upstream: [1000, 1000, 1000, 1000], ours: [1000, 2000, 4000, 5000] },
);

async function failure({ t, connect, clock }, options, act) {
  const server = await scripted(t);
  const time = clock();
  const socket = connect(server.url, { ...WEBSOCKET, reconnection: false, ...options });
  const seen = failures(socket, time);
  await act?.(server);
  await unless(server, () => seen.length);
  await time.advance(20_000);
  assert.equal(seen.length, 1);
  return seen[0];
}

const noticed = {
  upstream: { after: 20_000, message: "timeout" },
  ours({ after, message }) {
    assert.equal(after, 0);
    assert.notEqual(message, "timeout");
  },
};

defect(
  2,
  "a connection that closes before the handshake is noticed at the timeout only",
  (context) => failure(context, {}, async (server) => (await server.bareWebsocket()).close()),
  noticed,
);

defect(
  2,
  "a WebSocket that cannot be constructed is noticed at the timeout only",
  (context) => failure(context, { protocols: ["no token"] }),
  noticed,
);

defect(
  3,
  "a handshake that is no JSON is an uncaught exception",
  async (context) => {
    const thrown = context.uncaught();
    const seen = await failure(context, {}, async (server) => (await server.bareWebsocket()).send("0{bad"));
    return { thrown, ...seen };
  },
  {
    upstream({ thrown, after }) {
      assert.match(thrown[0], /^SyntaxError/);
      assert.equal(after, 20_000);
    },
    ours({ thrown, after }) {
      assert.deepEqual(thrown, []);
      assert.equal(after, 0);
    },
  },
);

defect(
  3,
  "a handshake without upgrades is an uncaught exception",
  async ({ t, connect, uncaught }) => {
    const server = await scripted(t);
    const thrown = uncaught();
    const socket = connect(server.url, WEBSOCKET);
    const wire = await server.websocket({ upgrades: undefined });
    await unless(server, () => wire.packets.length || thrown.length);
    if (thrown.length === 0) await wire.join("S");
    await unless(server, () => socket.connected);
    return { thrown: thrown.map((text) => text.split(":")[0]), connected: socket.connected };
  },
  { upstream: { thrown: ["TypeError"], connected: false }, ours: { thrown: [], connected: true } },
);

defect(
  4,
  "connect() while connecting sends another CONNECT",
  async ({ t, connect }) => {
    const server = await scripted(t);
    const socket = connect(server.url, WEBSOCKET);
    const wire = await server.websocket();
    await wire.packet("40");
    socket.connect();
    wire.send('40{"sid":"S"}');
    await until(() => socket.connected);
    socket.emit("last");
    await wire.packet("42");
    return wire.take();
  },
  { upstream: ["40", "40", '42["last"]'], ours: ["40", '42["last"]'] },
);

defect(
  4,
  "an auth function that answers after the transport changed sends another CONNECT",
  async ({ t, connect, clock }) => {
    const server = await scripted(t);
    const time = clock();
    const asked = [];
    const socket = connect(server.url, { ...WEBSOCKET, auth: (answer) => asked.push(answer) });
    const first = await server.websocket();
    await until(() => asked.length === 1, "the first question");
    let closed = false;
    socket.io.on("close", () => (closed = true));
    first.ws.terminate();
    await until(() => closed, "the end of the first connection");
    await time.advance(2000);
    const second = await server.websocket();
    await until(() => asked.length === 2, "the second question");
    asked[0]({ token: "old" });
    asked[1]({ token: "new" });
    await second.packet('40{"token":"new"}');
    return second.take();
  },
  { upstream: ['40{"token":"old"}', '40{"token":"new"}'], ours: ['40{"token":"new"}'] },
);

/** A real server whose /held lets nobody in until told: `{ server, held, joined }`. */
async function holding(t) {
  const server = await sioServer(t);
  const held = [];
  const namespace = server.io.of("/held").use((_socket, next) => held.push(next));
  const joined = new Promise((resolve) => namespace.on("connection", resolve));
  return { server, held, joined };
}

defect(
  5,
  "disconnect() before the answer to CONNECT leaves a ghost on the server",
  async ({ t, connect }) => {
    const { server, held, joined } = await holding(t);
    const main = connect(server.url, WEBSOCKET);
    const other = main.io.socket("/held");
    await until(() => held.length === 1 && main.connected, "the CONNECT");
    other.disconnect();
    held[0]();
    await joined;
    // The first answer shows that the client has seen the server's, the second that what it said to that has arrived.
    for (let i = 0; i < 3; i += 1) await main.emitWithAck("echo", i);
    return server.io.of("/held").sockets.size;
  },
  { upstream: 1, ours: 0 },
);

defect(
  5,
  "connect() after such a disconnect() makes the server close everything",
  async ({ t, connect }) => {
    const { server, held, joined } = await holding(t);
    const main = connect(server.url, { ...WEBSOCKET, reconnection: false });
    const other = main.io.socket("/held");
    let reason;
    main.on("disconnect", (why) => (reason = why));
    await until(() => held.length === 1 && main.connected, "the CONNECT");
    other.disconnect();
    held[0]();
    await joined;
    await main.emitWithAck("echo", 1);
    other.connect();
    await until(() => reason || held.length === 2, "what the server makes of it");
    held[1]?.();
    await until(() => reason || other.connected, "an end");
    return { reason, both: main.connected && other.connected };
  },
  { upstream: { reason: "transport close", both: false }, ours: { reason: undefined, both: true } },
);

defect(
  14,
  "reconnection(false) during the wait leaves a Manager that never opens again",
  async ({ t, connect, clock }) => {
    const server = await scripted(t);
    const time = clock();
    const socket = connect(server.url, WEBSOCKET);
    const wire = await server.websocket();
    await wire.join("S");
    await until(() => socket.connected);
    wire.ws.terminate();
    await until(() => socket.disconnected);
    socket.io.reconnection(false);
    await time.advance(10_000);
    socket.connect();
    await unless(server, () => server.wires.length > 1);
    await time.advance(3_600_000);
    await server.fence();
    return server.wires.length;
  },
  { upstream: 1, ours: 2 },
);

defect(
  16,
  "closing while opening abandons the request: the session lives on in the server",
  async ({ t, connect }) => {
    const server = await scripted(t);
    const socket = connect(server.url, POLLING);
    const request = await server.handshake();
    socket.disconnect();
    await unless(server, () => request.aborted);
    const { aborted } = request;
    request.answer(server.open("P1"));
    await server.fence();
    return { aborted, farewells: server.requests.filter(({ body }) => body === "1").length };
  },
  { upstream: { aborted: false, farewells: 0 }, ours: { aborted: true, farewells: 0 } },
);

defect(
  17,
  "a probe that got a wrong answer stays open",
  async ({ t, connect }) => {
    const server = await scripted(t, { upgrades: ["websocket"] });
    const socket = connect(server.url, { transports: ["polling", "websocket"] });
    const failed = new Promise((resolve) => socket.io.engine.on("upgradeError", resolve));
    await (await server.polling()).join("S");
    const probe = await server.bareWebsocket();
    await probe.packet("2probe");
    probe.send("6");
    const { message } = await failed;
    return { message, closed: Boolean(await unless(server, () => probe.closed)) };
  },
  {
    upstream: { message: "probe error", closed: false },
    ours({ message, closed }) {
      assert.match(message, /^probe error/);
      assert.equal(closed, true);
    },
  },
);

defect(
  19,
  "a relative URL in Node names the host “undefined”",
  ({ connect }) => {
    try {
      return { host: connect("/news", WEBSOCKET).io.engine.hostname };
    } catch (error) {
      return { error };
    }
  },
  {
    upstream: { host: "undefined" },
    ours: ({ error }) => assert.match(error?.message ?? "nothing was thrown", /\/news/),
  },
);

defect(
  20,
  "a CONNECT that is never answered is waited for without end",
  async ({ t, connect, clock }) => {
    const server = await scripted(t, { pingInterval: 1e9 });
    const time = clock();
    const socket = connect(server.url, { ...WEBSOCKET, reconnection: false });
    const seen = failures(socket, time);
    await (await server.websocket()).packet("40");
    await time.advance(3_600_000);
    return seen.map(({ after }) => after);
  },
  { upstream: [], ours: [20_000] },
);

defect(
  22,
  "during the upgrade nothing is sent until the server releases the GET",
  async ({ t, connect }) => {
    const server = await scripted(t, { upgrades: ["websocket"] });
    const socket = connect(server.url, { transports: ["polling", "websocket"] });
    const upgrading = new Promise((resolve) => socket.io.engine.on("upgrading", resolve));
    const poll = await server.polling();
    await poll.join("S");
    const probe = await server.bareWebsocket();
    await probe.packet("2probe");
    await poll.polled();
    await until(() => socket.connected);
    await poll.polled();
    probe.send("3probe");
    await upgrading;
    socket.emit("meanwhile");
    const early = Boolean(await unless(server, () => poll.packets.includes('42["meanwhile"]')));
    poll.send("6");
    await probe.packet("5");
    if (!early) await probe.packet("42");
    return early;
  },
  { upstream: false, ours: true },
);
