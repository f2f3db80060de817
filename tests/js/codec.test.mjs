// Socket.IO packets as they are on the wire: what the client writes, and what it makes of what it reads.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wsServer } from "../servers/scripted.mjs";
import { connect, upstream } from "./client.mjs";
import { once, until } from "./server.mjs";

const options = { transports: ["websocket"], reconnection: false };

/** A socket that is in, and the other end: `{ socket, server, ws, texts }`. `texts` has what came after CONNECT. */
async function pair(t, { namespace = "/", ...more } = {}) {
  const texts = [];
  // Who asks for this one is left without an answer.
  const answer = (name) => (name === "/refused" ? "6" : undefined);
  const server = await wsServer(t, { heard: (text) => texts.push(text), answer });
  const socket = connect(t, server.url + namespace, { ...options, ...more });
  await once(socket, "connect");
  return { socket, server, ws: server.sockets[0], texts };
}

/** What goes out as `messages` when `write` runs; `texts` of a pair. */
async function wrote(texts, messages, write) {
  const from = texts.length;
  write();
  await until(() => texts.length >= from + messages.length, `${messages.length} messages`);
  assert.deepEqual(texts.slice(from), messages);
}

const hole = (num) => `{"_placeholder":true,"num":${num}}`;
const bytes = (...values) => Buffer.from(values);

/** The arguments of the next event `name`, when `messages` come. */
async function read(socket, ws, name, ...messages) {
  const next = once(socket, name);
  for (const message of messages) ws.send(message);
  return next;
}

test("each kind of packet has its digit", async (t) => {
  const { socket, server, ws, texts } = await pair(t, { namespace: "/woot", auth: { token: "123" } });
  assert.equal(ws.texts[0], '40/woot,{"token":"123"}');
  await wrote(texts, ['42/woot,["a"]', `451-/woot,["a",${hole(0)}]`, bytes(7)], () => {
    socket.emit("a");
    socket.emit("a", bytes(7));
  });

  const answers = [["yes"], [bytes(8)]];
  socket.on("ask", (answer) => answer(...answers.shift()));
  await wrote(texts, ['43/woot,5["yes"]'], () => ws.send('42/woot,5["ask"]'));
  await wrote(texts, [`461-/woot,6[${hole(0)}]`, bytes(8)], () => ws.send('42/woot,6["ask"]'));

  const asked = ["43/woot,", "461-/woot,"].map((head, i) => [head, socket.emitWithAck("question", i)]);
  await until(() => texts.some((text) => String(text).startsWith("42/woot,1")));
  ws.send(`${asked[0][0]}0["text"]`);
  ws.send(`${asked[1][0]}1[${hole(0)}]`);
  ws.send(bytes(9));
  assert.deepEqual(await Promise.all(asked.map(([, answer]) => answer)), ["text", bytes(9)]);

  const refused = socket.io.socket("/refused");
  await until(() => ws.texts.includes("40/refused,"));
  const [error] = await read(refused, ws, "connect_error", '44/refused,{"message":"no"}');
  assert.equal(error.message, "no");
  await wrote(texts, ["41/woot,"], () => socket.disconnect());
  const again = socket.io.socket("/again");
  await once(again, "connect");
  const [reason] = await read(again, server.sockets.at(-1), "disconnect", "41/again,");
  assert.equal(reason, "io server disconnect");
});

test("events come as they go: with names that are numbers, ack ids, namespaces", async (t) => {
  const { socket, ws, texts } = await pair(t);
  await wrote(texts, ['42["a",1,{}]', '42[1,"a",{}]', '420["a",1,{}]'], () => {
    socket.emit("a", 1, {});
    socket.emit(1, "a", {});
    socket.emit("a", 1, {}, () => {});
  });
  assert.deepEqual(await read(socket, ws, "a", '42["a",1,{}]'), [1, {}]);
  assert.deepEqual(await read(socket, ws, 1, '42[1,"a",{}]'), ["a", {}]);

  const other = socket.io.socket("/test");
  await once(other, "connect");
  await wrote(texts, ['42/test,0["a",1,{}]'], () => other.emit("a", 1, {}, () => {}));
  const [one, object, answer] = await read(other, ws, "a", '42/test,12["a",1,{}]');
  assert.deepEqual([one, object], [1, {}]);
  await wrote(texts, ["43/test,12[]"], () => answer());
});

test("acks find their emit by number, and carry any arguments", async (t) => {
  const { socket, ws, texts } = await pair(t);
  const got = [];
  await wrote(texts, ['420["q"]', '421["q"]', '422["q"]'], () => {
    for (const name of ["zeroth", "first", "second"]) socket.emit("q", (...args) => got.push([name, ...args]));
  });
  ws.send('432["a",1,{}]');
  ws.send("430[]");
  ws.send(`461-1[{"deep":${hole(0)}}]`);
  ws.send(bytes(1, 2));
  await until(() => got.length === 3);
  assert.deepEqual(got, [["second", "a", 1, {}], ["zeroth"], ["first", { deep: bytes(1, 2) }]]);
});

test("a refusal is a text or an object", async (t) => {
  const refusals = [
    ["/text", '"Unauthorized"', upstream ? "" : "Unauthorized", undefined],
    ["/object", '{"message":"Unauthorized"}', "Unauthorized", undefined],
    ["/data", '{"message":"Unauthorized","data":{"code":7}}', "Unauthorized", { code: 7 }],
  ];
  const answers = Object.fromEntries(refusals.map(([name, refusal]) => [name, `44${name},${refusal}`]));
  const server = await wsServer(t, { answer: (namespace) => answers[namespace] });
  const socket = connect(t, server.url, options);
  await once(socket, "connect");
  for (const [namespace, , message, data] of refusals) {
    const refused = socket.io.socket(namespace);
    const [error] = await once(refused, "connect_error");
    assert.ok(error instanceof Error);
    assert.deepEqual([error.message, error.data, refused.active], [message, data, false]);
  }
  assert.equal(socket.connected, true);
});

test("binary parts go out and come back: ArrayBuffer, in an object without a prototype, typed array", async (t) => {
  const { socket, ws, texts } = await pair(t);
  const bare = Object.create(null, { array: { value: new ArrayBuffer(2), enumerable: true } });
  for (const [value, json, back] of [
    [new ArrayBuffer(2), hole(0), bytes(0, 0)],
    [bare, `{"array":${hole(0)}}`, { array: bytes(0, 0) }],
    [Uint8Array.of(0, 1, 2, 3, 4), hole(0), bytes(0, 1, 2, 3, 4)],
    [new Uint16Array([1, 257]), hole(0), bytes(1, 0, 1, 1)],
    [new Uint8Array(0), hole(0), bytes()],
  ]) {
    const part = back.array ?? back;
    await wrote(texts, [`451-["a",${json}]`, part], () => socket.emit("a", value));
    assert.deepEqual(await read(socket, ws, "a", `451-["a",${json}]`, part), [back]);
  }
});

test("binary parts are found in depth, beside null, and what was given is left as it was", async (t) => {
  const { socket, ws, texts } = await pair(t, { namespace: "/deep" });
  const deep = (one, two) => ({ a: "hi", b: { why: one }, c: { a: "bye", b: { a: two } } });
  const json = `["a",{"a":"hi","b":{"why":${hole(0)}},"c":{"a":"bye","b":{"a":${hole(1)}}}}]`;
  const given = deep(new ArrayBuffer(3), Uint8Array.of(4, 5, 6));
  const parts = [bytes(0, 0, 0), bytes(4, 5, 6)];
  await wrote(texts, [`452-/deep,0${json}`, ...parts], () => socket.emit("a", given, () => {}));
  assert.deepEqual(given, deep(new ArrayBuffer(3), Uint8Array.of(4, 5, 6)));
  const [back] = await read(socket, ws, "a", `452-/deep,999${json}`, ...parts);
  assert.deepEqual(back, deep(...parts));

  const empty = `["a",{"a":"b","c":4,"e":{"g":null},"h":${hole(0)}}]`;
  await wrote(texts, [`451-/deep,${empty}`, Buffer.alloc(9)], () => {
    socket.emit("a", { a: "b", c: 4, e: { g: null }, h: new ArrayBuffer(9) });
  });
  assert.deepEqual(await read(socket, ws, "a", `451-/deep,${empty}`, Buffer.alloc(9)), [
    { a: "b", c: 4, e: { g: null }, h: Buffer.alloc(9) },
  ]);
});

test("Buffers: as an argument, in a list, in an ack", async (t) => {
  const { socket, ws, texts } = await pair(t, { namespace: "/cool" });
  const abc = Buffer.from("abc");
  for (const [value, json] of [
    [abc, hole(0)],
    [{ b: ["c", abc] }, `{"b":["c",${hole(0)}]}`],
  ]) {
    await wrote(texts, [`451-/cool,["a",${json}]`, abc], () => socket.emit("a", value));
    const [back] = await read(socket, ws, "a", `451-/cool,["a",${json}]`, abc);
    assert.deepEqual(back, value);
    assert.ok(Buffer.isBuffer(back.b ? back.b[1] : back));
  }
  socket.on("ask", (answer) => answer("a", abc, {}));
  await wrote(texts, [`461-/cool,127["a",${hole(0)},{}]`, abc], () => ws.send('42/cool,127["ask"]'));
});

test("toJSON decides about binary parts too", async (t) => {
  const { socket, texts } = await pair(t);
  class Message {
    constructor(file) {
      this.internal = file;
    }
    toJSON() {
      return { file: this.internal };
    }
  }
  await wrote(texts, [`451-["a",{"file":${hole(0)}}]`, Buffer.from("abc")], () => {
    socket.emit("a", new Message(Buffer.from("abc")));
  });
});

test("what cannot be a packet throws at once, and the next one is as if nothing had been", async (t) => {
  const { socket, texts } = await pair(t);
  const cyclic = {};
  cyclic.self = cyclic;
  for (const args of [[cyclic], [cyclic, Buffer.from("abc")], [1n], [{ n: [1n] }, () => {}]]) {
    assert.throws(() => socket.emit("a", ...args), /^(Range|Type)Error/);
  }
  const id = upstream ? 1 : 0; // upstream counts the one that was never sent
  await wrote(texts, ['42["a"]', `42${id}["b"]`], () => {
    socket.emit("a");
    socket.emit("b", () => {});
  });
});

/** A socket that is in, whose server then says `messages`: why and with what it ends. */
async function ended(t, ...messages) {
  const error = messages.at(-1) instanceof RegExp ? messages.pop() : undefined;
  const { socket, ws } = await pair(t);
  let events = 0;
  socket.onAny(() => (events += 1));
  const disconnected = once(socket, "disconnect");
  for (const message of messages) ws.send(message);
  const [reason, details] = await disconnected;
  assert.equal(reason, "parse error", messages.join(" "));
  assert.ok(details instanceof Error, messages.join(" "));
  if (error) assert.match(details.message, error);
  assert.equal(events, 0, messages.join(" "));
}

test("placeholders and numbers of attachments that are wrong end the connection", async (t) => {
  await ended(t, '451-["hello",{"_placeholder":true,"num":"splice"}]', Buffer.from("world"));
  await ended(t, '451-["hello",{"_placeholder":true,"num":1}]', Buffer.from("world"));
  await ended(t, '451-["hello",{"_placeholder":true,"num":-1}]', Buffer.from("world"));
  for (const text of ["45", "451", "45a-", "451.23-"]) await ended(t, text);
});

test("attachments that are out of turn or too many end the connection", async (t) => {
  await ended(t, Buffer.from("world"), /^got binary data when not reconstructing a packet$/);
  const text = /^got plaintext data when reconstructing a packet$/;
  await ended(t, '451-["hello",{"_placeholder":true,"num":0}]', '42["hello"]', text);
  const many = 100_000;
  await ended(t, `45${many}-["hello"]`, /^too many attachments$/);
});

const invalid = [
  '4442["some","data"',
  '40/admin,"invalid"',
  "40[]",
  "41/admin,{}",
  '42/admin,"invalid',
  '42/admin,"invalid"',
  "42/admin,{}",
  '42{"toString":"foo"}',
  '42[{"toString":"foo"}]',
  '42[true,"foo"]',
  '42[null,"bar"]',
  '42["connect"]',
  '42["disconnect","123"]',
  '42["newListener"]',
  "43{}",
  "44[]",
  "4999",
  "47",
];

test("packets that are not what they must be end the connection", async (t) => {
  for (const text of invalid) await ended(t, text);
});

test("half a packet ends with its connection", async (t) => {
  const server = await wsServer(t);
  const socket = connect(t, server.url, { ...options, reconnection: true, reconnectionDelay: 1 });
  await once(socket, "connect");
  const got = [];
  socket.onAny((...args) => got.push(args));
  server.sockets[0].send('451-["lost"]');
  server.sockets[0].close();
  await once(socket, "connect");
  server.sockets[1].send('42["hello"]');
  await until(() => got.length > 0);
  assert.deepEqual(got, [["hello"]]);
});

test("JSON's rules hold, alone and beside a binary part", async (t) => {
  const { socket, texts } = await pair(t);
  const odd = {
    none: undefined,
    list: [undefined, () => {}, Symbol("s"), NaN, -Infinity, -0],
    date: new Date(0),
    empty: [new Map([[1, 2]]), new Set([1]), /x/, new Error("no")],
    sparse: [1, , 3], // eslint-disable-line no-sparse-arrays
    looks: { _placeholder: true, num: 5 },
  };
  const json =
    '{"list":[null,null,null,null,null,0],"date":"1970-01-01T00:00:00.000Z","empty":[{},{},{},{}],' +
    `"sparse":[1,null,3],"looks":${hole(5)}}`;
  await wrote(texts, [`42["a",${json}]`, `451-["a",${json},${hole(0)}]`, bytes(1)], () => {
    socket.emit("a", odd);
    socket.emit("a", odd, bytes(1));
  });
});

test("a payload that only looks like one with attachments is left alone", async (t) => {
  const { socket, ws } = await pair(t);
  assert.deepEqual(await read(socket, ws, "a", `42["a",${hole(7)}]`), [{ _placeholder: true, num: 7 }]);
});
