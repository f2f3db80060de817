// The proxy does to connections what it says.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, test } from "node:test";
import { cut, plan } from "./cutter.mjs";
import { Proxy, leave } from "./proxy.mjs";
import { Random } from "./random.mjs";

after(leave);

/** What arrives at one end, and how it ends. */
function watch(socket) {
  const seen = { socket, text: "", end: undefined };
  socket.on("data", (chunk) => (seen.text += chunk));
  socket.on("end", () => (seen.end = "end"));
  socket.on("error", ({ code }) => (seen.end = code));
  seen.closed = new Promise((resolve) => socket.on("close", resolve));
  return seen;
}

/** Resolves once so much has arrived. */
async function arrived(seen, text) {
  while (seen.text.length < text.length) await once(seen.socket, "data");
  assert.equal(seen.text, text);
}

/** `{ proxy, client, server, link }`: a connection through the proxy, seen from both ends. */
async function pair(t) {
  const target = createServer();
  await new Promise((resolve) => target.listen(0, "127.0.0.1", resolve));
  const proxy = await new Proxy(target.address().port).listen();
  const accepted = once(target, "connection");
  const client = watch(connect(proxy.port, "127.0.0.1"));
  const server = watch((await accepted)[0]);
  t.after(() => {
    proxy.close();
    client.socket.destroy();
    server.socket.destroy();
    target.close();
  });
  client.socket.write("hello");
  await arrived(server, "hello");
  server.socket.write("welcome");
  await arrived(client, "welcome");
  return { proxy, client, server, link: proxy.links[0] };
}

test("bytes pass both ways, and an end is passed on", async (t) => {
  const { proxy, client, server } = await pair(t);
  client.socket.end();
  await Promise.all([client.closed, server.closed]);
  assert.equal(server.end, "end");
  await proxy.until(() => proxy.idle);
});

test("a reset reaches both sides", async (t) => {
  const { client, server, link } = await pair(t);
  link.reset();
  await Promise.all([client.closed, server.closed]);
  assert.deepEqual([client.end, server.end], ["ECONNRESET", "ECONNRESET"]);
});

test("a reset of one side is one of the other", async (t) => {
  const { client, server } = await pair(t);
  server.socket.resetAndDestroy();
  await client.closed;
  assert.equal(client.end, "ECONNRESET");
});

test("an orderly end reaches both sides, and what is sent after it is lost", async (t) => {
  const { client, server, link } = await pair(t);
  link.finish();
  client.socket.write("late");
  await Promise.all([client.closed, server.closed]);
  assert.deepEqual([client.end, server.end, server.text], ["end", "end", "hello"]);
});

for (const [bytes, text] of [[0, "hello"], [3, "hello123"], [5, "hello12345"]]) {
  test(`${bytes} more bytes pass, then the connection is cut`, async (t) => {
    const { client, server, link } = await pair(t);
    link.limit("up", { left: bytes }, () => link.reset());
    client.socket.write("12345");
    await arrived(server, text);
    client.socket.write("67890");
    await Promise.all([client.closed, server.closed]);
    // A reset that comes with the last bytes may look like an end.
    assert.equal(server.text, text);
  });
}

test("a mute link passes nothing, and is cut later", async (t) => {
  const { client, server, link } = await pair(t);
  link.mute(20);
  client.socket.write("12345");
  server.socket.write("12345");
  await Promise.all([client.closed, server.closed]);
  assert.deepEqual([client.text, server.text, client.end], ["welcome", "hello", "ECONNRESET"]);
});

test("the server of a ghost keeps its connection for a while", async (t) => {
  const { proxy, client, server, link } = await pair(t);
  link.ghost(20);
  await client.closed;
  assert.deepEqual([proxy.links.length, proxy.idle, server.end], [0, false, undefined]);
  await server.closed;
  assert.deepEqual([client.end, server.end], ["ECONNRESET", "ECONNRESET"]);
});

test("on a silent link each side finds out by itself", async (t) => {
  const { proxy, client, server, link } = await pair(t);
  link.silence();
  client.socket.write("12345");
  client.socket.end();
  await client.closed;
  assert.deepEqual([proxy.links.length, proxy.idle, server.text, server.end], [0, false, "hello", undefined]);
  server.socket.end();
  await server.closed;
  await proxy.until(() => proxy.idle);
});

for (const [orderly, end] of [[false, "ECONNRESET"], [true, "end"]]) {
  test(`an abandoned client is told, by ${end}, the server is not`, async (t) => {
    const { proxy, client, server, link } = await pair(t);
    link.abandon(orderly);
    await client.closed;
    assert.deepEqual([client.end, proxy.idle, server.end], [end, false, undefined]);
    server.socket.destroy();
    await proxy.until(() => proxy.idle);
  });
}

test("a close frame reaches the server, and the client once that is gone", async (t) => {
  const { client, server, link } = await pair(t);
  link.sayGoodbye(1001);
  await server.closed;
  assert.equal(Buffer.from(server.text.slice(5), "latin1").length, 8);
  await client.closed;
  assert.equal(client.text.length, "welcome".length + 4);
});

test("without a target a connection waits for one", async (t) => {
  const { proxy } = await pair(t);
  const { target } = proxy;
  proxy.target = undefined;
  const client = watch(connect(proxy.port, "127.0.0.1"));
  await once(client.socket, "connect");
  const link = once(proxy, "link");
  proxy.target = target;
  await link;
  client.socket.destroy();
});

test("what was sent can arrive after the client was cut off", async (t) => {
  const { client, server, link } = await pair(t);
  link.late(5, 20);
  client.socket.write("12345");
  await client.closed;
  assert.equal(server.text, "hello");
  await arrived(server, "hello12345");
  await server.closed;
  assert.equal(server.end, "ECONNRESET");
});

test("what is gathered arrives in one piece, before the end", async (t) => {
  const { client, server, link } = await pair(t);
  const pieces = [];
  server.socket.on("data", (chunk) => pieces.push(`${chunk}`));
  link.gather(10);
  client.socket.write("123");
  // On the wire by then.
  await new Promise((resolve) => client.socket.write("45", resolve));
  client.socket.end("67");
  await server.closed;
  assert.deepEqual([pieces, server.end], [["1234567"], "end"]);
});

test("a target that is not there is a reset", async (t) => {
  const { proxy } = await pair(t);
  const target = createServer();
  await new Promise((resolve) => target.listen(0, "127.0.0.1", resolve));
  proxy.target = target.address().port;
  await new Promise((resolve) => target.close(resolve));
  const client = watch(connect(proxy.port, "127.0.0.1"));
  await client.closed;
  assert.equal(client.end, "ECONNRESET");
});

test("a seed gives the same cuts again, and all kinds of them", () => {
  const plans = (seed) => {
    const random = new Random(seed);
    return Array.from({ length: 200 }, () => plan(random, { loseAcks: true }));
  };
  assert.deepEqual(plans(1), plans(1));
  assert.notDeepEqual(plans(1), plans(2));
  const kinds = new Set(plans(1).map(({ kind }) => kind));
  assert.deepEqual([...kinds].sort(), ["ack", "down", "fin", "ghost", "late", "mute", "rst", "up"]);
});

test("as many cuts as asked for, each of a new connection", async (t) => {
  const target = createServer((socket) => socket.on("error", () => {}).write('40{"sid":"x"}'));
  await new Promise((resolve) => target.listen(0, "127.0.0.1", resolve));
  const proxy = await new Proxy(target.address().port).listen();
  let client;
  let connections = 0;
  const call = () => {
    connections += 1;
    client = watch(connect(proxy.port, "127.0.0.1"));
    client.socket.on("close", call);
  };
  call();
  t.after(() => {
    client.socket.off("close", call).destroy();
    proxy.close();
    target.close();
  });
  const counts = await cut(proxy, new Random(3), { count: 5, targets: () => [proxy.target], loseAcks: false });
  assert.equal(Object.values(counts).reduce((a, b) => a + b), 5);
  assert.ok(connections >= 5, `${connections}`);
});
