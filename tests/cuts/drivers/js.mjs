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

/** `told({ fate, value, error })`, by the callback where nothing else is to be had. */
function sender(socket) {
  if (socket.deliver && !options.reference) return (event, data, told) => deliver(socket, event, data, told);
  const send = options.reference ? referenceEmits(socket, options) : (...args) => socket.emit(...args);
  return (event, data, told) =>
    send(event, data, (error, value) =>
      told(error ? { fate: "error", error: error.message } : { fate: "acknowledged", value }),
    );
}

/** By the handle's fate. It is an error if the callback was told something else, or not once. */
function deliver(socket, event, data, told) {
  const words = [];
  const { settled } = socket.deliver(event, data, (error, value) => words.push(error ? { error } : { value }));
  settled.then(({ fate, args, error }) => {
    const [value] = args ?? [];
    const same = words.length === 1 && ("error" in words[0] ? fate !== "acknowledged" : words[0].value === value);
    if (same) told({ fate, value, error: error?.message });
    else told({ fate: "error", error: `${fate}, and the callback was told ${JSON.stringify(words)}` });
  });
}

/** Emits as long as nobody says stop, and has `ahead` of them unsettled at all times. */
async function work() {
  const socket = io({ ...quick, ...(options.reference ? {} : options) });
  const send = sender(socket);
  let sent = 0;
  let settled = 0;
  let stopped = false;
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const emit = () => {
    const n = sent++;
    // First, for the handler's line must not come before it.
    print({ sent: n });
    send("op", { client: name, n }, (told) => {
      settled += 1;
      print({ settled: n, ...told });
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
