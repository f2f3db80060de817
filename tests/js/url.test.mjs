// How `io()` reads an address: page's location, ports, namespaces, and the id under which Managers are shared.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadUrl } from "./client.mjs";

const url = await loadUrl();

const page = (protocol, hostname, port = "") => ({ protocol, hostname, port, host: hostname + (port && `:${port}`) });

function parts(parsed) {
  const { protocol, host, port } = parsed;
  return { protocol, host, port };
}

test("without an address, or with a path alone, it is the page's own origin", () => {
  assert.deepEqual(parts(url(undefined, undefined, page("https:", "woot.com", 4005))), {
    protocol: "https",
    host: "woot.com",
    port: "4005",
  });
  const path = url("/test", undefined, page("https:", "woot.com", 3000));
  assert.deepEqual(parts(path), { protocol: "https", host: "woot.com", port: "3000" });
  assert.equal(path.path, "/test");
});

test("without a protocol it is the page's", () => {
  const wanted = { protocol: "http", host: "localhost", port: "3000" };
  assert.deepEqual(parts(url("localhost:3000", undefined, page("http:", "woot.com"))), wanted);
  assert.deepEqual(parts(url("//localhost:3000", undefined, page("http:", "woot.com"))), wanted);
  assert.equal(url("//localhost", undefined, page("https:", "woot.com")).port, "443");
});

test("the id is told apart by protocol, port and path, with the port always written", () => {
  const plain = url("http://google.com/").id;
  assert.equal(plain, "http://google.com:80");
  assert.equal(url("http://google.com:80/").id, plain);
  assert.notEqual(url("https://google.com/").id, plain);
  assert.notEqual(url("http://google.com/", "/test").id, plain);
  // The protocols' names count as they are written.
  assert.equal(url("ws://google.com").id, "ws://google.com:80");
  assert.equal(url("wss://google.com").id, "wss://google.com:443");
});

test("the path of the request is in the id; the path of the address is the namespace", () => {
  const parsed = url("https://woot.com/some-namespace", "/some-path");
  assert.equal(parsed.id, "https://woot.com:443/some-path");
  assert.equal(parsed.path, "/some-namespace");
});

test("an address without a path is the main namespace", () => {
  assert.equal(url("/woot", undefined, page("http:", "woot.com")).path, "/woot");
  assert.equal(url("http://google.com").path, "/");
  assert.equal(url("http://google.com/").path, "/");
  // A slash at the end makes another namespace.
  assert.equal(url("http://google.com/a/").path, "/a/");
});

test("an IPv6 address is bare as a host and in brackets in the id", () => {
  const wanted = { protocol: "http", host: "::1", port: "80" };
  assert.deepEqual(parts(url("http://[::1]")), wanted);
  assert.equal(url("http://[::1]").id, "http://[::1]:80");
  const own = url(undefined, undefined, { protocol: "http:", hostname: "[::1]", port: "", host: "[::1]:" });
  assert.deepEqual(parts(own), wanted);
  assert.equal(own.id, "http://[::1]:80");
});

test("the query is kept apart from the namespace", () => {
  const parsed = url("http://google.com/chat?a=b&c=d");
  assert.equal(parsed.path, "/chat");
  assert.equal(parsed.query, "a=b&c=d");
});
