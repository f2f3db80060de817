// Transports, slots and the application's parser, where something goes wrong or comes late.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deserialize, serialize } from "node:v8";
import { pollingServer, wsServer } from "../servers/scripted.mjs";
import { client, connect, createManager, upstream } from "./client.mjs";
import { Clock } from "./clock.mjs";
import { once, rawServer, refusingServer, silentServer, sioServer, until } from "./server.mjs";

const polling = { transports: ["polling"], reconnection: false };

class Encoder {
  encode({ type, nsp, id, data }) {
    return [serialize({ type, nsp, id, data })];
  }
}

class Decoder extends client.Manager {
  constructor() {
    super("http://nobody", { autoConnect: false });
  }
  add(data) {
    this.emitReserved("decoded", deserialize(data));
  }
  destroy() {}
}

test("recovery with a parser of its own: authentication data as it is", async (t) => {
  const connects = [];
  const { url } = await rawServer(t, (ws) => {
    ws.on("message", (data) => {
      const packet = deserialize(data);
      if (packet.type !== 0) return;
      connects.push(packet.data);
      ws.send(serialize({ type: 0, nsp: "/", data: { sid: "S", pid: "P" } }));
    });
  });
  const auth = { token: 5n, key: Uint8Array.of(1, 2) };
  const options = { transports: ["websocket"], parser: { Encoder, Decoder }, auth, reconnectionDelay: 10 };
  const socket = connect(t, url, options);
  await once(socket, "connect");
  socket.io.engine.close();
  await once(socket, "connect");
  assert.deepEqual(connects[1], { pid: "P", offset: undefined, ...auth });
});

test("a connection that follows one which still says goodbye hears what is handed in", { skip: upstream }, async (t) => {
  const { url, say } = await pollingServer(t);
  const socket = connect(t, url, polling);
  say('40{"sid":"S"}');
  await once(socket, "connect");
  // Its POST is under way.
  socket.emit("a").disconnect();
  socket.connect();
  say('40{"sid":"S"}', '40{"sid":"S"}');
  await once(socket, "connect");
  const heard = once(socket, "b");
  socket.io.engine.emit("data", '2["b"]');
  await heard;
});

test("fetch: a header that is none is the attempt's failure", { skip: upstream }, async (t) => {
  const { url } = await pollingServer(t);
  const options = { ...polling, transports: [client.Fetch], extraHeaders: { "x-name": "no\nheader" } };
  const socket = connect(t, url, options);
  const [error] = await once(socket, "connect_error");
  assert.equal(error.message, "fetch read error");
});

test("requestTimeout: a request that takes longer ends", async (t) => {
  const { url } = await silentServer(t);
  const socket = connect(t, url, { ...polling, requestTimeout: 50 });
  const [error] = await once(socket, "connect_error");
  assert.ok(error instanceof Error);
});

test("a socket that the server left is let go after its last acknowledgement", { skip: upstream }, async (t) => {
  const { url, sockets } = await wsServer(t);
  const socket = connect(t, url, { transports: ["websocket"] });
  await once(socket, "connect");
  socket.emit("a", () => {});
  await until(() => sockets[0].texts.length === 2);
  sockets[0].send("41");
  await once(socket, "disconnect");
  await until(() => socket.io._sockets[0] === undefined);
});

test("open(fn) that fails plans no other attempt, each time", async (t) => {
  const { url } = await refusingServer(t);
  const clock = Clock.install(t);
  const manager = createManager(t, url, { autoConnect: false, reconnectionDelay: 10 });
  let attempts = 0;
  manager.on("reconnect_attempt", () => (attempts += 1));
  for (let i = 0; i < 3; i += 1) {
    const error = await new Promise((resolve) => manager.open(resolve));
    assert.ok(error instanceof Error);
    await clock.advance(50);
    assert.deepEqual([attempts, Boolean(manager._reconnecting)], [0, false]);
  }
});

test("an answer with more attachments than are sent throws", { skip: upstream }, async (t) => {
  const { io, url } = await sioServer(t);
  const socket = connect(t, url, { transports: ["websocket"] });
  const seen = [];
  socket.on("ask", (answer) => {
    try {
      answer(...Array.from({ length: 11 }, () => Buffer.of(1)));
    } catch (error) {
      seen.push(error.message);
    }
    seen.push("asked");
  });
  await once(socket, "connect");
  io.emit("ask", () => {});
  await until(() => seen.at(-1) === "asked");
  assert.deepEqual(seen.map((text) => /attachments/.test(text) || text), [true, "asked"]);
});

test("a Blob as base64 leaves before its socket is left", { skip: upstream }, async (t) => {
  const { io, url } = await sioServer(t);
  const heard = [];
  io.on("connection", (socket) => socket.onAny((...args) => heard.push(args)).on("disconnect", () => heard.push("end")));
  const socket = connect(t, url, { transports: ["websocket"], forceBase64: true });
  await once(socket, "connect");
  socket.emit("blob", new Blob(["abc"]));
  socket.disconnect();
  await until(() => heard.includes("end"));
  assert.deepEqual(heard, [["blob", Buffer.from("abc")], "end"]);
});

test("a listener of packetCreate that emits: the parts of a packet stay together", async (t) => {
  const { io, url } = await sioServer(t);
  const heard = [];
  io.on("connection", (socket) => socket.onAny((name) => heard.push(name)));
  const socket = connect(t, url, { transports: ["websocket"] });
  await once(socket, "connect");
  socket.io.engine.once("packetCreate", () => socket.emit("nested", Buffer.of(1)));
  socket.emit("outer", Buffer.of(2), Buffer.of(3));
  await until(() => heard.length === 2);
  assert.deepEqual(heard.sort(), ["nested", "outer"]);
});

test("a listener of packetCreate that emits while others wait: each packet has its own parts", async (t) => {
  const { io, url } = await sioServer(t);
  const heard = [];
  io.on("connection", (socket) => socket.onAny((...args) => heard.push(args)));
  const socket = connect(t, url, { transports: ["websocket"] });
  const nested = { first: () => socket.emit("binary", Buffer.of(1)), second: () => socket.emit("plain") };
  socket.io.on("open", () => {
    socket.io.engine.on("packetCreate", ({ data }) => nested[/"(first|second)"/.exec(data)?.[1]]?.());
  });
  socket.emit("first");
  socket.emit("second");
  await until(() => heard.length === 4);
  assert.deepEqual(
    heard.sort(([one], [other]) => (one < other ? -1 : 1)),
    [["binary", Buffer.of(1)], ["first"], ["plain"], ["second"]],
  );
});
