// What an application does on its first day, wherever it was installed: text, binary, acks in both directions, a lost
// connection and what was emitted meanwhile. Public API only, so it runs with any client of that API.

const PATIENCE = 20_000;

/** Resolves with the arguments of the first event that fits. */
function next(emitter, event, fits = () => true) {
  return new Promise((resolve, reject) => {
    const listener = (...args) => {
      if (!fits(...args)) return;
      clearTimeout(timer);
      emitter.off(event, listener);
      resolve(args);
    };
    const timer = setTimeout(() => {
      emitter.off(event, listener);
      reject(new Error(`no "${event}" within ${PATIENCE} ms`));
    }, PATIENCE);
    // In Node: does not keep a failed program from ending.
    timer.unref?.();
    emitter.on(event, listener);
  });
}

const plain = (data) => Array.from(new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength));

/** The whole scenario; what it returns can be posted from a worker. `url` is that of tests/servers/node.mjs. */
export async function scenario(io, url, options = {}, final = "websocket") {
  // The first delay is short, so that nobody waits for the reconnection.
  const socket = io(url, { forceNew: true, reconnectionDelay: 10, ...options });
  // Before anything can have come: `io` returns at once.
  const synchronous = socket.connected === false && socket.id === undefined;
  const failed = new Promise((_, reject) => socket.once("connect_error", (error) => reject(error)));
  try {
    const held = socket.emitWithAck("call", "held while connecting");
    await Promise.race([next(socket, "connect"), failed]);
    const first = socket.id;
    const report = { synchronous, held: await held };

    const echoed = next(socket, "echo");
    report.answer = await new Promise((resolve) => {
      socket.emit("echo", "é漢😀", { n: [1, null] }, (...args) => resolve(args));
    });
    report.text = await echoed;

    const came = next(socket, "binary");
    const [bytes, seen] = await new Promise((resolve) =>
      socket.emit("binary", { deep: [Uint8Array.of(0, 1, 30, 255), new ArrayBuffer(0)] }, (...args) => resolve(args)),
    );
    const [{ deep }] = await came;
    report.binary = [...deep, ...bytes.deep].map(plain);
    report.seen = JSON.stringify(seen);

    socket.once("question", (...args) => args.pop()(...args, "yes"));
    socket.emit("ask", "really?");
    report.answered = await next(socket, "answered");
    report.timeout = await socket.timeout(1).emitWithAck("never").catch((error) => error.message);

    // The server ends the connection; the client comes back by itself, and what was emitted meanwhile arrives.
    const [lost, back] = [next(socket, "disconnect"), next(socket, "connect")];
    socket.emit("close-engine");
    [report.reason] = await lost;
    const late = socket.emitWithAck("call", "held while offline");
    await back;
    report.late = await late;
    report.fresh = socket.id !== first && socket.connected;

    if (socket.io.engine.transport.name !== final) await next(socket.io.engine, "upgrade");
    report.transport = await socket.emitWithAck("transport");
    return report;
  } finally {
    socket.disconnect();
  }
}

/** What `scenario` returns where everything works. */
export const expected = (transport = "websocket") => ({
  synchronous: true,
  held: "held while connecting",
  text: ["é漢😀", { n: [1, null] }],
  answer: ["é漢😀", { n: [1, null] }],
  binary: [[0, 1, 30, 255], [], [0, 1, 30, 255], []],
  seen: '{"deep":[{"$bytes":"AAEe/w=="},{"$bytes":""}]}',
  answered: ["really?", "yes"],
  timeout: "operation has timed out",
  reason: "transport close",
  late: "held while offline",
  fresh: true,
  transport,
});
