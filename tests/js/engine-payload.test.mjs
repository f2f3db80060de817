// What goes through the engine, and in which portions: text, binary, base64, and bodies below the server's maxPayload.
import { connect } from "./client.mjs";
import { once, sioServer, within } from "./server.mjs";
import { packets, watch } from "./wire.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const bytes = [0, 1, 2, 3, 4];
const binary = Int8Array.from(bytes);
const base64 = "AAECAwQ=";

const echo = (socket, value) => within(socket.emitWithAck("echo", value), "an echo");

const posts = ({ requests }) => requests.filter(({ method }) => method === "POST").map(({ body }) => body);

/** A server that limits messages, and remembers in `heard` the arguments of `take` in order. */
async function smallServer(t, limit) {
  const server = await sioServer(t, { maxHttpBufferSize: limit });
  const heard = [];
  server.io.on("connection", (socket) => {
    socket.on("take", (...args) => heard.push(...args));
    socket.on("end", (answer) => answer());
  });
  return { ...server, heard, ...watch(server) };
}

async function polling(t, server, options) {
  const socket = connect(t, server.url, { transports: ["polling"], reconnection: false, ...options });
  await once(socket, "connect");
  return socket;
}

/** Over polling, with `options`, until the engine has moved to WebSocket. */
async function upgraded(t, server, options) {
  const socket = connect(t, server.url, { reconnection: false, ...options });
  await once(socket.io.engine, "upgrade");
  assert.equal(socket.io.engine.transport.name, "websocket");
  return socket;
}

test("the first message comes over polling and over WebSocket", async (t) => {
  const server = await sioServer(t);
  server.io.on("connection", (socket) => socket.emit("hi", socket.conn.transport.name));
  for (const transports of [undefined, ["websocket"]]) {
    const socket = connect(t, server.url, { transports, upgrade: false });
    const [transport] = await once(socket, "hi");
    assert.equal(transport, transports ? "websocket" : "polling");
    assert.equal(socket.io.engine.readyState, "open");
  }
});

test("texts of two, three and four bytes per character bounce back", async (t) => {
  const server = await sioServer(t);
  const texts = ["cash money €€€", "\uD800\uDC00-\uDB7F\uDFFF\uDB80\uDC00-\uDBFF\uDFFF\uE000-\uF8FF", "пойду é \u2028"];
  for (const transport of ["polling", "websocket"]) {
    const socket = connect(t, server.url, { transports: [transport] });
    for (const text of texts) assert.equal(await echo(socket, text), text);
  }
});

/** As a Buffer, then as binaryType says, beside a text. */
async function bounceBinary(socket) {
  const buffer = await echo(socket, binary);
  assert.ok(Buffer.isBuffer(buffer));
  assert.deepEqual([...buffer], bytes);

  socket.io.engine.binaryType = "arraybuffer";
  const [received, text] = await Promise.all([echo(socket, binary), echo(socket, "cash money €€€")]);
  assert.ok(received instanceof ArrayBuffer);
  assert.deepEqual([...new Int8Array(received)], bytes);
  assert.equal(text, "cash money €€€");
}

test("binary bounces back over polling, as a Buffer or as binaryType says, between texts", async (t) => {
  const server = await sioServer(t);
  const { requests } = watch(server);
  const socket = await polling(t, server);
  await bounceBinary(socket);
  const sent = posts({ requests }).flatMap(packets);
  assert.equal(sent.filter((packet) => packet === `b${base64}`).length, 2);
});

test("binary bounces back after the upgrade, in binary frames, between texts", async (t) => {
  const server = await sioServer(t);
  const { messages } = watch(server);
  const socket = await upgraded(t, server);
  await bounceBinary(socket);
  assert.equal(messages.filter((message) => Buffer.isBuffer(message) && message.equals(Buffer.from(bytes))).length, 2);
});

test("forceBase64: binary goes as text over polling and over WebSocket, and the server is told", async (t) => {
  const server = await sioServer(t);
  const { requests, messages } = watch(server);
  const socket = connect(t, server.url, { forceBase64: true });
  socket.io.engine.binaryType = "arraybuffer";
  const early = echo(socket, binary);
  await once(socket.io.engine, "upgrade");
  for (const received of [await early, await echo(socket, binary)]) {
    assert.ok(received instanceof ArrayBuffer);
    assert.deepEqual([...new Int8Array(received)], bytes);
  }
  assert.ok(messages.includes(`b${base64}`));
  assert.ok(!messages.some((message) => Buffer.isBuffer(message)));
  const first = (transport) => requests.find((request) => request.transport === transport).url.searchParams;
  assert.equal(first("polling").get("b64"), "1");
  assert.equal(first("websocket").get("b64"), "1");
});

test("packets share a body as long as it stays within maxPayload", async (t) => {
  const server = await smallServer(t, 100);
  const socket = await polling(t, server);
  // And 13 bytes of `42["take",""]` each: three of them fit into one body, for sure two.
  const texts = ["a".repeat(80), "b".repeat(10), "c".repeat(10), "d".repeat(10), "€".repeat(24), "f".repeat(87)];
  for (const text of texts) socket.emit("take", text);
  await within(socket.emitWithAck("end"), "the last ack");
  assert.deepEqual(server.heard, texts);
  const bodies = posts(server);
  for (const body of bodies) assert.ok(Buffer.byteLength(body) <= 100, body);
  const shared = bodies.map((body) => packets(body).length);
  assert.ok(Math.max(...shared) > 1, `packets of each body: ${shared}`);
});

test("binary packets share a body as long as it stays within maxPayload", async (t) => {
  const server = await smallServer(t, 100);
  const socket = await polling(t, server);
  const sizes = [72, 20, 20, 72];
  socket.emit("take", new Uint8Array(sizes[0]));
  socket.emit("take", new Uint8Array(sizes[1]).buffer);
  socket.emit("take", "a".repeat(20));
  socket.emit("take", Buffer.alloc(sizes[2]));
  socket.emit("take", Buffer.alloc(sizes[3]));
  await within(socket.emitWithAck("end"), "the last ack");
  assert.deepEqual(
    server.heard.map((value) => value.length),
    [72, 20, 20, 20, 72],
  );
  const bodies = posts(server);
  for (const body of bodies) assert.ok(Buffer.byteLength(body) <= 100, body);
  assert.ok(bodies.some((body) => body.includes("\x1e")), "packets that share a body");
});

test("a packet above maxPayload is sent on its own, and ends the connection", async (t) => {
  const server = await sioServer(t, { maxHttpBufferSize: 100 });
  const { requests } = watch(server);
  const socket = await polling(t, server);
  const { io: manager } = socket;
  const joined = [];
  for (const name of ["/asd", "/foo"]) server.io.of(name).on("connection", () => joined.push(name));
  const closed = once(manager, "close");
  const token = "a".repeat(101);
  connect(t, server.url, { manager, namespace: "/foo", auth: { token } });
  connect(t, server.url, { manager, namespace: "/asd" });
  const [reason] = await closed;
  assert.equal(reason, "transport error");
  assert.deepEqual(posts({ requests }), ["40", `40/foo,{"token":"${token}"}`]);
  assert.deepEqual(joined, []);
});
