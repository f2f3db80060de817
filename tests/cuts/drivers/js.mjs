// The JavaScript clients: ours as npm package, or with CLIENT=upstream the published one, or that with REFERENCE.
// `README.md` has the protocol.
import { createInterface } from "node:readline";
import { client } from "../../js/client.mjs";
import { referenceEmits } from "./reference.mjs";

const { url, name, options, transports, ahead, goodbyes } = JSON.parse(process.argv[2]);

const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

const commands = createInterface({ input: process.stdin });
commands.on("close", () => process.exit());

const command = () => once(commands, "line");

// `Infinity` is no JSON.
if (options.retries === "Infinity") options.retries = Infinity;

const io = (more) => client.io(url, { forceNew: true, transports, ...readable, ...more });

/**
 * For speed; what is delivered does not depend on it. `timeout`: after a cut between the WebSocket handshake and the server's
 * first packet the published client does nothing until then, 20 s by itself.
 */
const quick = { reconnectionDelay: 2, reconnectionDelayMax: 10, randomizationFactor: 0, timeout: 1000 };

/** The proxy reads along. */
const readable = { perMessageDeflate: false };

/** Emits as long as nobody says stop, and has `ahead` of them unsettled at all times. */
async function work() {
  const socket = io({ ...quick, ...(options.reference ? {} : options) });
  const send = options.reference ? referenceEmits(socket, options) : (...args) => socket.emit(...args);
  let sent = 0;
  let settled = 0;
  let stopped = false;
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const emit = () => {
    const n = sent++;
    // First, for the handler's line must not come before it.
    print({ sent: n });
    send("op", { client: name, n }, (error, value) => {
      settled += 1;
      if (error) print({ settled: n, fate: "error", error: error.message });
      else print({ settled: n, fate: "acknowledged", value });
      if (!stopped) emit();
      else if (settled === sent) finish();
    });
  };
  while (sent < ahead) emit();
  await command();
  stopped = true;
  if (settled < sent) await finished;
  print({ done: true, sent });
  socket.disconnect();
}

/** Each on a connection of its own: `emit`, and `disconnect` in the same breath. */
async function sayGoodbye() {
  for (let n = 0; n < goodbyes; n += 1) {
    const socket = io();
    await once(socket, "connect");
    const { engine } = socket.io;
    if (transports.length > 1 && engine.transport.name === "polling") await once(engine, "upgrade");
    socket.emit("op", { client: name, n });
    socket.disconnect();
    if (engine.readyState !== "closed") await once(engine, "close");
    print({ sent: n });
  }
  print({ left: true });
  await command();
  // What was to arrive has arrived before this one.
  const socket = io();
  await new Promise((resolve) => socket.emit("op", { client: name, n: goodbyes }, resolve));
  print({ done: true });
  socket.disconnect();
}

await (goodbyes ? sayGoodbye() : work());
commands.close();
