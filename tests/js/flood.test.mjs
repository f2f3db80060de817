// Servers that send too much: memory stays bounded, and nothing of it is kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { size } from "./instrument.mjs";
import { pollingServer, wsServer } from "../servers/scripted.mjs";
import { once, until } from "./server.mjs";

// After the instrument.
const { connect, upstream } = await import("./client.mjs");

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");
const MB = 1 << 20;

/** What JavaScript and WebAssembly have, after everything that is free was freed. */
async function used() {
  // What was resolved in this turn is freed in a later one.
  for (let i = 0; i < 3; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers + size();
}

/** Memory does not grow by more than `limit` bytes while `flood` runs, after it ran once. */
async function bounded(limit, flood) {
  await flood();
  const before = await used();
  await flood();
  const grown = (await used()) - before;
  assert.ok(grown < limit, `${(grown / MB).toFixed(2)} MB more`);
}

const payload = "x".repeat(2000);
const N = 5000; // of 2 KB: 10 MB

/** A socket that is in, and `flood(make)`: N messages `make(i)`, then one that is awaited. */
async function flooded(t) {
  const server = await wsServer(t);
  const socket = connect(t, server.url, { transports: ["websocket"], reconnection: false });
  await once(socket, "connect");
  const [ws] = server.sockets;
  let number = 0;
  const flood = async (make) => {
    const last = once(socket, "last");
    for (let i = 0; i < N; i += 1) ws.send(make((number += 1)));
    ws.send('42["last"]');
    await last;
    // Not the server's memory: that was the same each time.
    ws.texts.length = 0;
    assert.equal(socket.connected, true);
  };
  return { socket, ws, flood };
}

for (const [what, make] of [
  ["namespaces that nobody is in", (i) => `42/namespace-${i}${"n".repeat(200)},["e","${payload}"]`],
  ["events that nobody listens to", (i) => `42["event-${i}","${payload}"]`],
  ["events that ask for an ack", (i) => `42${i}["ask-${i}","${payload}"]`],
  ["acks that nobody waits for", (i) => `43${i}["${payload}"]`],
  ["refusals of namespaces that nobody is in", (i) => `44/no-${i},{"message":"${payload}"}`],
  ["pings", () => "2"],
  ["noops", () => `6${payload}`],
]) {
  test(`a flood of ${what} leaves nothing`, async (t) => {
    const { flood } = await flooded(t);
    await bounded(MB, () => flood(make));
  });
}

test("connections that end in the middle of a packet leave nothing of it", async (t) => {
  const part = Buffer.alloc(2000);
  const server = await wsServer(t, {
    welcome(ws) {
      ws.send(`453-["e","${payload}",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`);
      ws.send(part);
      ws.send(part);
      ws.send("42[]");
    },
  });
  const options = { transports: ["websocket"], reconnectionDelay: 1, reconnectionDelayMax: 1, randomizationFactor: 0 };
  const socket = connect(t, server.url, options);
  let ended = 0;
  socket.on("disconnect", (reason) => (ended += reason === "parse error"));
  const some = async () => {
    const wanted = ended + 300;
    await until(() => ended >= wanted, "300 connections");
    server.sockets.length = 0;
  };
  await bounded(MB, some);
});

class Sent {
  constructor(i) {
    this.text = `${i}${payload}`;
  }
}

test("emits that cannot be sent leave nothing", async (t) => {
  const { socket, flood } = await flooded(t);
  await bounded(MB, async () => {
    for (let i = 0; i < N; i += 1) {
      const value = new Sent(i);
      value.self = [Buffer.from("part"), 1n];
      assert.throws(() => socket.emit("e", value, () => {}));
      // What the published client leaves in its table of acks.
      if (upstream) socket.acks = {};
    }
    await flood(() => "6");
  });
});

const limits = { skip: upstream && "it has no limits" };

test("a packet with too many bytes of attachments ends the connection", limits, async (t) => {
  const { socket, ws } = await flooded(t);
  const ended = once(socket, "disconnect");
  ws.send(`45200-["e"]`);
  const part = Buffer.alloc(MB);
  for (let i = 0; i < 101; i += 1) ws.send(part);
  assert.equal((await ended)[0], "parse error");
});

test("a polling body of too many packets ends the connection", limits, async (t) => {
  const server = await pollingServer(t, { heard: (body, say) => body === "40" && say('40{"sid":"s"}') });
  const socket = connect(t, server.url, { transports: ["polling"], reconnection: false });
  await once(socket, "connect");
  const ended = once(socket, "disconnect");
  server.say("6\x1e".repeat(200_000));
  assert.equal((await ended)[0], "transport error");
});

test("a polling body of too many bytes ends the connection", limits, async (t) => {
  const server = await pollingServer(t, { heard: (body, say) => body === "40" && say('40{"sid":"s"}') });
  const socket = connect(t, server.url, { transports: ["polling"], reconnection: false });
  await once(socket, "connect");
  const ended = once(socket, "disconnect");
  server.say(`42["e","${"x".repeat(101 * MB)}"]`);
  assert.equal((await ended)[0], "transport error");
});
