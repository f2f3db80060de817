// `io()`: which calls share a Manager, and what is read from the address.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, createManager, upstream } from "./client.mjs";
import { once, sioServer } from "./server.mjs";

const { io, Manager, Socket } = client;

let names = 0;
// An address that no other test has looked up; nothing is opened.
const fresh = () => `http://lookup-${(names += 1)}.localhost:8`;
const look = (address, options) => io(address, { autoConnect: false, ...options });

test("one Manager for each protocol, host, port and path", () => {
  const host = fresh();
  const first = look(`${host}/a`);
  assert.ok(first instanceof Socket);
  assert.ok(first.io instanceof Manager);
  assert.equal(first.nsp, "/a");
  assert.equal(look(`${host}/b`).io, first.io);
  assert.equal(look(host).io, first.io);
  assert.notEqual(look(`${host}/c`, { path: "/other" }).io, first.io);
  assert.notEqual(look(`${host.replace("http:", "ws:")}/d`).io, first.io);
  assert.notEqual(look(`${host.replace("http:", "https:")}/e`).io, first.io);
});

test("a default port is the same with and without its number", () => {
  const host = fresh().replace(":8", "");
  assert.equal(look(`${host}/a`).io, look(`${host}:80/b`).io);
});

test("a namespace that the Manager has makes another one, also when it is not connected", () => {
  const host = fresh();
  const first = look(`${host}/a`);
  const second = look(`${host}/a`);
  assert.notEqual(second.io, first.io);
  // The new one is not the one that later calls share.
  assert.equal(look(`${host}/b`).io, first.io);
  // A slash at the end makes another namespace.
  assert.equal(look(`${host}/a/`).io, first.io);
});

test("forceNew and multiplex: false take a Manager of their own, which nobody shares", () => {
  for (const options of [{ forceNew: true }, { "force new connection": true }, { multiplex: false }]) {
    const host = fresh();
    const own = look(`${host}/a`, options);
    const shared = look(`${host}/b`);
    assert.notEqual(shared.io, own.io);
    assert.equal(look(`${host}/c`).io, shared.io);
    assert.notEqual(look(`${host}/d`, options).io, shared.io);
  }
});

test("the address's query is the Manager's, unless options have one", () => {
  assert.deepEqual(look(`${fresh()}/?a=b`).io.opts.query, { a: "b" });
  assert.deepEqual(look(`${fresh()}/?a=b`, { query: { c: "d" } }).io.opts.query, { c: "d" });
});

test("io, connect and the default export are one function", () => {
  assert.equal(typeof io, "function");
  assert.equal(client.connect, io);
  assert.equal(client.default, io);
});

test("that function has itself under two names", () => {
  assert.equal(io.io, io);
  assert.equal(io.connect, io);
});

test("that function has the classes", () => {
  assert.equal(io.Manager, Manager);
  assert.equal(io.Socket, Socket);
});

test("the classes make what io() gives, and the protocol's revision is 5", () => {
  const manager = new Manager("http://localhost:8", { autoConnect: false });
  assert.ok(manager.socket("/") instanceof Socket);
  assert.ok(look(fresh()).io instanceof Manager);
  assert.equal(client.protocol, 5);
});

test("a Manager's namespaces: one socket for each, also by the Manager's own look", async (t) => {
  const { url } = await sioServer(t);
  const socket = io(`${url}/foo`);
  t.after(() => socket.io._close());
  assert.equal(socket.io.socket("/foo"), socket);
  assert.equal(socket.io.nsps["/foo"], socket);
  await once(socket, "connect");
});

test("a Manager takes options alone, or an address with them", () => {
  const bare = new Manager({ autoConnect: false, path: "/x" });
  assert.equal(bare.uri, undefined);
  assert.equal(bare.opts.path, "/x");
  assert.equal(new Manager("http://localhost:8", { autoConnect: false }).uri, "http://localhost:8");
});

test("a Manager opens by itself, or with open() and connect(), which tell how it went", async (t) => {
  const { url } = await sioServer(t);
  const manager = new Manager(url, { autoConnect: false });
  t.after(() => manager._close());
  assert.equal(manager._readyState, "closed");
  const outcome = new Promise((resolve) => assert.equal(manager.open(resolve), manager));
  assert.equal(manager._readyState, "opening");
  assert.equal(await outcome, undefined);
  assert.equal(manager._readyState, "open");
  // Already open: nobody is called.
  assert.equal(manager.connect(() => assert.fail()), manager);
  const failing = new Manager(url, { autoConnect: false, timeout: 0, reconnection: false });
  t.after(() => failing._close());
  const error = await new Promise((resolve) => failing.connect(resolve));
  assert.equal(error.message, "timeout");
});

test("a Manager takes so many namespaces, and says when there are too many", { skip: upstream && "it takes any" }, (t) => {
  const manager = createManager(t, "http://localhost", { autoConnect: false });
  for (let i = 0; i < 16_384; i += 1) manager.socket(`/${i}`);
  assert.throws(() => manager.socket("/one more"), RangeError);
  assert.equal(manager.nsps["/one more"], undefined);
  assert.equal(manager.socket("/7").nsp, "/7");
});
