// The option `parser`: applications bring their own Encoder and Decoder, and the server has the same ones.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { deserialize, serialize } from "node:v8";
import * as msgpack from "socket.io-msgpack-parser";
import * as standard from "socket.io-parser";
import { connect } from "./client.mjs";
import { once, sioServer, until } from "./server.mjs";

/** An own parser: each packet is a text with its kind, and what else there is as bytes behind it. */
function own() {
  const seen = { encoded: [], encoders: [], decoders: [], destroyed: 0 };
  class Encoder {
    constructor(...args) {
      seen.encoders.push(args);
    }
    encode(packet) {
      if (packet.data?.includes?.("unencodable")) throw new Error("this cannot be encoded");
      const { type, ...rest } = packet;
      seen.encoded.push({ ...packet });
      return [`kind ${type}`, serialize(rest)];
    }
  }
  class Decoder extends EventEmitter {
    constructor(...args) {
      super();
      seen.decoders.push(args);
    }
    add(data) {
      if (data === "lie") throw new Error("this cannot be decoded");
      if (typeof data === "string") this.type = Number(data.slice(5));
      else this.emit("decoded", { type: this.type, ...deserialize(Buffer.from(data)) });
    }
    destroy() {
      seen.destroyed += 1;
      this.type = undefined;
    }
  }
  return { Encoder, Decoder, seen };
}

const parsers = {
  "an own parser": own,
  "the MessagePack parser": () => msgpack,
  "the standard parser given as one": () => standard,
};

async function start(t, parser, options = {}) {
  const server = await sioServer(t, { parser });
  const socket = connect(t, server.url, { parser, reconnectionDelay: 1, ...options });
  return { ...server, socket };
}

for (const [name, make] of Object.entries(parsers)) {
  for (const transport of ["websocket", "polling"]) {
    const options = { transports: [transport] };

    test(`${name}, ${transport}: events, acks and binary, both ways`, async (t) => {
      const { io, socket } = await start(t, make(), options);
      const told = [];
      io.on("connection", (peer) => {
        peer.on("say", (...args) => told.push(args));
        peer.on("ask", () => peer.emit("question", 1, Buffer.from("2"), (...answer) => told.push(answer)));
      });
      socket.on("question", (...args) => args.pop()("answer", ...args));
      socket.emit("say", "held until there is a connection");
      await once(socket, "connect");
      assert.ok(socket.id);

      const value = { text: "é漢😀", list: [1, 2.5, null, true], deep: { part: Buffer.from([0, 1, 255]) } };
      const [back] = [await socket.emitWithAck("echo", value)];
      assert.deepEqual({ ...back, deep: { part: Buffer.from(back.deep.part) } }, value);
      socket.emit("say", value);
      socket.emit("ask");
      await until(() => told.length === 3);
      assert.deepEqual(told[0], ["held until there is a connection"]);
      assert.deepEqual(told[1], [value]);
      assert.deepEqual(told[2].map(String), ["answer", "1", "2"]);
      const doge = once(socket, "doge");
      socket.emit("doge");
      assert.deepEqual(Buffer.from((await doge)[0]), Buffer.from("asdfasdf"));
    });

    test(`${name}, ${transport}: namespaces, refusals, disconnections, reconnection`, async (t) => {
      const { io, socket } = await start(t, make(), { ...options, auth: { token: "t" } });
      io.of("/closed").use((_socket, next) => next(Object.assign(new Error("go away"), { data: { code: 7 } })));
      await once(socket, "connect");
      const { auth } = await socket.emitWithAck("getHandshake");
      assert.deepEqual(auth, { token: "t" });

      const other = socket.io.socket("/foo");
      await once(other, "connect");
      assert.equal(await other.emitWithAck("getId"), other.id);
      const [error] = await once(socket.io.socket("/closed"), "connect_error");
      assert.deepEqual([error.message, error.data], ["go away", { code: 7 }]);

      const left = once(other, "disconnect");
      other.disconnect();
      assert.deepEqual((await left)[0], "io client disconnect");
      const thrown = once(socket, "disconnect");
      io.disconnectSockets();
      assert.deepEqual((await thrown)[0], "io server disconnect");
      socket.connect();
      await once(socket, "connect");

      const before = socket.id;
      socket.io.engine.close();
      await once(socket, "connect");
      assert.notEqual(socket.id, before);
      assert.equal(await socket.emitWithAck("echo", "again"), "again");
    });
  }
}

test("packets are given to the encoder as they are documented", async (t) => {
  const parser = own();
  const { socket } = await start(t, parser, { auth: { token: "t" }, transports: ["websocket"] });
  await once(socket, "connect");
  socket.emit("plain", 1);
  socket.compress(false).emit("ask", () => {});
  const { encoded } = parser.seen;
  // The server has the same encoder: what it sends has other fields.
  const ours = (type) => encoded.filter((packet) => packet.type === type && packet.nsp === "/");
  assert.deepEqual(ours(0)[0].data, { token: "t" });
  const [plain, ask] = ours(2).filter((packet) => ["plain", "ask"].includes(packet.data[0]));
  assert.deepEqual([plain.data, plain.id, plain.options.compress], [["plain", 1], undefined, true]);
  assert.deepEqual([ask.data, ask.id, ask.options.compress], [["ask"], 0, false]);
  socket.disconnect();
  // It leaves once the server has had the time to read what was before it.
  await until(() => ours(1).length === 1);
});

test("a Manager has one encoder and one decoder, made without arguments, and tells it of each end", async (t) => {
  const { url } = await sioServer(t, { parser: own() });
  const parser = own();
  const socket = connect(t, url, { parser, transports: ["websocket"], reconnectionDelay: 1 });
  await once(socket, "connect");
  for (let i = 0; i < 2; i += 1) {
    socket.io.engine.close();
    await once(socket, "connect");
  }
  assert.deepEqual([parser.seen.encoders, parser.seen.decoders], [[[]], [[]]]);
  assert.ok(parser.seen.destroyed >= 2);
});

test("an encoder's exception reaches the emit that caused it, and nothing else", async (t) => {
  const { socket } = await start(t, own(), { transports: ["websocket"] });
  await once(socket, "connect");
  assert.throws(() => socket.emit("say", "unencodable"), /^Error: this cannot be encoded$/);
  assert.throws(() => socket.emit("say", "unencodable", () => {}), /^Error: this cannot be encoded$/);
  assert.equal(socket.connected, true);
  assert.equal(await socket.emitWithAck("echo", "next"), "next");
});

test("what cannot be encoded later, when nobody waits for it, reaches the host", async (t) => {
  const errors = [];
  const before = process.rawListeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", (error) => errors.push(error.message));
  t.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of before) process.on("uncaughtException", listener);
  });
  const { socket } = await start(t, own(), { transports: ["websocket"] });
  socket.emit("say", "unencodable");
  await until(() => errors.length > 0);
  assert.deepEqual(errors, ["this cannot be encoded"]);
  // What that left half done in the published client, the next one finishes.
  socket.emit("say", "next");
  await until(() => socket.connected);
  assert.equal(await socket.emitWithAck("echo", "next"), "next");
});

for (const transport of ["websocket", "polling"]) {
  test(`${transport}: a decoder's exception ends the connection with a parse error, and it comes back`, async (t) => {
    const { io, socket } = await start(t, own(), { transports: [transport] });
    await once(socket, "connect");
    const disconnected = once(socket, "disconnect");
    const [session] = Object.values(io.engine.clients);
    session.send("lie");
    const [reason, details] = await disconnected;
    assert.deepEqual([reason, details.message], ["parse error", "this cannot be decoded"]);
    await once(socket, "connect");
    assert.equal(await socket.emitWithAck("echo", "again"), "again");
  });
}

test("a half-received packet of an own parser ends with its connection", async (t) => {
  const { io, socket } = await start(t, own(), { transports: ["websocket"] });
  await once(socket, "connect");
  const [session] = Object.values(io.engine.clients);
  session.send("kind 2");
  session.transport.socket.terminate();
  await once(socket, "connect");
  assert.equal(await socket.emitWithAck("echo", "whole"), "whole");
});

/** The standard parser, with functions that look at each value, as its documentation has it. */
const withFunctions = (Encoder, Decoder) => ({ Encoder, Decoder });
const upper = (key, value) => (key === "a" && typeof value === "string" ? value.toUpperCase() : value);

test("a decoder with a reviver, given as a function or as an option", async (t) => {
  const reviving = [
    class extends standard.Decoder {
      constructor() {
        super(upper);
      }
    },
    class extends standard.Decoder {
      constructor() {
        super({ reviver: upper });
      }
    },
  ];
  const { io, url } = await sioServer(t);
  for (const Decoder of reviving) {
    const socket = connect(t, url, { parser: withFunctions(standard.Encoder, Decoder), transports: ["websocket"] });
    await once(socket, "connect");
    const event = once(socket, "b");
    io.emit("b", { a: "val" });
    assert.deepEqual((await event)[0], { a: "VAL" });
    socket.disconnect();
  }
});

test("an encoder with a replacer", async (t) => {
  class Encoder extends standard.Encoder {
    constructor() {
      super(upper);
    }
  }
  const { url } = await sioServer(t);
  const socket = connect(t, url, { parser: withFunctions(Encoder, standard.Decoder), transports: ["websocket"] });
  assert.deepEqual(await socket.emitWithAck("echo", { a: "val" }), { a: "VAL" });
});

test("more attachments than the standard parser lets in", async (t) => {
  class Decoder extends standard.Decoder {
    constructor() {
      super({ maxAttachments: 20 });
    }
  }
  const parser = { Encoder: standard.Encoder, Decoder };
  const { socket } = await start(t, parser, { transports: ["websocket"] });
  const parts = Array.from({ length: 20 }, (_, i) => Buffer.from([i]));
  assert.deepEqual(await socket.emitWithAck("echo", parts), parts);
});
