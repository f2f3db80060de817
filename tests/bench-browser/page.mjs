// The contestants' work, in the page. Each function makes a connection, measures one thing, and checks that all of it
// has arrived.
import { event, sumOf, sumOfAll } from "./message.mjs";

/** Emits between two pauses for the browser. */
const BURST = 200;

async function open(file) {
  const { io } = await import(file);
  const socket = io({ forceNew: true, transports: ["websocket"] });
  await new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));
  return socket;
}

const ask = (socket, name, ...args) => new Promise((resolve) => socket.emit(name, ...args, resolve));

/** The next task, without the delay of a timer. */
const channel = new MessageChannel();
const pause = () =>
  new Promise((resolve) => {
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(0);
  });

function check(seen, sum, { count, size, binary }) {
  const wanted = sumOfAll(count, size, binary);
  if (seen !== count || sum !== wanted) throw new Error(`got ${seen} of ${count}, sum ${sum} of ${wanted}`);
}

/** Events received per second. */
export async function receive(file, job) {
  const socket = await open(file);
  let [seen, sum, begin] = [0, 0, 0];
  const end = new Promise((resolve) => {
    socket.on("event", (...args) => {
      seen += 1;
      sum = (sum + sumOf(args)) >>> 0;
      if (seen === job.count) resolve(performance.now());
    });
  });
  begin = performance.now();
  socket.emit("flood", job, () => {});
  const seconds = ((await end) - begin) / 1000;
  const { busy } = await ask(socket, "heard");
  socket.disconnect();
  check(seen, sum, job);
  return { rate: job.count / seconds, busy };
}

/** Events sent per second, until the server has the last. */
export async function emit(file, job) {
  const { count, size, binary } = job;
  const socket = await open(file);
  await ask(socket, "sink", { count });
  const sunk = new Promise((resolve) => socket.on("sunk", resolve));
  const begin = performance.now();
  for (let i = 0; i < count; i += 1) {
    socket.emit("event", ...event(i, size, binary));
    if (i % BURST === BURST - 1) await pause();
  }
  const { seen, sum, busy } = await sunk;
  const seconds = (performance.now() - begin) / 1000;
  socket.disconnect();
  check(seen, sum, job);
  return { rate: count / seconds, busy };
}

/** Round trips, one after the other, in microseconds. */
export async function ack(file, { count, size, binary }) {
  const socket = await open(file);
  const times = [];
  for (let i = 0; i < count; i += 1) {
    const sent = event(i, size, binary);
    const begin = performance.now();
    const answer = await ask(socket, "echo", ...sent);
    times.push((performance.now() - begin) * 1000);
    if (sumOf([answer]) !== sumOf(sent)) throw new Error(`answer ${i} is another's`);
  }
  socket.disconnect();
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(count / 2)], p99: times[Math.floor(count * 0.99)] };
}

/** From the start of a script to the first `connect`, in milliseconds, in a frame of its own. */
export async function start(file, options) {
  const frame = document.createElement("iframe");
  const told = new Promise((resolve) => {
    addEventListener("message", (message) => resolve(message.data), { once: true });
  });
  frame.src = `/start#${encodeURIComponent(JSON.stringify({ file, options }))}`;
  document.body.append(frame);
  const millis = await told;
  frame.remove();
  return { millis };
}
