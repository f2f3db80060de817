// From the URI and options that an application gives to host, port and the URL of a request. Nothing is connected.
import { fetched, opened } from "./fakes.mjs";
import { client, connect, createManager } from "./client.mjs";
import { sioServer, until, within } from "./server.mjs";
import { packets, watch } from "./wire.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const { Fetch, WebSocket } = client;

/** The engine of a Manager that asks for nothing but one URL, over the fake `fetch`. */
function engineOf(t, ...args) {
  const options = { transports: [Fetch], reconnection: false };
  if (typeof args.at(-1) === "object") Object.assign(options, args.pop());
  return (args.length > 0 ? createManager(t, args[0], options) : createManager(t, options)).engine;
}

const where = ({ hostname, port, secure }) => [hostname, port, secure];

/** The URL that the first poll asks for. */
async function polled(t, uri, options) {
  const before = fetched.length;
  engineOf(t, uri, { path: "/engine.io", timestampRequests: false, addTrailingSlash: false, ...options });
  return until(() => fetched[before], "a poll");
}

/** The URL of the first WebSocket. */
async function dialled(t, uri, options) {
  const before = opened.length;
  createManager(t, uri, {
    path: "/engine.io",
    transports: [WebSocket],
    addTrailingSlash: false,
    reconnection: false,
    ...options,
  });
  return until(() => opened[before], "a WebSocket");
}

test("a URI without a port has its scheme's", (t) => {
  assert.deepEqual(where(engineOf(t, "http://localhost")), ["localhost", "80", false]);
  assert.deepEqual(where(engineOf(t, "ws://localhost")), ["localhost", "80", false]);
  assert.deepEqual(where(engineOf(t, "https://localhost")), ["localhost", "443", true]);
  assert.deepEqual(where(engineOf(t, "wss://localhost")), ["localhost", "443", true]);
  // Also where an option says otherwise.
  assert.deepEqual(where(engineOf(t, "https://localhost", { port: "3000" })), ["localhost", "443", true]);
});

test("a URI's port, and an IPv6 address without its brackets", (t) => {
  assert.deepEqual(where(engineOf(t, "wss://localhost:2020")), ["localhost", "2020", true]);
  assert.deepEqual(where(engineOf(t, "http://[::1]")), ["::1", "80", false]);
  assert.deepEqual(where(engineOf(t, "http://[::1]:8080")), ["::1", "8080", false]);
});

test("options in the place of a URI: host and port", (t) => {
  assert.deepEqual(where(engineOf(t, { host: "localhost" })), ["localhost", "80", false]);
  assert.deepEqual(where(engineOf(t, { host: "localhost", port: "8080" })), ["localhost", "8080", false]);
  assert.deepEqual(where(engineOf(t, { hostname: "example.com", secure: true })), ["example.com", "443", true]);
});

test("a path has its slash at the end, unless told not to", (t) => {
  const path = (options) => engineOf(t, { host: "localhost", ...options }).opts.path;
  assert.equal(path({}), "/socket.io/");
  assert.equal(path({ path: "/engine.io" }), "/engine.io/");
  assert.equal(path({ path: "/engine.io/" }), "/engine.io/");
  assert.equal(path({ path: "/engine.io", addTrailingSlash: false }), "/engine.io");
  assert.equal(path({ path: "/engine.io/", addTrailingSlash: false }), "/engine.io");
});

test("an IPv6 address as host option, in brackets", (t) => {
  assert.deepEqual(where(engineOf(t, { host: "[::1]" })), ["::1", "80", false]);
  assert.deepEqual(where(engineOf(t, { host: "[::1]", secure: true })), ["::1", "443", true]);
  assert.deepEqual(where(engineOf(t, { host: "[::1]", port: "8080" })), ["::1", "8080", false]);
});

test("an IPv6 address as host option, without brackets", async (t) => {
  const before = fetched.length;
  assert.deepEqual(where(engineOf(t, { host: "::1" })), ["::1", "80", false]);
  assert.match(await until(() => fetched[before], "a poll"), /^http:\/\/\[::1\]\/socket\.io\//);
});

test("the parts of a URI that count: scheme, host, port and query", (t) => {
  const parts = (uri) => {
    const engine = engineOf(t, uri);
    return [...where(engine), engine.opts.query];
  };
  assert.deepEqual(parts("http://google.com"), ["google.com", "80", false, undefined]);
  assert.deepEqual(parts("https://www.google.com:80"), ["www.google.com", "80", true, undefined]);
  assert.deepEqual(parts("https://google.com/foo/bar?foo=bar&b=%20"), [
    "google.com",
    "443",
    true,
    { foo: "bar", b: " " },
  ]);
  assert.deepEqual(parts("ws://user:secret@google.com/#top"), ["google.com", "80", false, undefined]);
  assert.deepEqual(parts("http://[2001::7334:a]:8080/foo?bar=@example.com"), [
    "2001::7334:a",
    "8080",
    false,
    { bar: "@example.com" },
  ]);
  // Without a scheme.
  assert.deepEqual(parts("localhost:8080"), ["localhost", "8080", false, undefined]);
  assert.deepEqual(parts("google.com:8080/foo?foo=bar"), ["google.com", "8080", false, { foo: "bar" }]);
  assert.deepEqual(parts("2001:db8:85a3:42:1000:8a2e:370:7334"), [
    "2001:db8:85a3:42:1000:8a2e:370:7334",
    "80",
    false,
    undefined,
  ]);
  assert.deepEqual(parts("2001:db8:85a3:42:1000:8a2e:370:7334:81"), [
    "2001:db8:85a3:42:1000:8a2e:370:7334",
    "81",
    false,
    undefined,
  ]);
  assert.throws(
    () => engineOf(t, `http://${"a".repeat(8001)}`),
    (thrown) => /URI too long/.test(thrown.message ?? thrown),
  );
});

test("http: a port is written unless it is 80", async (t) => {
  const query = { query: { token: "test" } };
  const end = "/engine.io?token=test&EIO=4&transport=polling";
  assert.equal(await polled(t, "http://localhost", query), `http://localhost${end}`);
  assert.equal(await polled(t, "http://localhost:80", query), `http://localhost${end}`);
  assert.equal(await polled(t, "http://localhost:3000", query), `http://localhost:3000${end}`);
});

test("https: a port is written unless it is 443, a number or a string", async (t) => {
  const query = { query: { token: "test" } };
  const end = "/engine.io?token=test&EIO=4&transport=polling";
  const secure = (port) => polled(t, undefined, { ...query, hostname: "localhost", secure: true, port });
  assert.equal(await secure(443), `https://localhost${end}`);
  assert.equal(await secure("443"), `https://localhost${end}`);
  assert.equal(await secure(8443), `https://localhost:8443${end}`);
});

test("http: an IPv6 address is written in brackets", async (t) => {
  const options = (port) => ({ hostname: "::1", secure: false, port });
  const end = "/engine.io?EIO=4&transport=polling";
  assert.equal(await polled(t, undefined, options(80)), `http://[::1]${end}`);
  assert.equal(await polled(t, undefined, options(8080)), `http://[::1]:8080${end}`);
});

test("ws and wss, with a stamp only when asked", async (t) => {
  const end = "engine.io?EIO=4&transport=websocket";
  assert.equal(await dialled(t, "http://test"), `ws://test/${end}`);
  assert.equal(await dialled(t, "https://test"), `wss://test/${end}`);
  const stamped = await dialled(t, "ws://localhost", { timestampParam: "woot", timestampRequests: true });
  assert.match(stamped, /^ws:\/\/localhost\/engine\.io\?EIO=4&transport=websocket&woot=[0-9a-z]{8}$/);
});

test("ws: an IPv6 address is written in brackets", async (t) => {
  const options = (port) => ({ hostname: "::1", secure: false, port });
  const end = "/engine.io?EIO=4&transport=websocket";
  assert.equal(await dialled(t, undefined, options(80)), `ws://[::1]${end}`);
  assert.equal(await dialled(t, undefined, options(8080)), `ws://[::1]:8080${end}`);
});

test("each request names the protocol's revision and has a stamp of its own, of eight characters", async (t) => {
  const server = await sioServer(t);
  const { requests } = watch(server);
  const socket = connect(t, server.url, { transports: ["polling"] });
  assert.equal(socket.io.engine.constructor.protocol, 4);
  for (const value of ["a", "b", "c"]) await within(socket.emitWithAck("echo", value), "an echo");

  for (const { url } of requests) assert.equal(url.searchParams.get("EIO"), "4");
  const stamps = requests.map(({ url }) => url.searchParams.get("t"));
  for (const stamp of stamps) assert.match(stamp, /^[0-9a-z]{8}$/);
  assert.equal(new Set(stamps).size, stamps.length);
  const posts = requests.filter(({ method }) => method === "POST");
  assert.deepEqual(packets(posts[0].body), ["40"]);
});
