// Waking up: the page is seen again, the network is back, a timer comes much too late.
import assert from "node:assert/strict";
import { after, test } from "node:test";

// Before the client is loaded, as in a page.
const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
globalThis.document = { visibilityState: "hidden" };
after(() => {
  delete globalThis.addEventListener;
  delete globalThis.document;
});
const tell = (name, fields) => page.dispatchEvent(Object.assign(new Event(name), fields));

const { connect, upstream } = await import("./client.mjs");
const { Clock, settle } = await import("./clock.mjs");
const { once, record, sioServer } = await import("./server.mjs");

const options = { skip: upstream && "it waits" };
const WS = { transports: ["websocket"] };
const HOUR = 3600 * 1000;

for (const [name, wake] of [
  ["online", () => tell("online")],
  ["visible", () => Object.assign(document, { visibilityState: "visible" }) && tell("visibilitychange")],
  ["pageshow", () => tell("pageshow", { persisted: true })],
]) {
  test(`${name}: who waits for the next attempt waits no longer`, options, async (t) => {
    const { url } = await sioServer(t);
    const socket = connect(t, url, { ...WS, reconnectionDelay: HOUR, reconnectionDelayMax: HOUR });
    await once(socket, "connect");
    socket.io.engine.close();
    assert.equal(socket.connected, false);
    wake();
    await once(socket, "connect");
    // A connection that lives is left alone.
    const ends = record(socket.io, ["close"]);
    wake();
    socket.emit("hi");
    await once(socket, "hi");
    assert.deepEqual(ends, []);
  });
}

test("not by a page that is hidden, nor one that is shown for the first time, nor after the end", options, async (t) => {
  const { url } = await sioServer(t);
  const settings = { ...WS, reconnectionDelay: HOUR, reconnectionDelayMax: HOUR };
  const [socket, left] = [connect(t, url, settings), connect(t, url, settings)];
  await Promise.all([once(socket, "connect"), once(left, "connect")]);
  const attempts = record(socket.io, ["reconnect_attempt"]);
  record(left.io, ["reconnect_attempt"], attempts);
  for (const each of [socket, left]) each.io.engine.close();
  left.disconnect();
  document.visibilityState = "hidden";
  tell("visibilitychange");
  tell("pageshow", { persisted: false });
  await settle(10);
  assert.deepEqual(attempts, []);
  tell("online");
  await once(socket, "connect");
  assert.deepEqual(attempts, ["reconnect_attempt"]);
});
