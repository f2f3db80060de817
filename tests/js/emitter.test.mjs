// The emitter that sockets, Managers and engines are.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once as onceOf } from "node:events";
import { test } from "node:test";
import { client, connect, createManager, entry } from "./client.mjs";
import { once, sioServer, within } from "./server.mjs";

const idle = () => new client.Manager("http://localhost", { autoConnect: false });

// Each kind of emitter, with a way to make it emit; resolves when the listeners have been called.
async function emitters(t) {
  const { io, url } = await sioServer(t, { connectionStateRecovery: undefined });
  io.on("connection", (server) => {
    server.on("say", (args, done) => {
      server.emit(...args);
      done();
    });
  });
  const socket = connect(t, url);
  await once(socket, "connect");
  const { engine } = socket.io;
  const manager = idle();
  return [
    { emitter: socket, emit: (...args) => socket.emitWithAck("say", args) },
    { emitter: manager, emit: async (...args) => manager.emit(...args) },
    { emitter: engine, emit: async (...args) => engine.emit(...args) },
  ];
}

test("on(), once() and off() return the emitter, and listeners are called in order with their arguments", async (t) => {
  for (const { emitter, emit } of await emitters(t)) {
    const log = [];
    const listener = (...args) => log.push(["a", ...args]);
    assert.equal(emitter.on("x", listener), emitter);
    assert.equal(emitter.once("x", (...args) => log.push(["once", ...args])), emitter);
    emitter.on("x", listener);
    await emit("x", 1, 2);
    await emit("x", 3);
    assert.deepEqual(log, [["a", 1, 2], ["once", 1, 2], ["a", 1, 2], ["a", 3], ["a", 3]]);
    // One registration, then the other.
    assert.equal(emitter.off("x", listener), emitter);
    assert.equal(emitter.listeners("x").length, 1);
    emitter.off("x", listener);
    assert.equal(emitter.hasListeners("x"), false);
  }
});

test("off() with an event removes its listeners, also one given to once(); without anything, all", () => {
  const socket = idle().socket("/");
  const listener = () => assert.fail();
  socket.once("x", listener).on("y", listener).on("z", listener);
  socket.off("x", listener);
  assert.equal(socket.hasListeners("x"), false);
  socket.off("y");
  assert.deepEqual(socket.listeners("y"), []);
  assert.equal(socket.hasListeners("z"), true);
  socket.off();
  assert.equal(socket.hasListeners("z"), false);
});

test("addEventListener() is on()", () => {
  const socket = idle().socket("/");
  const listener = () => {};
  assert.equal(socket.addEventListener("x", listener), socket);
  assert.deepEqual(socket.listeners("x"), [listener]);
});

test("removeListener(), removeEventListener() and removeAllListeners() are off()", () => {
  const socket = idle().socket("/");
  const listener = () => {};
  for (const name of ["removeListener", "removeEventListener", "removeAllListeners"]) {
    socket.on("x", listener).on("y", listener);
    assert.equal(socket[name]("x", listener), socket);
    assert.equal(socket.hasListeners("x"), false, name);
    assert.equal(socket.hasListeners("y"), true, name);
    socket[name]();
    assert.equal(socket.hasListeners("y"), false, name);
  }
});

test("listeners that come or go during an event do not change it, and `this` is the emitter", async (t) => {
  for (const { emitter, emit } of await emitters(t)) {
    const log = [];
    const late = () => log.push("late");
    const gone = () => log.push("gone");
    emitter.on("x", function () {
      log.push(this === emitter);
      emitter.off("x", gone).on("x", late);
    });
    emitter.on("x", gone);
    await emit("x");
    assert.deepEqual(log, [true, "gone"]);
    await emit("x");
    assert.deepEqual(log, [true, "gone", true, "late"]);
  }
});

test("an \"error\" that nobody listens to does not throw", async (t) => {
  for (const { emit } of await emitters(t)) await emit("error", "unheard");
});

test("an exception of a listener reaches who emitted, and the listeners behind are not called", () => {
  const manager = idle();
  manager.on("x", () => {
    throw new Error("mine");
  });
  manager.on("x", () => assert.fail());
  assert.throws(() => manager.emit("x"), { message: "mine" });
});

test("listeners() is the list itself", () => {
  const socket = idle().socket("/");
  const listener = () => {};
  socket.on("x", listener);
  assert.equal(socket.listeners("x"), socket.listeners("x"));
  assert.deepEqual(socket.listeners("nothing"), []);
});

test("the engine is an emitter too", async (t) => {
  const { url } = await sioServer(t);
  const manager = createManager(t, url);
  const { engine } = manager;
  const log = [];
  const listener = (value) => log.push(value);
  assert.equal(engine.on("own", listener), engine);
  engine.once("own", listener);
  engine.emit("own", 1);
  engine.off("own", listener);
  engine.emit("own", 2);
  assert.deepEqual(log, [1, 1]);
  const [handshake] = await once(engine, "handshake");
  assert.equal(handshake.sid, engine.id);
});

// The runner takes what nobody catches for its own failure, so it happens in another process.
const throwing = `
  const [entry, url] = process.argv.slice(1);
  const { io } = await import(entry);
  const socket = io(url);
  process.on("uncaughtException", (error) => console.log(error.message));
  socket.on("hi", () => {
    throw new Error("from a listener");
  });
  socket.on("hi", () => console.log("not reached"));
  socket.on("disconnect", (reason) => console.log(reason));
  const before = await socket.emitWithAck("getId");
  socket.emit("hi");
  console.log((await socket.emitWithAck("getId")) === before);
  socket.disconnect();
`;

test("what a listener throws ends in the host's handler, and the connection lives", async (t) => {
  const { url } = await sioServer(t);
  const args = ["--input-type=module", "-e", throwing, entry, url];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  await within(onceOf(child, "close"), "the process's end");
  assert.deepEqual(output.trim().split("\n"), ["from a listener", "true", "io client disconnect"]);
});
