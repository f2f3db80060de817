// What only Node has: agents, headers, cookies, compression, and a process that ends.
import { spawn } from "node:child_process";
import { once as happened } from "node:events";
import { Agent } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect, entry } from "./client.mjs";
import { once, sioServer, until, within } from "./server.mjs";
import { watch } from "./wire.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const echo = (socket, value) => within(socket.emitWithAck("echo", value), "an echo");

/** An agent that remembers the paths of the requests that it was given. */
class Recorder extends Agent {
  paths = [];

  addRequest(request, ...rest) {
    this.paths.push(request.path);
    return super.addRequest(request, ...rest);
  }
}

function recorder(t) {
  const agent = new Recorder({ keepAlive: false });
  t.after(() => agent.destroy());
  return agent;
}

test("agent: makes the connection of a WebSocket", async (t) => {
  const server = await sioServer(t);
  const agent = recorder(t);
  await echo(connect(t, server.url, { transports: ["websocket"], agent }), 1);
  assert.equal(agent.paths.length, 1);
  assert.match(agent.paths[0], /^\/socket\.io\/\?EIO=4&transport=websocket$/);
});

test("agent: makes the connections of polling", async (t) => {
  const server = await sioServer(t);
  const { requests } = watch(server);
  const agent = recorder(t);
  await echo(connect(t, server.url, { transports: ["polling"], agent }), 1);
  assert.ok(requests.length >= 4);
  for (const { url } of requests) assert.ok(agent.paths.includes(url.pathname + url.search), url.search);
});

const headers = {
  "X-Custom-Header-For-My-Project": "my-secret-access-token",
  Cookie: "user_session=NI2JlCKF90aE0sJZD9ZzujtdsUqNYSBYxzlTsvdSUe35ZzdtVRGqYFr0kdGxbfc5gUOkR9RGp20GVKza; path=/",
};

/** Which requests had those headers. */
function carried({ requests }) {
  return requests.map(({ method, transport, headers: got }) => {
    const all = Object.entries(headers).filter(([name, value]) => got[name.toLowerCase()] === value).length;
    return `${method} ${transport} ${all}`;
  });
}

test("extraHeaders: on polling's GETs and POSTs, and on the WebSocket's handshake", async (t) => {
  const server = await sioServer(t);
  const watched = watch(server);
  const given = { ...headers };
  const socket = connect(t, server.url, { extraHeaders: given });
  await once(socket.io.engine, "upgrade");
  await echo(socket, 1);
  const seen = new Set(carried(watched));
  assert.deepEqual([...seen].sort(), ["GET polling 2", "GET websocket 2", "POST polling 2"]);
  assert.deepEqual(given, headers);
});

test("transportOptions: one transport's extraHeaders", async (t) => {
  const server = await sioServer(t);
  const watched = watch(server);
  const socket = connect(t, server.url, { transportOptions: { polling: { extraHeaders: headers } } });
  assert.equal(socket.io.engine.transport.name, "polling");
  await once(socket.io.engine, "upgrade");
  const seen = new Set(carried(watched));
  assert.deepEqual([...seen].sort(), ["GET polling 2", "GET websocket 0", "POST polling 2"]);
});

/** Whether a text message of that size left compressed. */
async function compressed(t, length, options, prepare = (socket) => socket) {
  const server = await sioServer(t, { perMessageDeflate: true });
  const { frames } = watch(server);
  const socket = connect(t, server.url, { transports: ["websocket"], ...options });
  await once(socket, "connect");
  const before = frames.length;
  await within(prepare(socket).emitWithAck("echo", "a".repeat(length)), "an echo");
  assert.equal(frames[before].opcode, 1);
  return frames[before].compressed;
}

test("perMessageDeflate: the threshold says what is compressed", async (t) => {
  assert.equal(await compressed(t, 2, { perMessageDeflate: { threshold: 0 } }), true);
  assert.equal(await compressed(t, 2000, { perMessageDeflate: { threshold: 4000 } }), false);
  assert.equal(await compressed(t, 2000, { perMessageDeflate: false }), false);
});

test("by default messages below 1 KiB are not compressed", async (t) => {
  assert.equal(await compressed(t, 2, {}), false);
  assert.equal(await compressed(t, 2000, {}), true);
  assert.equal(await compressed(t, 2000, {}, (socket) => socket.compress(false)), false);
});

/** A process that has nothing to do but a connection: what it printed, and how it ended. */
async function unref(t, options, ended) {
  const server = await sioServer(t, { pingInterval: 20 });
  const fixture = fileURLToPath(new URL("fixtures/unref.mjs", import.meta.url));
  const child = spawn(process.execPath, [fixture, entry, server.url, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = happened(child, "exit");
  t.after(() => child.kill());
  const lines = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  await until(() => ended(lines), `the end of ${JSON.stringify(lines)}`);
  if (!lines.includes("drained")) child.kill();
  return { lines, exit: await within(exit, "the exit") };
}

const drained = (lines) => lines.includes("drained");

for (const transports of [undefined, ["polling"], ["websocket"]]) {
  const name = transports ? transports[0] : "polling, then WebSocket";
  test(`autoUnref: a connection does not keep the process alive (${name})`, async (t) => {
    const { lines, exit } = await unref(t, { autoUnref: true, transports }, drained);
    assert.ok(lines.includes("connected"));
    assert.deepEqual(exit, [0, null]);
  });
}

test("without autoUnref a connection keeps the process alive", async (t) => {
  for (const transport of ["polling", "websocket"]) {
    const pings = (lines) => lines.filter((line) => line === "ping").length >= 3;
    const { lines, exit } = await unref(t, { autoUnref: false, transports: [transport] }, pings);
    assert.ok(!drained(lines));
    assert.deepEqual(exit, [null, "SIGTERM"]);
  }
});

/** A session over polling with a server that sets cookies: the `cookie` headers of its requests, in order. */
async function cookies(t, setCookie, options) {
  const server = await sioServer(t);
  server.io.engine.on("initial_headers", (headers) => {
    headers["set-cookie"] = setCookie;
  });
  const { requests } = watch(server);
  await echo(connect(t, server.url, { transports: ["polling"], ...options }), 1);
  assert.ok(requests.length >= 4);
  return requests.map(({ headers }) => headers.cookie);
}

const day = 24 * 60 * 60 * 1000;
const variants = [
  "one=1; Max-Age=86400",
  "two=2; Path=/; HttpOnly; Secure; SameSite=Strict",
  "three=3; Max-Age=0",
  `four=4; Expires=${new Date(Date.now() - day).toUTCString()}`,
];

test("withCredentials: cookies that are not expired are sent back", async (t) => {
  const [first, ...others] = await cookies(t, variants, { withCredentials: true });
  assert.equal(first, undefined);
  for (const cookie of others) assert.equal(cookie, "one=1; two=2");
});

test("without withCredentials no cookie is sent back", async (t) => {
  for (const cookie of await cookies(t, variants, { withCredentials: false })) assert.equal(cookie, undefined);
});

test("cookies as servers write them: bare, with all attributes, with = and & in the value", async (t) => {
  const expires = new Date(Date.now() + day).toUTCString();
  const [, cookie] = await cookies(
    t,
    [
      "foo=bar",
      `full=bar; Max-Age=1000; Domain=.example.com; Path=/; Expires=${expires}; HttpOnly; Secure; SameSite=strict`,
      "odd=bar=bar&foo=foo&John=Doe&Doe=John; Domain=.example.com; Path=/; HttpOnly; Secure",
    ],
    { withCredentials: true },
  );
  assert.equal(cookie, "foo=bar; full=bar; odd=bar=bar&foo=foo&John=Doe&Doe=John");
});
