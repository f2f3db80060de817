// Engine.IO packets as they are on the wire: texts, polling bodies, binary parts in frames and as base64.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pollingServer, wsServer } from "../servers/scripted.mjs";
import { connect, upstream } from "./client.mjs";
import { once, until } from "./server.mjs";

const hole = (num) => `{"_placeholder":true,"num":${num}}`;
const bytes = (...values) => Buffer.from(values);

/** A socket that is in, over polling. `sent()` is what came since then, as packets. */
async function polling(t, options = {}) {
  const server = await pollingServer(t, { heard: (body, say) => body === "40" && say('40{"sid":"s"}') });
  const socket = connect(t, server.url, { transports: ["polling"], reconnection: false, ...options });
  await once(socket, "connect");
  const from = server.posts.length;
  const sent = () => server.posts.slice(from).flatMap((body) => body.split("\x1e"));
  return { socket, server, sent, say: server.say };
}

/** The same over WebSocket. Each frame is an entry; those with bytes are Buffers. */
async function websocket(t, options = {}) {
  const frames = [];
  const server = await wsServer(t, { heard: (frame) => frames.push(frame) });
  const socket = connect(t, server.url, { transports: ["websocket"], reconnection: false, ...options });
  await once(socket, "connect");
  const say = (...messages) => messages.forEach((message) => server.sockets[0].send(message));
  return { socket, server, sent: () => frames, say };
}

/** What comes of one binary part, in a frame and in a body. */
const readBoth = async (ws, http, part) => [
  await read(ws, `451-["a",${hole(0)}]`, part),
  await read(http, `451-["a",${hole(0)}]\x1eb${part.toString("base64")}`),
];

/** What is sent when `write` runs. */
async function wrote({ sent }, expected, write) {
  const from = sent().length;
  write();
  await until(() => sent().length >= from + expected.length, `${expected.length} packets`);
  assert.deepEqual(sent().slice(from), expected);
}

async function read({ socket, say }, ...messages) {
  const next = once(socket, "a");
  say(...messages);
  return (await next)[0];
}

test("every type of packet is a digit and a text, one after the other in a body", async (t) => {
  const { socket, say, sent } = await polling(t);
  const packets = [];
  socket.io.engine.on("packet", ({ type, data }) => packets.push(data === undefined ? [type] : [type, data]));
  const got = [];
  socket.on("test", (...args) => got.push(args));
  const messages = ['2["test"]', '2["test","1€"]'].map((text) => ["message", text]);
  const closed = once(socket, "disconnect");
  say('6\x1e2\x1e3probe\x1e42["test"]\x1e42["test","1€"]');
  await until(() => got.length === 2);
  assert.deepEqual(got, [[], ["1€"]]);
  assert.deepEqual(packets, [["noop"], ["ping"], ["pong", "probe"], ...messages]);
  await until(() => sent().length === 1);
  assert.deepEqual(sent(), ["3"]);
  say("1");
  assert.equal((await closed)[0], "transport close");
});

test("text is sent and read as it is, and the end is a packet too", async (t) => {
  const over = await polling(t);
  // The character between packets cannot stand in JSON.
  await wrote(over, ['42["test","1€ \\u001e"]'], () => over.socket.emit("test", "1€ \x1e"));
  assert.equal(await read(over, '42["a","1€ \\u001e"]'), "1€ \x1e");
  await wrote(over, ["1"], () => over.socket.io.engine.close());
});

test("what is no packet ends the connection, in a body and in a frame", async (t) => {
  for (const body of ["", "a123", "{", "{}", '["a123", "a456"]', "7", '42["a"]\x1e']) {
    const { socket, say } = await polling(t);
    const closed = once(socket, "disconnect");
    say(body);
    const [reason, details] = await closed;
    assert.equal(reason, "transport error", body);
    assert.ok(details instanceof Error, body);
  }
  for (const frame of ["", "a123", "7"]) {
    const { socket, say } = await websocket(t);
    const closed = once(socket, "disconnect");
    say(frame);
    assert.equal((await closed)[0], "transport error", frame);
  }
});

test("nothing after what is no packet is read", async (t) => {
  const { socket, say } = await polling(t);
  const got = [];
  socket.onAny((...args) => got.push(args));
  const closed = once(socket, "disconnect");
  say('a123\x1e42["late"]');
  await closed;
  assert.deepEqual(got, []);
});

const four = bytes(1, 2, 3, 4);

test("a Buffer is a frame, or base64 in a body behind its text, and comes back as a Buffer", async (t) => {
  const ws = await websocket(t);
  await wrote(ws, [`451-["a",${hole(0)}]`, four], () => ws.socket.emit("a", four));
  const http = await polling(t);
  await wrote(http, [`451-["a","test",${hole(0)}]`, "bAQIDBA=="], () => http.socket.emit("a", "test", four));
  for (const back of await readBoth(ws, http, four)) {
    assert.ok(Buffer.isBuffer(back));
    assert.deepEqual(back, four);
  }
});

test("an ArrayBuffer likewise, and comes back as one where the engine is told so", async (t) => {
  const { buffer } = Int8Array.of(1, 2, 3, 4);
  const ws = await websocket(t);
  await wrote(ws, [`451-["a",${hole(0)}]`, four], () => ws.socket.emit("a", buffer));
  const http = await polling(t);
  await wrote(http, [`451-["a",${hole(0)}]`, "bAQIDBA=="], () => http.socket.emit("a", buffer));
  for (const over of [ws, http]) over.socket.io.engine.binaryType = "arraybuffer";
  for (const back of await readBoth(ws, http, four)) {
    assert.ok(back instanceof ArrayBuffer);
    assert.deepEqual(Buffer.from(back), four);
  }
});

test("of a typed array go the bytes that it shows", async (t) => {
  const wide = Int16Array.of(257, 258, 259, 260);
  const part = new Int8Array(Int8Array.of(1, 2, 3, 4).buffer, 1, 2);
  const ws = await websocket(t);
  await wrote(ws, [`452-["a",${hole(0)},${hole(1)}]`, Buffer.from(wide.buffer), bytes(2, 3)], () => {
    ws.socket.emit("a", wide, part);
  });
  const http = await polling(t);
  await wrote(http, [`452-["a",${hole(0)},${hole(1)}]`, "bAQECAQMBBAE=", "bAgM="], () => {
    http.socket.emit("a", wide, part);
  });
});

test("nothing is a binary part too", async (t) => {
  const ws = await websocket(t);
  await wrote(ws, [`451-["a",${hole(0)}]`, bytes()], () => ws.socket.emit("a", new ArrayBuffer(0)));
  const http = await polling(t);
  await wrote(http, [`451-["a",${hole(0)}]`, "b"], () => http.socket.emit("a", new ArrayBuffer(0)));
  assert.deepEqual(await readBoth(ws, http, bytes()), [bytes(), bytes()]);
});

test("base64 is read, and with forceBase64 written, on a WebSocket too", async (t) => {
  const ws = await websocket(t, { forceBase64: true });
  await wrote(ws, [`451-["a",${hole(0)}]`, "bAQIDBA=="], () => ws.socket.emit("a", four));
  assert.deepEqual(await read(ws, `451-["a",${hole(0)}]`, "bAQIDBA=="), four);
});

test("large binary parts survive both ways", async (t) => {
  const large = Buffer.from(Uint8Array.from({ length: 300_001 }, (_, i) => i * 7));
  const http = await polling(t);
  await wrote(http, [`451-["a",${hole(0)}]`, `b${large.toString("base64")}`], () => http.socket.emit("a", large));
  assert.deepEqual(await read(http, `451-["a",${hole(0)}]\x1eb${large.toString("base64")}`), large);
});

const blobs = { skip: upstream && "in Node it sends their names" };

test("a Blob goes as its bytes, and what follows waits for it", blobs, async (t) => {
  const emit = (socket) => () => {
    socket.emit("a", new Blob(["12", four]), four, new File([], "empty"));
    socket.emit("after", four);
  };
  const text = `453-["a",${hole(0)},${hole(1)},${hole(2)}]`;
  const after = `451-["after",${hole(0)}]`;
  const binary = [text, Buffer.concat([Buffer.from("12"), four]), four, bytes(), after, four];
  const base64 = binary.map((one) => (typeof one === "string" ? one : `b${one.toString("base64")}`));
  const ws = await websocket(t);
  await wrote(ws, binary, emit(ws.socket));
  const http = await polling(t);
  await wrote(http, base64, emit(http.socket));
  const forced = await websocket(t, { forceBase64: true });
  await wrote(forced, base64, emit(forced.socket));
});

test("a Blob that cannot be read ends the connection", blobs, async (t) => {
  class Gone extends Blob {
    arrayBuffer() {
      return Promise.reject(new Error("the file is gone"));
    }
  }
  for (const { socket } of [await polling(t), await websocket(t, { forceBase64: true })]) {
    const ended = once(socket, "disconnect");
    socket.emit("a", new Gone(["12"]));
    const [reason, details] = await ended;
    assert.equal(reason, "transport error");
    assert.match(String(details.description?.message ?? details.description), /the file is gone/);
  }
});
