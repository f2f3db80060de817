// What crosses between JavaScript and WebAssembly: one call for an event, one and at most one back for an emit, and
// never a payload.
import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, holds, memories } from "./instrument.mjs";
import { pollingServer, wsServer } from "../servers/scripted.mjs";
import { once, until } from "./server.mjs";

// After the instrument.
const { connect, upstream } = await import("./client.mjs");

const N = 1000;
const options = { skip: upstream && "it has no WebAssembly" };

/** A socket that is in, over WebSocket, after some traffic of each kind: what is read once has been read. */
async function steady(t, namespace = "/") {
  const frames = [];
  const server = await wsServer(t, { heard: (frame) => frames.push(frame) });
  const socket = connect(t, server.url + namespace, { transports: ["websocket"], reconnection: false });
  await once(socket, "connect");
  const [ws] = server.sockets;
  const prefix = namespace === "/" ? "" : `${namespace},`;
  let got = 0;
  socket.on("e", (...args) => {
    got += 1;
    const answer = args.at(-1);
    if (typeof answer === "function") answer(got);
  });
  /** `count` events come; the calls that they took. */
  const receive = async (count, text) => {
    const wanted = got + count;
    calls.reset();
    for (let i = 0; i < count; i += 1) ws.send(text(i));
    await until(() => got === wanted, `${count} events`);
    return { in: calls.in, out: calls.out };
  };
  /** `emit` is called `count` times. */
  const send = async (count, emit) => {
    const wanted = frames.length + count;
    calls.reset();
    for (let i = 0; i < count; i += 1) emit(i);
    const told = { in: calls.in, out: calls.out };
    await until(() => frames.length >= wanted, `${count} frames`);
    return told;
  };
  return { socket, ws, frames, prefix, receive, send };
}

const atMost = (told, limit, what) => assert.ok(told <= limit, `${what}: ${told}, more than ${limit}`);

for (const namespace of ["/", "/room"]) {
  test(`${namespace}: an event is one call in and none out`, options, async (t) => {
    const { receive, prefix } = await steady(t, namespace);
    const event = (i) => `42${prefix}["e",${i},{"some":"payload"}]`;
    await receive(50, event);
    assert.deepEqual(await receive(N, event), { in: N, out: 0 });
  });

  test(`${namespace}: an emit is one call in and at most one out`, options, async (t) => {
    const { socket, send } = await steady(t, namespace);
    const emit = (i) => socket.emit("e", i, { some: "payload" });
    await send(50, emit);
    const told = await send(N, emit);
    assert.equal(told.in, N);
    atMost(told.out, N, "calls out");
  });

  test(`${namespace}: the same for an emit with an ack, whose answer is one call in`, options, async (t) => {
    const { socket, ws, send, prefix } = await steady(t, namespace);
    let answered = 0;
    const emit = (i) => socket.emit("e", i, () => (answered += 1));
    await send(50, emit);
    for (let i = 0; i < 50; i += 1) ws.send(`43${prefix}${i}[]`);
    await until(() => answered === 50);

    const told = await send(N, emit);
    assert.equal(told.in, N);
    atMost(told.out, N, "calls out");
    calls.reset();
    for (let i = 50; i < 50 + N; i += 1) ws.send(`43${prefix}${i}["answer"]`);
    await until(() => answered === 50 + N);
    assert.deepEqual([calls.in, calls.out], [N, 0]);
  });

  test(`${namespace}: an event that asks is one call in; the answer one, and at most one out`, options, async (t) => {
    const { receive, prefix, frames } = await steady(t, namespace);
    const event = (from) => (i) => `42${prefix}${from + i}["e",${i}]`;
    await receive(50, event(0));
    const told = await receive(N, event(50));
    await until(() => frames.length === 50 + N);
    assert.equal(told.in, 2 * N);
    atMost(told.out, N, "calls out");
  });
}

// Long enough that what is shown of a text to read its header does not reach it.
const padding = "x".repeat(64);
const secret = (name) => `${padding}secret of ${name}`;
const secrets = ["event", "emit", "ack", "answer", "binary", "held", "part"];

test("no payload enters the memory of WebAssembly, over either transport", options, async (t) => {
  assert.ok(memories.length > 0, "the module is watched");
  const name = (transport) => `/namespace-over-${transport}`;
  for (const transport of ["websocket", "polling"]) {
    const heard = [];
    const nsp = name(transport);
    const first = `40${nsp},{"sid":"s"}`;
    let url;
    let say;
    if (transport === "websocket") {
      const server = await wsServer(t, { heard: (frame) => heard.push(frame) });
      [url, say] = [server.url, (...all) => all.forEach((one) => server.sockets[0].send(one))];
    } else {
      const server = await pollingServer(t, {
        heard: (body) => {
          heard.push(...body.split("\x1e"));
          if (body.startsWith(`40${nsp},`)) server.say(first);
        },
      });
      const coded = (one) => (Buffer.isBuffer(one) ? `b${one.toString("base64")}` : one);
      [url, say] = [server.url, (...all) => server.say(all.map(coded).join("\x1e"))];
    }
    const socket = connect(t, url + nsp, { transports: [transport], reconnection: false, auth: { token: padding } });
    const got = [];
    socket.onAny((event, ...args) => got.push([event, args]));
    socket.on("ask", (_value, answer) => answer(secret("answer"), Buffer.from(secret("part"))));
    socket.emit("e", secret("held"));
    await once(socket, "connect");
    const acked = socket.timeout(20_000).emitWithAck("e", secret("emit"));
    socket.emit("e", { part: Buffer.from(secret("part")) }, secret("binary"));
    const id = await until(() => heard.map((text) => /^42\D*,(\d+)/.exec(text)?.[1]).find(Boolean));
    for (let i = 0; i < 10; i += 1) say(`42${nsp},["e","${secret("event")}"]`);
    say(`43${nsp},${id}["${secret("ack")}"]`, `42${nsp},7["ask","${secret("event")}"]`);
    say(`451-${nsp},["e","${secret("binary")}",{"_placeholder":true,"num":0}]`, Buffer.from(secret("part")));
    assert.equal(await acked, secret("ack"));
    await until(() => got.length === 12 && heard.some((text) => String(text).startsWith(`461-${nsp},7`)));
  }
  // What is searched for can be found: names of namespaces are Rust's.
  assert.ok(holds(name("websocket")) && holds(name("polling")));
  for (const one of secrets) assert.equal(holds(secret(one).slice(padding.length)), false, one);
});
