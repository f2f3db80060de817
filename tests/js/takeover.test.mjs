// A connection that is gone for us and not for the server: it is told, before it is asked to resume the session.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, upstream } from "./client.mjs";
import { halfOpener } from "./half-open.mjs";
import { once, record, sioServer, until } from "./server.mjs";
import { watch } from "./wire.mjs";

const options = { skip: upstream && "it does not tell the server" };
const quick = { reconnectionDelay: 10, randomizationFactor: 0 };
const WS = { transports: ["websocket"], ...quick };

/** Connected through such a proxy, with an offset. */
async function joined(t, settings, wanted = {}) {
  // The first to be closed: the server waits for its connections.
  const proxy = await halfOpener(t);
  const server = await sioServer(t, { pingInterval: 25_000, ...wanted });
  proxy.port = server.port;
  const { requests, messages } = watch(server);
  const socket = connect(t, proxy.url, settings);
  socket.emit("hi");
  await once(socket, "hi");
  return { socket, requests, messages, ...server, cut: proxy.cut };
}

const sids = ({ requests }) => requests.filter(({ url }) => url.searchParams.has("sid"));

test("a WebSocket's place is taken, twice, and the application sees nothing of it", options, async (t) => {
  const server = await joined(t, WS);
  const { socket, io, cut } = server;
  const gaps = record(socket, ["gap"], [], (_, gap) => gap);
  const heard = [];
  socket.on("missed", (number) => heard.push(number));
  for (const round of [1, 2]) {
    const { id } = socket;
    const log = [];
    socket.io.once("reconnect_attempt", () => {
      const { engine } = socket.io;
      const events = ["open", "close", "error", "upgrading", "upgrade", "upgradeError", "packet", "packetCreate", "data"];
      record(engine, events, log, (name, packet) => (packet?.type ? `${name} ${packet.type}` : `${name} ${engine.transport.name}`));
    });
    const before = sids(server).length;
    cut();
    await once(socket, "disconnect");
    // Into the connection that is gone.
    io.emit("missed", round);
    await once(socket, "connect");
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    assert.equal(socket.lastGap, undefined);
    const [get, ws] = sids(server).slice(before);
    assert.deepEqual([get.method, get.transport, ws.transport], ["GET", "polling", "websocket"]);
    assert.equal(get.url.searchParams.get("sid"), ws.url.searchParams.get("sid"));
    assert.ok(log.includes("open websocket"));
    assert.ok(!log.some((name) => /upgrad|error|close|polling/.test(name)), log.join());
  }
  await until(() => heard.length === 2);
  assert.deepEqual(heard, [1, 2]);
  assert.deepEqual(gaps, []);
  io.emit("missed", 3);
  await until(() => heard.length === 3);
});

test("polling: the session is ended by a close packet", options, async (t) => {
  const server = await joined(t, { transports: ["polling"], ...quick });
  const { socket, io, cut } = server;
  const { id } = socket;
  const heard = record(socket, ["missed"], [], (_, number) => number);
  // The GET that waits ends; the server has lost a request, and ends the session by itself or is told.
  cut();
  await once(socket, "disconnect");
  io.emit("missed", 1);
  await once(socket, "connect");
  await until(() => heard.length === 1);
  assert.deepEqual([socket.recovered, socket.id], [true, id]);
});

test("a session that had moved to WebSocket: the first loss is claimed early, which is told", options, async (t) => {
  const server = await joined(t, quick);
  const { socket, cut } = server;
  await until(() => socket.io.engine.transport.name === "websocket");
  socket.emit("hi");
  await once(socket, "hi");
  const sid = socket.io.engine.id;
  const before = sids(server).length;
  cut();
  const [gap] = await once(socket, "gap");
  assert.equal(socket.recovered, false);
  assert.equal(gap.reason, "server-not-noticed");
  assert.equal(socket.lastGap, gap);
  // It was asked, and said that it has the session.
  const asked = sids(server).filter(({ url }) => url.searchParams.get("sid") === sid).slice(before);
  assert.deepEqual(asked.map(({ method, transport }) => `${method} ${transport}`), ["GET polling"]);
});

test("a server that has forgotten the session says so", options, async (t) => {
  const server = await joined(t, WS);
  const { socket, io, cut } = server;
  cut();
  await once(socket, "disconnect");
  // As after a restart.
  io.of("/").adapter.restoreSession = async () => null;
  io.engine.clients = {};
  const [gap] = await once(socket, "gap");
  assert.deepEqual([gap.reason, gap.serverKnew, gap.recovered, gap.exact], ["unknown-session", true, false, false]);
});

test("recoveryTakeover: false; and a server that does not answer in time", options, async (t) => {
  const off = await joined(t, { ...WS, recoveryTakeover: false });
  off.cut();
  const [gap] = await once(off.socket, "gap");
  assert.equal(gap.reason, "server-not-noticed");
  assert.equal(sids(off).length, 0);

  const mute = await joined(t, { ...WS, recoveryTakeoverTimeout: 50 });
  mute.http.prependListener("request", (request) => {
    if (request.url.includes("sid=")) request.emit = () => false;
  });
  mute.io.engine.handleRequest = () => {};
  mute.cut();
  await once(mute.socket, "connect");
});

test("a close without a goodbye (1006) is none", options, async (t) => {
  const server = await joined(t, WS);
  const { socket, io } = server;
  const { id } = socket;
  const [session] = Object.values(io.engine.clients);
  session.transport.socket.terminate();
  await once(socket, "connect");
  assert.deepEqual([socket.recovered, socket.id], [true, id]);
  assert.equal(sids(server).length, 1, "it asked");
});
