// Events that come: gaps and what is done about them, events without a listener, and an offset of the application's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wsServer } from "../servers/scripted.mjs";
import { connect, upstream } from "./client.mjs";
import { once, record, refusingServer, sioServer, until } from "./server.mjs";

const options = { skip: upstream && "it knows no gaps" };
const WS = { transports: ["websocket"], reconnectionDelay: 1, reconnectionDelayMax: 1 };
const last = (server) => server.sockets.at(-1);

/** Answers every event that wants that. */
const answering = (text, ws) => {
  const [, id] = text.match(/^42(\d+)/) ?? [];
  if (id) ws.send(`43${id}[]`);
};

/** Joined to a server in a script, which ends a connection by `drop()`. */
async function joined(t, settings, script = {}) {
  const connects = [];
  const answer = (...args) => script.answer?.(...args);
  const server = await wsServer(t, { ...script, answer });
  const socket = connect(t, server.url, { ...WS, ...settings });
  await once(socket, "connect");
  server.http.on("upgrade", () => connects.push(server.sockets.length));
  return { socket, ...server, say: (text) => last(server).send(text), drop: () => last(server).close() };
}

test("a gap is told once, after connect, with all that is known", options, async (t) => {
  const { socket, drop } = await joined(t);
  const before = Date.now();
  assert.equal(socket.lastGap, undefined);
  const log = record(socket, ["connect", "gap"]);
  drop();
  const [gap] = await once(socket, "gap");
  assert.deepEqual(log, ["connect", "gap"]);
  assert.equal(socket.lastGap, gap);
  const { since, until: now, outage, ...rest } = gap;
  assert.ok(since >= before - 1000 && now >= since && now <= Date.now() && outage === now - since);
  assert.deepEqual(rest, {
    namespace: "/",
    recovered: false,
    exact: false,
    reason: "none-offered",
    lastOffset: null,
    lastEventAt: null,
    possiblyMissed: null,
    serverKnew: true,
  });
  socket.disconnect();
  socket.connect();
  const [again] = await once(socket, "gap");
  assert.equal(again.reason, "namespace-disconnect");
});

test("what was buffered goes out before connect, and connect is told before a gap", options, async (t) => {
  const { socket, drop } = await joined(t);
  const log = record(socket, ["connect", "gap"]);
  socket.onAnyOutgoing((event) => log.push(event));
  drop();
  await once(socket, "disconnect");
  socket.emit("buffered");
  await once(socket, "gap");
  assert.deepEqual(log, ["buffered", "connect", "gap"]);
});

test("resync holds events until its promise has settled; acks do not wait", options, async (t) => {
  let go;
  const gaps = [];
  const resync = (gap) => {
    gaps.push(gap);
    return new Promise((resolve) => (go = resolve));
  };
  const { socket, say, drop, sockets } = await joined(t, { resync }, {
    heard: (text, ws) => text.startsWith("420") && ws.send('430["snapshot"]'),
  });
  const log = record(socket, ["news"], [], (_, text) => text);
  drop();
  const [gap] = await once(socket, "gap");
  await until(() => go);
  assert.deepEqual(gaps, [gap]);
  say('42["news","one"]');
  say('42["news","two"]');
  assert.equal(await socket.emitWithAck("history"), "snapshot");
  assert.deepEqual(log, []);
  go();
  await until(() => log.length === 2);
  say('42["news","three"]');
  await until(() => log.length === 3);
  assert.deepEqual(log, ["one", "two", "three"]);
  assert.equal(sockets.length, 2);
});

test("what resync throws, or rejects, is told as by a listener, and ends the wait", options, async (t) => {
  const failures = [() => Promise.reject(new Error("rejected")), () => { throw new Error("thrown"); }];
  const { socket, say, drop } = await joined(t, { resync: () => failures.shift()() });
  const thrown = [];
  const original = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error.message));
  t.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of original) process.on("uncaughtException", listener);
  });
  for (const number of [1, 2]) {
    drop();
    await once(socket, "gap");
    say(`42["news",${number}]`);
    assert.deepEqual(await once(socket, "news"), [number]);
  }
  assert.deepEqual(thrown, ["rejected", "thrown"]);
});

test("with level \"all\" a resumed session of a cluster is a gap, too", options, async (t) => {
  const offset = `${Date.now()}-0`;
  for (const [gap, told] of [["likely", []], ["all", ["gap"]]]) {
    const { socket, drop, say } = await joined(t, { gap }, { answer: () => '40{"sid":"s","pid":"p"}' });
    const log = record(socket, ["gap"]);
    say(`42["e","${offset}"]`);
    await once(socket, "e");
    drop();
    await once(socket, "connect");
    await until(() => socket.lastGap);
    assert.equal(socket.recovered, true);
    const { reason, exact, recovered, lastOffset } = socket.lastGap;
    assert.deepEqual([reason, exact, recovered, lastOffset], ["seam", false, true, offset]);
    await until(() => log.length === told.length);
    assert.deepEqual(log, told);
  }
});

test("offset: how far the application has come goes into CONNECT", options, async (t) => {
  const connects = [];
  const server = await sioServer(t, { connectionStateRecovery: undefined });
  server.io.on("connection", (socket) => connects.push(socket.handshake.auth));
  const of = (event, ...args) => (event === "chat" ? args[1] : undefined);
  const socket = connect(t, server.url, { ...WS, auth: { token: "t" }, offset: { key: "serverOffset", of } });
  await once(socket, "connect");
  server.io.emit("chat", "hello", 7, "tail");
  server.io.emit("chat", "hello", 8);
  server.io.emit("other", "hello", 9);
  await once(socket, "other");
  socket.io.engine.close();
  await once(socket, "connect");
  socket.auth = { serverOffset: 1 };
  socket.io.engine.close();
  await once(socket, "connect");
  socket.auth = (answer) => answer();
  socket.io.engine.close();
  await once(socket, "connect");
  assert.deepEqual(connects, [{ token: "t" }, { token: "t", serverOffset: 8 }, { serverOffset: 1 }, { serverOffset: 8 }]);
});

test("holdEvents: until the first listener, in order, with their acks", options, async (t) => {
  const answers = [];
  const settings = { holdEvents: ["news", "7"], holdSize: 10 };
  const { socket, say } = await joined(t, settings, { heard: (text) => answers.push(text) });
  const log = [];
  socket.onAny((event, value) => log.push(`any ${event} ${value}`));
  say('42["news",1]');
  say('42["free",2]');
  say('425["news",3]');
  say('42[7,4]');
  await until(() => log.length === 1);
  say('42["free",5]');
  await until(() => log.length === 2);
  assert.deepEqual(log, ["any free 2", "any free 5"]);
  log.length = 0;
  socket.addEventListener("news", (value, answer) => {
    log.push(value);
    answer?.("read");
  });
  assert.deepEqual(log, [], "not within the call");
  await until(() => answers.length === 1);
  assert.deepEqual(log, ["any news 1", 1, "any news 3", 3]);
  assert.deepEqual(answers, ['435["read"]']);
  const [value] = await once(socket, 7);
  assert.equal(value, 4);
  say('42["news",6]');
  await until(() => log.includes(6));
});

test("holdEvents: once takes one of them; those behind wait for the next listener", options, async (t) => {
  const { socket, say } = await joined(t, { holdEvents: ["news"] });
  for (const number of [1, 2, 3]) say(`42["news",${number}]`);
  say('42["mark"]');
  await once(socket, "mark");
  for (const number of [1, 2, 3]) assert.deepEqual(await once(socket, "news"), [number]);
});

test("holdSize: the oldest is dropped; the first is told at once, the others with the next listener", options, async (t) => {
  const { socket, say } = await joined(t, { holdEvents: ["news"], holdSize: 2 }, { heard: answering });
  const gaps = record(socket, ["gap"], [], (_, gap) => gap);
  for (const number of [1, 2, 3, 4]) say(`42["news",${number}]`);
  say('42["mark"]');
  await once(socket, "mark");
  assert.deepEqual(gaps.map(({ reason, recovered, exact }) => [reason, recovered, exact]), [["overflow", false, false]]);
  assert.equal(socket.lastGap, gaps[0]);
  await new Promise((resolve) => setImmediate(resolve));
  const before = Date.now();
  assert.deepEqual(await once(socket, "news"), [3]);
  await until(() => gaps.length === 2);
  assert.ok(gaps[1].reason === "overflow" && gaps[1].since <= gaps[0].until + 1 && gaps[1].until >= before - 1);
  assert.deepEqual(await once(socket, "news"), [4]);
  await socket.emitWithAck("question");
  assert.equal(gaps.length, 2);
});

test("holdSize: what was dropped is told though nothing of its name waits any more", options, async (t) => {
  const { socket, say } = await joined(t, { holdEvents: ["a", "b"], holdSize: 1 });
  const gaps = record(socket, ["gap"], [], (_, gap) => gap);
  for (const name of ["a", "b", "a", "b"]) say(`42["${name}"]`);
  say('42["mark"]');
  await once(socket, "mark");
  assert.equal(gaps.length, 1);
  const log = record(socket, ["a"]);
  await until(() => gaps.length === 2);
  assert.deepEqual(log, []);
});

test("holdSize: who flooded pays", options, async (t) => {
  const { socket, say } = await joined(t, { holdEvents: ["a", "b"], holdSize: 3 });
  for (const [name, number] of [["a", 1], ["b", 2], ["b", 3], ["b", 4]]) say(`42["${name}",${number}]`);
  say('42["mark"]');
  await once(socket, "mark");
  const log = record(socket, ["a", "b"], [], (_, number) => number);
  await until(() => log.length === 3);
  assert.deepEqual(log, [1, 3, 4]);
});

test("holdSize: what waits is bounded in bytes too, of texts and attachments", options, async (t) => {
  const { socket, say } = await joined(t, { holdEvents: ["a", "b"] });
  const gaps = record(socket, ["gap"], [], (_, gap) => gap.reason);
  const much = 6 * 1024 * 1024;
  say('42["a","small"]');
  for (const at of [1, 2]) say('451-["b",{"_placeholder":true,"num":0}]'), say(Buffer.alloc(much, at));
  say('42["mark"]');
  await once(socket, "mark");
  assert.deepEqual(gaps, []);
  say(`42["b",{"text":["${"3".repeat(much)}"]}]`);
  say('42["mark"]');
  await once(socket, "mark");
  assert.deepEqual(gaps, ["overflow"]);
  const heard = [];
  socket.on("a", (text) => heard.push(text)).on("b", (data) => heard.push(data.text ? 3 : data[0]));
  await until(() => heard.length === 3);
  // The oldest of those with the most bytes made room.
  assert.deepEqual(heard, ["small", 2, 3]);
});

test("holdSize: a gap stands behind what was read before it", options, async (t) => {
  const numbers = Array.from({ length: 10 }, (_, at) => at);
  const server = await sioServer(t, { transports: ["polling"] });
  server.io.on("connection", (socket) => {
    // In one body.
    socket.emit("news", 1);
    socket.emit("news", 2);
    for (const number of numbers) socket.emit("other", number);
  });
  const log = [];
  const resync = async () => log.push("resync");
  const settings = { transports: ["polling"], holdEvents: ["news"], holdSize: 1, resync };
  const socket = connect(t, server.url, settings);
  record(socket, ["gap"], log);
  record(socket, ["other"], log, (_, number) => number);
  await until(() => log.includes("resync"));
  assert.deepEqual(log, [...numbers, "gap", "resync"]);
});

test("holdEvents: whoever joins next gets nothing of what was held; a connection that is lost keeps it", options, async (t) => {
  const said = [];
  const offset = { key: "place", of: (_, place) => place };
  const { socket, say, drop } = await joined(t, { holdEvents: ["news"], offset }, { heard: answering });
  const { auth } = socket._incoming;
  socket._incoming.auth = (data) => {
    const full = auth.call(socket._incoming, data);
    said.push(full?.place);
    return full;
  };
  const tell = async (text) => {
    say(text);
    await socket.emitWithAck("question");
  };
  await tell('42["other",1]');
  await tell('42["news",2]');
  await tell('42["other",3]');
  assert.equal(socket._incoming.holds, true);
  drop();
  await once(socket, "connect");
  assert.deepEqual(await once(socket, "news"), [2]);
  assert.equal(socket._incoming.holds, false);
  const leaves = [
    () => socket.disconnect(),
    () => socket.io._close(),
    async () => {
      say("41");
      await once(socket, "disconnect");
    },
  ];
  for (const [at, leave] of leaves.entries()) {
    await tell(`42["news",${at + 10}]`);
    await leave();
    assert.equal(socket._incoming.holds, false);
    socket.connect();
    await once(socket, "connect");
  }
  const log = record(socket, ["news"], [], (_, number) => number);
  await tell('42["news",20]');
  assert.deepEqual(log, [20]);
  // What was held has come, unless it was thrown away.
  assert.deepEqual(said, [3, 3, 3, 3]);
});

test("holdSize: what was dropped is made good as any gap, and told again once somebody has listened", options, async (t) => {
  const loads = [];
  let go;
  const resync = (gap) => {
    loads.push(gap);
    return new Promise((resolve) => (go = resolve));
  };
  const { socket, say } = await joined(t, { holdEvents: ["news"], holdSize: 1, resync }, {
    heard: (text, ws) => text.startsWith("420") && ws.send("430[]"),
  });
  const before = Date.now();
  const log = record(socket, ["gap", "other"], [], (event) => event);
  say('42["news",1]');
  say('42["news",2]');
  await until(() => loads.length === 1);
  const { since, until: now, reason, outage } = loads[0];
  assert.deepEqual([reason, outage, socket.lastGap], ["overflow", 0, loads[0]]);
  assert.ok(since >= before - 1000 && now >= since && now <= Date.now() + 1000);
  // Until it has been, nothing else comes.
  say('42["other"]');
  await socket.emitWithAck("question");
  assert.deepEqual(log, ["gap"]);
  go();
  await until(() => log.length === 2);
  assert.deepEqual(log, ["gap", "other"]);
  say('42["news",3]');
  say('42["other"]');
  await until(() => log.length === 3);
  assert.equal(loads.length, 1);
  assert.deepEqual(await once(socket, "news"), [3]);
  say('42["news",4]');
  say('42["news",5]');
  await until(() => loads.length === 2);
  assert.equal(loads[1].reason, "overflow");
});

test("urls: the next server, where one cannot be reached; it is remembered", options, async (t) => {
  const { url: gone } = await refusingServer(t);
  const { url } = await sioServer(t);
  const socket = connect(t, gone, { ...WS, urls: [url] });
  await once(socket, "connect");
  assert.equal(socket.io.engine.port, new URL(url).port);
  const errors = record(socket.io, ["error"]);
  socket.io.engine.close();
  await once(socket, "connect");
  assert.deepEqual(errors, []);
});

test("shuffleUrls: each of them is the first for some", options, async (t) => {
  const servers = await Promise.all([1, 2, 3].map(() => sioServer(t)));
  const [first, ...urls] = servers.map(({ url }) => url);
  const seen = new Set();
  for (let i = 0; i < 60 && seen.size < 3; i += 1) {
    const socket = connect(t, first, { ...WS, urls, shuffleUrls: true });
    await once(socket, "connect");
    seen.add(socket.io.engine.port);
    socket.disconnect();
  }
  assert.equal(seen.size, 3);
});

test("what is none of an option's values is told at once", options, (t) => {
  const wrong = [
    { recoveryTakeoverTimeout: -1 },
    { recoveryOverlap: "much" },
    { recoveryDedupe: "hash" },
    { gap: "some" },
    { recoveryStore: "disk" },
    { urls: "https://example.com" },
    { urls: [1] },
    { holdEvents: "news" },
    { holdSize: 0 },
    { resync: true },
    { offset: { key: "offset" } },
  ];
  for (const settings of wrong) {
    const [name] = Object.keys(settings);
    assert.throws(() => connect(t, "http://127.0.0.1:1", { autoConnect: false, ...settings }), new RegExp(name), name);
  }
});
