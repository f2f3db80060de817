// How an engine ends: at once, after what is buffered, after an upgrade, and with which details.
import { connect } from "./client.mjs";
import { once, record, sioServer, until, within } from "./server.mjs";
import { holdUpgrades } from "./wire.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

/** A server that remembers in `heard` what its sockets emit. */
async function hearing(t, options) {
  const server = await sioServer(t, options);
  const heard = [];
  server.io.on("connection", (socket) => socket.onAny((...args) => heard.push(args)));
  return { ...server, heard };
}

/** The server's session of the next connection. */
const nextSession = (server) => once(server.io.engine, "connection").then(([session]) => session);

test("a closed engine takes no packet", async (t) => {
  const server = await hearing(t);
  const session = nextSession(server);
  const socket = connect(t, server.url, { reconnection: false, upgrade: false });
  await once(socket, "connect");
  const created = record(socket.io.engine, ["packetCreate"]);
  const closed = once(await session, "close");
  const { engine } = socket.io;
  engine.close();
  engine.send("late");
  socket.emit("late");
  assert.deepEqual(created, []);
  await closed;
  assert.deepEqual(server.heard, []);
  assert.equal(socket.sendBuffer.length, 1);
});

test("close while upgrading waits for the upgrade", async (t) => {
  const server = await sioServer(t);
  const { engine } = connect(t, server.url, { reconnection: false }).io;
  const log = record(engine, ["upgrading", "upgrade", "upgradeError", "close"]);
  engine.once("upgrading", () => engine.close());
  const [reason] = await once(engine, "close");
  assert.equal(reason, "forced close");
  assert.deepEqual(log, ["upgrading", "upgrade", "close"]);
});

test("close while upgrading waits for the upgrade's failure", async (t) => {
  const server = await sioServer(t);
  const probe = new Promise((resolve) => {
    server.io.engine.on("connection", (session) => {
      session.on("upgrading", (transport) => {
        // The pending poll is not released, so the upgrade cannot end well.
        session.transport.send = () => {};
        resolve(transport);
      });
    });
  });
  const release = holdUpgrades(server);
  const socket = connect(t, server.url, { reconnection: false });
  const { engine } = socket.io;
  await once(socket, "connect");
  const log = record(engine, ["upgrading", "upgrade", "upgradeError", "close"]);
  const failed = once(engine, "upgradeError");
  const closed = once(engine, "close");
  const upgrading = once(engine, "upgrading");
  release();
  await upgrading;
  engine.close();
  assert.equal(engine.readyState, "closing");
  (await probe).socket.terminate();
  const [error] = await failed;
  assert.match(error.message, /^probe error/);
  assert.equal(error.transport, "websocket");
  assert.equal((await closed)[0], "forced close");
  assert.deepEqual(log, ["upgrading", "upgradeError", "close"]);
});

test("nothing is sent after a close that waits for the upgrade", async (t) => {
  const server = await hearing(t);
  const session = nextSession(server);
  const release = holdUpgrades(server);
  const socket = connect(t, server.url, { reconnection: false });
  const { engine } = socket.io;
  await once(socket, "connect");
  const created = [];
  engine.once("upgrading", () => {
    record(engine, ["packetCreate"], created);
    engine.close();
    socket.emit("late");
  });
  const closed = [once(engine, "close"), once(await session, "close")];
  release();
  await Promise.all(closed);
  assert.deepEqual(created, []);
  assert.deepEqual(server.heard, []);
});

test("what is buffered is sent before a close that waits for the upgrade", async (t) => {
  const server = await hearing(t);
  const release = holdUpgrades(server);
  const socket = connect(t, server.url, { reconnection: false });
  const { engine } = socket.io;
  await once(socket, "connect");
  engine.once("upgrading", () => {
    socket.emit("kept", 1);
    engine.close();
  });
  const closed = once(engine, "close");
  release();
  await closed;
  assert.equal(engine.writeBuffer.length, 0);
  await until(() => server.heard.length > 0, "the event");
  assert.deepEqual(server.heard, [["kept", 1]]);
});

/** What an error tells while it is told. */
function seen({ context }) {
  const { readyState, responseText, status } = context ?? {};
  return { readyState, responseText, status };
}

/** Ended by a message above what the server takes: CONNECT with much authentication data. */
async function flooded(t, transport) {
  const server = await sioServer(t, { maxHttpBufferSize: 100 });
  const auth = { token: "a".repeat(101) };
  const { io: manager } = connect(t, server.url, { transports: [transport], reconnection: false, auth });
  const errors = [];
  manager.engine.on("error", (error) => errors.push({ error, ...seen(error) }));
  const [[reason, details], closed] = await Promise.all([once(manager, "close"), once(manager.engine, "close")]);
  assert.deepEqual(closed, [reason, details]);
  return { reason, details, errors };
}

test("a body that the server refuses: status 413 in the details", async (t) => {
  const { reason, details, errors } = await flooded(t, "polling");
  assert.equal(reason, "transport error");
  assert.ok(details instanceof Error);
  assert.equal(details.type, "TransportError");
  assert.equal(details.message, "xhr post error");
  assert.equal(details.description, 413);
  assert.deepEqual(errors, [{ error: details, readyState: 4, responseText: "", status: 413 }]);
});

test("a frame that the server refuses: code 1009 in the details", async (t) => {
  const { reason, details, errors } = await flooded(t, "websocket");
  assert.equal(reason, "transport close");
  assert.equal(details.description, "websocket connection closed");
  assert.equal(details.context.code, 1009);
  assert.equal(details.context.reason, "");
  assert.deepEqual(errors, []);
});

/** An attempt with a session id that the server does not know. */
async function unknownSession(t, transport) {
  const server = await sioServer(t);
  const socket = connect(t, server.url, { transports: [transport], reconnection: false, query: { sid: "abc" } });
  const closed = once(socket.io.engine, "close");
  const failed = new Promise((resolve) => {
    socket.io.engine.on("error", (error) => resolve({ error, ...seen(error) }));
  });
  const refused = once(socket, "connect_error");
  const { error, ...told } = await within(failed, "the error");
  assert.deepEqual(await refused, [error]);
  assert.deepEqual(await closed, ["transport error", error]);
  assert.ok(error instanceof Error);
  assert.equal(error.type, "TransportError");
  return { error, told };
}

test("a poll with an unknown session id: status 400 and the server's words in the details", async (t) => {
  const { error, told } = await unknownSession(t, "polling");
  assert.equal(error.message, "xhr poll error");
  assert.equal(error.description, 400);
  const responseText = '{"code":1,"message":"Session ID unknown"}';
  assert.deepEqual(told, { readyState: 4, responseText, status: 400 });
});

test("a WebSocket with an unknown session id: the error event in the details", async (t) => {
  const { error } = await unknownSession(t, "websocket");
  assert.equal(error.message, "websocket error");
  assert.equal(error.description.type, "error");
});

test("a deadline that passed while the timer slept: buffered, closed once, sent again later", async (t) => {
  const server = await hearing(t);
  const socket = connect(t, server.url, { reconnectionDelay: 1, transports: ["websocket"] });
  await once(socket, "connect");
  const closes = [];
  socket.io.on("close", (reason) => closes.push(reason));
  assert.ok(socket.io.engine._pingTimeoutTime > Date.now());

  socket.io.engine._pingTimeoutTime = Date.now() - 1;
  for (const n of [1, 2, 3]) socket.emit("late", n);
  assert.equal(socket.sendBuffer.length, 3);
  await once(socket, "connect");
  await until(() => server.heard.length === 3, "the events");
  assert.deepEqual(server.heard, [
    ["late", 1],
    ["late", 2],
    ["late", 3],
  ]);
  assert.deepEqual(closes, ["ping timeout"]);
});
