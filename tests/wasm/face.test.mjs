// The browser's Rust face in Node, against the Node server.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import WebSocket from "ws";
import { Child, nodeServer, root } from "../page/harness.mjs";
import { build } from "./build.mjs";

globalThis.WebSocket = WebSocket;
const module = build("face", "node");
const face = await import(module);

test("one application source runs in the browser too", async (t) => {
  const server = await nodeServer(t);
  await face.portable(server.url);
});

for (const transport of ["websocket", "polling"]) {
  test(`${transport}: emits, events, acks and bytes both ways`, async (t) => {
    const server = await nodeServer(t);
    assert.deepEqual(await face.round_trip(server.url, transport), [
      `${transport} true`,
      'echo "é漢😀",1,[true]',
      "ack 7 x",
      "binary true true",
      "question true Ok(())",
      "again true Err(AlreadyAcknowledged)",
      'answered "yes",2',
      'not sent: "connect" is a reserved event name',
    ]);
  });

  test(`${transport}: reconnects, and keeps what was emitted meanwhile`, async (t) => {
    const server = await nodeServer(t);
    assert.deepEqual(await face.reconnect(server.url, transport), [
      "transport close",
      "waiting 1",
      "attempt 1",
      "reconnect 1",
      "1",
      "2",
      "3",
      "true",
    ]);
  });

  test(`${transport}: what was missed comes, and what was not answered is sent again`, async (t) => {
    const server = await nodeServer(t, { connectionStateRecovery: {} });
    const lines = ["tick 1 false", "transport close", "tick 2 true", "true true", "recorded true"];
    assert.deepEqual(await face.recover(server.url, transport), lines);
  });

  test(`${transport}: what cannot be resumed is told, and loaded before anything else comes`, async (t) => {
    const server = await nodeServer(t);
    const lines = ["false", "connect", "none-offered false true", "loaded true", "tick 1 false", "true"];
    assert.deepEqual(await face.gap(server.url, transport), lines);
  });

  test(`${transport}: a message above the limit ends the connection, not the client`, async (t) => {
    const server = await nodeServer(t);
    assert.deepEqual(await face.too_large(server.url, transport), [
      "40000",
      "transport error",
      "socket has been disconnected",
      "40000",
    ]);
  });

  test(`${transport}: a server that is not there`, async () => {
    const nobody = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => nobody.once("listening", resolve));
    const { port } = nobody.address();
    await new Promise((resolve) => nobody.close(resolve));
    const error = await face.failure(`http://127.0.0.1:${port}`, transport);
    assert.match(error, new RegExp(`^${transport}: cannot connect to 127\\.0\\.0\\.1:${port}: .*browser`));
    assert.deepEqual(await face.gave_up(`http://127.0.0.1:${port}`, transport), [
      "all attempts to reconnect have failed",
      "all attempts to reconnect have failed",
      "the namespace is disconnected; call `connect`",
    ]);
  });

  test(`${transport}: the last handle closes; what was emitted before arrives`, async (t) => {
    const server = await nodeServer(t);
    assert.equal(await face.dropped(server.url, transport), "ended true");
    server.send({ wait: "disconnects", min: 1 });
    const { waited } = await server.waitJson("the goodbye", (line) => line.waited);
    assert.deepEqual(waited.disconnects.map(({ reason }) => reason), ["client namespace disconnect"]);
    assert.deepEqual(waited.events.counts, { record: 3 });
  });
}

test("events wait for their first listener, and those without room are told and made good", async (t) => {
  const server = await nodeServer(t);
  assert.deepEqual(await face.held(server.url), [
    "gap overflow",
    "loaded overflow true",
    "true",
    "once 2 false",
    "stream 3",
    "stream 4",
  ]);
});

test("how far a server's own history came goes into CONNECT", async (t) => {
  const server = await nodeServer(t);
  const auth = ['{"token":"t"}', '{"serverOffset":41,"token":"t"}'];
  assert.deepEqual(await face.history(server.url), ['"a",41', '"b"', ...auth]);
});

test("moves from polling to WebSocket without losing or reordering anything", async (t) => {
  const server = await nodeServer(t);
  assert.deepEqual(await face.upgrade(server.url), ["open polling", "upgrade websocket", "websocket"]);
});

test("a namespace that refuses, then lets in with other data", async (t) => {
  const server = await nodeServer(t);
  assert.deepEqual(await face.refused(server.url), [
    'the server refused the namespace: not authorized Some(Ok({"code": "denied"}))',
    "false the server refused the namespace: not authorized",
    "/secret true",
  ]);
});

test("an HTTP server that is no Socket.IO server", async (t) => {
  const server = createServer((_, response) => response.writeHead(503).end("down for lunch"));
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  assert.equal(
    await face.failure(url, "polling"),
    "polling: the server answered with HTTP status 503: down for lunch",
  );
  assert.match(await face.failure(url, "websocket"), /^websocket: cannot connect to /);
});

test("listeners may do anything, and never run inside a call", async (t) => {
  const server = await nodeServer(t);
  assert.deepEqual(await face.listeners(server.url), [
    "out echo 1",
    "any 1",
    "once 1",
    "out echo 2",
    "any 2",
    "false Disconnected",
    "io client disconnect",
  ]);
});

test("acks that do not come, and a full buffer", async (t) => {
  const server = await nodeServer(t);
  assert.deepEqual(await face.unanswered(server.url), [
    "operation has timed out",
    "socket has been disconnected",
    "the ack came, but the payload does not fit the expected type: invalid type: string \"text\", expected u32",
    "offline false Reconnecting",
    "full true",
    "online",
  ]);
});

test("a stream that nobody reads ends when it is full, after what it holds", async (t) => {
  const server = await nodeServer(t);
  assert.equal(await face.unread(server.url, 100_010), 100_000);
});

test("what a full browser does not take waits in the client", async (t) => {
  const server = await nodeServer(t);
  let stuck = true;
  let buffered = 0;
  let events = 0;
  class Slow extends WebSocket {
    get bufferedAmount() {
      return stuck ? buffered : 0;
    }
    send(data) {
      buffered += data.length;
      if (data.startsWith("42")) events += 1;
      super.send(data);
    }
  }
  globalThis.WebSocket = Slow;
  t.after(() => (globalThis.WebSocket = WebSocket));
  let before;
  const lines = await face.flood(server.url, () => {
    before = events;
    stuck = false;
  });
  assert.ok(before > 10 && before < 50, String(before));
  assert.deepEqual([lines, events], [["answered 100000"], 100]);
});

test("a session that slept too long is replaced as soon as anything happens", async (t) => {
  const server = await nodeServer(t);
  const { now } = Date;
  t.after(() => (Date.now = now));
  const begin = performance.now();
  const lines = await face.slept(server.url, () => (Date.now = () => now() + 3_600_000));
  assert.deepEqual(lines, ["ping timeout", "7"]);
  assert.ok(performance.now() - begin < 15_000, "the heartbeat's own timer has 45 s to go");
});

// As in the JavaScript face: tests/js/clock-jumps.test.mjs.
test("a wall clock that is set a day forward is taken for sleep, and one set back changes nothing", async (t) => {
  const server = await nodeServer(t);
  const DAY = 24 * 3600 * 1000;
  const { now } = Date;
  t.after(() => (Date.now = now));
  const lines = async (...jumps) => {
    const said = await face.clock_set(server.url, jumps, (jump) => (Date.now = () => now() + jump));
    Date.now = now;
    return said.map((line) => line.replace(/not sent: .* its age limit .*/, "expired"));
  };
  const [held, expired] = ["7 8", "7 expired"];
  assert.deepEqual(await lines(-DAY), [held]);
  assert.deepEqual(await lines(DAY), ["ping timeout", expired]);
  assert.deepEqual(await lines(DAY, 0), ["ping timeout", expired, held]);
  assert.deepEqual(await lines(-DAY, 0), [held, "ping timeout", expired]);
});

test("URL, query and headers are asked again at each attempt", async (t) => {
  const server = await nodeServer(t);
  const [query] = await face.asked("http://127.0.0.1:1", server.url);
  assert.equal(query, '"1" "2"');
});

test("without a client nothing keeps the program running", async (t) => {
  const server = await nodeServer(t);
  const script = `
    import WebSocket from "ws";
    globalThis.WebSocket = WebSocket;
    const { background } = await import(${JSON.stringify(module)});
    const stop = background(${JSON.stringify(server.url)}, (line) => { console.log(line); stop.free(); });
  `;
  const child = new Child(t, process.execPath, ["--input-type=module", "-e", script], { cwd: `${root}/tests` });
  await child.wait("the connection", (line) => line === "connected");
  assert.deepEqual(await child.exit, { code: 0, signal: null });
});
