// Several packets at once, as polling brings them: each has its turn, whatever listeners do meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pollingServer } from "../servers/scripted.mjs";
import { connect, createManager, upstream } from "./client.mjs";
import { Clock, settle } from "./clock.mjs";
import { once, rawServer, sioServer, until } from "./server.mjs";

const polling = { transports: ["polling"], reconnection: false };
const body = (...packets) => packets.join("\x1e");
const events = (name, count) => Array.from({ length: count }, (_, i) => `42["${name}",${i}]`);

test("a listener that emits is not interrupted by the next event", async (t) => {
  const { url, say, posts } = await pollingServer(t);
  const socket = connect(t, url, polling);
  const log = [];
  socket.on("a", (i) => {
    log.push(`in ${i}`);
    socket.emit("b", i);
    log.push(`out ${i}`);
  });
  socket.on("a", (i) => log.push(`second ${i}`));
  say('40{"sid":"S"}');
  await once(socket, "connect");
  say(body(...events("a", 3)));
  await until(() => log.length === 9);
  assert.deepEqual(log, [0, 1, 2].flatMap((i) => [`in ${i}`, `out ${i}`, `second ${i}`]));
  await until(() => posts.at(-1).endsWith("2]"));
  assert.deepEqual(posts.slice(1).join("\x1e"), body(...events("b", 3)));
});

test("a body of many events whose listeners emit, answer or join namespaces", async (t) => {
  const { url, say } = await pollingServer(t);
  const socket = connect(t, url, polling);
  const problems = [];
  process.setUncaughtExceptionCaptureCallback((error) => problems.push(String(error)));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  let seen = 0;
  socket.on("a", (i) => {
    if (i === seen) seen += 1;
    socket.emit("b", i);
    if (i % 100 === 0) socket.io.socket(`/${i}`);
  });
  say('40{"sid":"S"}');
  await once(socket, "connect");
  say(body(...events("a", 5000)));
  await until(() => seen === 5000 || problems.length > 0);
  assert.deepEqual([seen, problems], [5000, []]);
});

test("a listener of connect that emits: the events that came along follow in order", async (t) => {
  const { url, say } = await pollingServer(t);
  const socket = connect(t, url, polling);
  const log = [];
  socket.on("connect", () => {
    log.push("connect");
    socket.emit("b");
    log.push("emitted");
  });
  socket.on("a", (i) => log.push(i));
  say(body('40{"sid":"S"}', ...events("a", 3)));
  await until(() => log.length === 5);
  assert.deepEqual(log, ["connect", "emitted", 0, 1, 2]);
});

test("a listener of connect that throws costs no event", async (t) => {
  const { url, say } = await pollingServer(t);
  const socket = connect(t, url, polling);
  const log = [];
  process.setUncaughtExceptionCaptureCallback((error) => log.push(error.message));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  socket.on("connect", () => {
    throw new Error("mine");
  });
  socket.on("a", (i) => log.push(i));
  say(body('40{"sid":"S"}', ...events("a", 2)));
  await until(() => log.length === 3);
  assert.deepEqual(log.sort(), [0, 1, "mine"]);
});

test("two namespaces that connect at once, where a listener of the first emits", async (t) => {
  const { url, say } = await pollingServer(t);
  const manager = createManager(t, url, polling);
  const [one, two] = [manager.socket("/one"), manager.socket("/two")];
  const log = [];
  one.on("connect", () => one.emit("b"));
  two.on("connect", () => log.push(two.id));
  two.on("a", (i) => log.push(i));
  say(body('40/one,{"sid":"S1"}', '40/two,{"sid":"S2"}', '42/two,["a",0]', '42/two,["a",1]'));
  await until(() => log.length === 3);
  assert.deepEqual(log, ["S2", 0, 1]);
});

test("after disconnect() in a listener no other event comes", async (t) => {
  const { url, say, posts } = await pollingServer(t);
  const socket = connect(t, url, polling);
  const log = [];
  socket.on("a", (i) => {
    log.push(i);
    socket.disconnect();
    log.push("left");
  });
  socket.on("disconnect", (reason) => log.push(reason));
  say('40{"sid":"S"}');
  await once(socket, "connect");
  say(body(...events("a", 3)));
  await until(() => log.length === 3);
  await until(() => posts.some((post) => post.includes("41")), "the goodbye");
  await settle();
  assert.deepEqual(log, [0, "io client disconnect", "left"]);
});

test("onAnyOutgoing hears of an emit at once, also one that waits for a request, before the socket is left", async (t) => {
  const { url, say, posts } = await pollingServer(t);
  const socket = connect(t, url, polling);
  const log = [];
  process.setUncaughtExceptionCaptureCallback((error) => log.push(String(error)));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  say('40{"sid":"S"}');
  await once(socket, "connect");
  socket.onAnyOutgoing((name) => log.push(name));
  socket.emit("a");
  socket.emit("b");
  log.push("emitted");
  socket.disconnect();
  await until(() => posts.some((post) => post.includes("41")), "the goodbye");
  await settle();
  assert.deepEqual(log, ["a", "b", "emitted"]);
});

test("authentication data that takes its time: the namespace connects with it", async (t) => {
  const { url } = await sioServer(t, { connectTimeout: 1e8, pingInterval: 1e8 });
  const clock = Clock.install(t);
  let answer;
  const socket = connect(t, url, { transports: ["websocket"], auth: (fn) => (answer = fn) });
  await until(() => answer);
  await clock.advance(60_000);
  answer({});
  await once(socket, "connect");
  assert.equal(socket.active, true);
});

test("an answer to CONNECT that takes its time", { skip: upstream }, async (t) => {
  const { url, sockets } = await rawServer(t, () => {}, { handshake: { pingInterval: 1e8 } });
  const clock = Clock.install(t);
  const socket = connect(t, url, { transports: ["websocket"] });
  await until(() => sockets[0]?.texts.includes("40"));
  await clock.advance(20_000);
  await clock.advance(2_000);
  await until(() => sockets[1]?.texts.includes("40"));
  sockets[1].send('40{"sid":"S"}');
  await once(socket, "connect");
  assert.equal(socket.active, true);
});

test("a namespace without a slash in front is the one with it", { skip: upstream }, async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url);
  const foo = manager.socket("foo");
  assert.equal(manager.socket("/foo"), foo);
  const valid = manager.socket("/valid");
  await Promise.all([foo, valid].map((socket) => socket.connected || once(socket, "connect")));
  assert.deepEqual([foo.nsp, valid.nsp], ["/foo", "/valid"]);
});
