// Connections made and left, in the page of memory.test.mjs. Nothing here keeps what a client made: references are weak.
import { Manager, io } from "/client.js";

let refs = [];

/** Remembers weakly what must not outlive its cycle. */
function watch(name, object) {
  refs.push([name, new WeakRef(object)]);
  return object;
}

/** How many of each are still there. The rest is forgotten, so that the watching takes no memory itself. */
export function alive() {
  refs = refs.filter(([, ref]) => ref.deref());
  const counts = {};
  for (const [name, ref] of refs) if (ref.deref()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

const event = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));

/** An event each way, one with an ack, binary both ways; then gone. */
async function use(socket) {
  // Also in the buffer while it connects.
  socket.emit("echo", watch("emitted while connecting", { early: true }));
  if (!socket.connected) await event(socket, "connect");
  const told = event(socket, "echo");
  socket.emit("echo", watch("emitted", { text: "x".repeat(100) }));
  watch("received", await told);
  watch("emitted bytes", new Uint8Array(1000));
  const answer = await new Promise((resolve) =>
    socket.emit("call", watch("asked", { bytes: new Uint8Array(1000) }), watch("ack", (value) => resolve(value))),
  );
  watch("answer", answer);
  watch("answered bytes", answer.bytes);
  // Never answered.
  socket.emit("never", watch("forgotten ack", () => {}));
  socket.timeout(60_000).emit("never", watch("forgotten ack with a timeout", () => {}));
  const closed = event(socket.io, "close");
  socket.disconnect();
  await closed;
}

/** `count` connections, one after the other, each of its own; transports in turns. */
export async function fresh(count, { ways }) {
  for (let i = 0; i < count; i += 1) {
    const socket = watch("socket", io({ forceNew: true, transports: ways[i % ways.length] }));
    watch("manager", socket.io);
    socket.on("echo", watch("listener", () => {}));
    socket.io.on("close", watch("listener of the manager", () => {}));
    await use(socket);
  }
}

/** The same connection, `count` times connected and left. */
let kept;
export async function again(count, { ways }) {
  for (let i = 0; i < count; i += 1) {
    kept ??= io({ forceNew: true, autoConnect: false, transports: ["websocket"] });
    kept.io.opts.transports = ways[i % ways.length];
    kept.connect();
    await use(kept);
  }
}

/** Through the cache, and with a namespace of its own name each time. */
export async function cached(count) {
  for (let i = 0; i < count; i += 1) {
    const manager = watch("manager", io(`/?n=${i}`, { path: `/socket.io`, transports: ["websocket"] }).io);
    const socket = watch("namespace", manager.socket(`/dynamic-${i}`));
    await event(socket, "connect");
    const closed = event(manager, "close");
    manager.socket("/").disconnect();
    socket.disconnect();
    await closed;
  }
}

/** A server that refuses: attempts, failures, and giving up. */
export async function refused(count, { nobody }) {
  for (let i = 0; i < count; i += 1) {
    const manager = watch("manager", new Manager(nobody, { reconnectionDelay: 1, reconnectionAttempts: 2 }));
    const socket = watch("socket", manager.socket("/"));
    socket.emit("held", watch("held", { i }));
    await event(manager, "reconnect_failed");
    socket.disconnect();
  }
}
