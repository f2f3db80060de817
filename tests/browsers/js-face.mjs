// The scenarios on the JavaScript face: each is a small application that uses nothing but `io` and `Manager`.
// Runs in a page. `rust-face.rs` has the same list for the Rust face.

/** The arguments of the next `event`. */
const next = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

const equal = (a, b) => {
  const [one, other] = [new Uint8Array(a), new Uint8Array(b)];
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
};

const bytes = (...values) => Uint8Array.from(values);

async function connect({ open, log }) {
  const socket = open({ auth: { token: "good" } });
  log(`connected ${socket.connected}`);
  const welcome = next(socket, "welcome");
  await next(socket, "connect");
  log(`connected ${socket.connected}`);
  const who = await socket.emitWithAck("who");
  log(`id ${who.id === socket.id}`);
  log(`token ${who.token}`);
  log(`welcome ${(await welcome)[0]}`);
  const left = next(socket, "disconnect");
  socket.disconnect();
  log(`left ${(await left)[0]} ${socket.connected}`);
}

async function buffer({ open, log }) {
  const socket = open({ autoConnect: false });
  for (const n of [1, 2, 3]) socket.emit("kept", n);
  const sum = socket.emitWithAck("add", 1, 2);
  log(`connected ${socket.connected}`);
  socket.connect();
  socket.emit("kept", 4);
  log(`sum ${await sum}`);
  log(`connected ${socket.connected}`);
}

async function ack({ open, log }) {
  const socket = open({ transports: ["websocket"] });
  log(`sum ${await socket.emitWithAck("add", 1, 2)}`);
  await new Promise((resolve) => {
    socket.emit("pair", 1, "b", (a, b) => {
      log(`pair ${JSON.stringify(a)} ${b}`);
      resolve();
    });
  });
  for (const n of [1, 2, 3]) socket.emit("keep", n, (answer) => log(`kept ${answer}`));
  for (const n of [3, 2, 1]) await socket.emitWithAck("release", n);
  socket.on("question", (text, answer) => {
    log(`question ${text}`);
    answer("yes", 1);
    // Only the first answer counts.
    answer("no", 2);
  });
  await new Promise((resolve) => {
    socket.emit("ask", "ready?", (...said) => {
      log(`answered ${said.join(" ")}`);
      resolve();
    });
  });
}

async function timeout({ open, log }) {
  const socket = open({ transports: ["websocket"], autoConnect: false });
  const failure = (promise) => promise.then(() => "answered", (error) => error.message);
  log(`offline: ${await failure(socket.timeout(20).emitWithAck("offline"))}`);
  socket.connect();
  await next(socket, "connect");
  await new Promise((resolve) => {
    // Called once: a second call would be a line too many.
    socket.timeout(100).emit("keep", 1, (error) => {
      log(`kept: ${error ? error.message : "answered"}`);
      resolve();
    });
  });
  // The answer comes after all, before that of `release`.
  await socket.emitWithAck("release", 1);
  log(`sum ${await socket.emitWithAck("add", 1, 2)}`);
}

async function binary({ open, log }) {
  const all = Uint8Array.from({ length: 256 }, (_, n) => n);
  const sent = { all, few: [bytes(), bytes(0x1e, 0, 0xff)] };
  const same = ({ all, few }) =>
    equal(all, sent.all) && few.length === 2 && few.every((part, at) => equal(part, sent.few[at]));
  for (const transport of ["websocket", "polling"]) {
    const socket = open({ transports: [transport] });
    const event = next(socket, "binary");
    const answer = await socket.emitWithAck("binary", sent);
    log(`${transport} event ${same((await event)[0])}, ack ${same(answer)}`);
    socket.disconnect();
  }
}

async function reconnect({ open, log }) {
  for (const transport of ["websocket", "polling"]) {
    const socket = open({ transports: [transport] });
    await next(socket, "connect");
    const { id } = socket;
    socket.once("disconnect", (reason) => {
      // A browser may report the same break either way.
      log(`lost ${["transport close", "transport error"].includes(reason)}`);
      for (const n of [1, 2, 3]) socket.emit("kept", n);
    });
    socket.io.on("reconnect_attempt", (n) => log(`attempt ${n}`));
    socket.io.on("reconnect", (n) => log(`reconnect ${n}`));
    const again = next(socket, "disconnect").then(() => next(socket, "connect"));
    socket.emit("cut");
    await again;
    log(`new id ${socket.id !== id}`);
    log(`sum ${await socket.emitWithAck("add", 1, 2)}`);
    socket.disconnect();
  }
}

async function recover({ open, log }) {
  const socket = open({ transports: ["websocket"], path: "/recovery/" });
  await next(socket, "connect");
  const { id } = socket;
  log(`recovered ${Boolean(socket.recovered)}`);
  const seen = (wanted) =>
    new Promise((resolve) => {
      socket.on("news", function look(n) {
        if (n !== wanted) return;
        socket.off("news", look);
        resolve();
      });
    });
  socket.on("news", (n) => log(`news ${n}`));
  const first = seen(1);
  socket.emit("news", 1);
  await first;
  const third = seen(3);
  const again = next(socket, "disconnect").then(() => next(socket, "connect"));
  socket.emit("leave me");
  await again;
  await third;
  const fourth = seen(4);
  socket.emit("news", 4);
  await fourth;
  log(`recovered ${socket.recovered}, same id ${socket.id === id}`);
}

async function volatile({ open, log }) {
  const direct = open({ transports: ["websocket"], autoConnect: false });
  direct.volatile.emit("gone", 1);
  direct.emit("kept", 2);
  direct.connect();
  log(`websocket sum ${await direct.emitWithAck("add", 1, 2)}`);
  direct.volatile.emit("fleeting", 3);
  log(`websocket sum ${await direct.emitWithAck("add", 3, 4)}`);
  direct.disconnect();

  const polling = open({ transports: ["polling"] });
  log(`polling sum ${await polling.emitWithAck("add", 1, 2)}`);
  polling.emit("kept", 4);
  polling.volatile.emit("gone", 5);
  log(`polling sum ${await polling.emitWithAck("add", 3, 4)}`);
}

async function retries({ open, log }) {
  const order = (socket, n, fate) =>
    new Promise((resolve) => {
      socket.emit("order", n, fate, (error, same, times) => {
        log(error ? `order ${n}: ${error.message}` : `order ${same} after ${times}`);
        resolve();
      });
    });
  // Long enough that an answer that comes is never late.
  const patient = open({ transports: ["websocket"], retries: 2, ackTimeout: 1500 });
  await Promise.all([order(patient, 1, "withhold"), order(patient, 2, "cut"), order(patient, 3, "answer")]);
  patient.disconnect();
  const hasty = open({ transports: ["websocket"], retries: 1, ackTimeout: 50 });
  await order(hasty, 4, "never");
}

async function namespaces({ namespace, log }) {
  let token = "bad";
  const auth = (give) => give({ token });
  const main = namespace("/", { auth });
  log(`/ welcome ${(await next(main, "welcome"))[0]}`);
  const admin = namespace("/admin", { auth });
  log(`/admin welcome ${(await next(admin, "welcome"))[0]}`);
  const secret = namespace("/secret", { auth });
  const [refusal] = await next(secret, "connect_error");
  log(`/secret refused: ${refusal.message} ${refusal.data.code}, active ${secret.active}`);
  token = "good";
  const welcome = next(secret, "welcome");
  secret.connect();
  log(`/secret welcome ${(await welcome)[0]}`);
  admin.disconnect();
  log(`/admin left, / stays ${main.connected}`);
  log(`/ who ${(await main.emitWithAck("who")).namespace}`);
  log(`/secret who ${(await secret.emitWithAck("who")).namespace}`);
}

async function upgrade({ open, log }) {
  const socket = open({ transports: ["polling", "websocket"] });
  const { engine } = socket.io;
  engine.once("open", () => log(`open ${engine.transport.name}`));
  const upgraded = next(engine, "upgrade");
  upgraded.then(([transport]) => log(`upgrade ${transport.name}`));
  const echoes = [];
  const all = new Promise((resolve) => {
    socket.on("echo", (n) => echoes.push(n) === 50 && resolve());
  });
  for (let n = 0; n < 50; n += 1) socket.emit("echo", n);
  await Promise.all([upgraded, all]);
  log(`echoes ${echoes.length}, in order ${echoes.every((n, at) => n === at)}`);
  log(`transport ${(await socket.emitWithAck("who")).transport}`);
}

const only = (transport) => async ({ open, log }) => {
  const socket = open({ transports: [transport] });
  log(`transport ${(await socket.emitWithAck("who")).transport}`);
  const echo = next(socket, "echo");
  socket.emit("echo", "é漢😀");
  log(`echo ${(await echo)[0]}`);
  const sent = bytes(0, 0x1e, 0xff);
  log(`bytes ${equal(await socket.emitWithAck("binary", sent), sent)}`);
};

const scenarios = {
  connect,
  buffer,
  ack,
  timeout,
  binary,
  reconnect,
  recover,
  volatile,
  retries,
  namespaces,
  upgrade,
  "polling only": only("polling"),
  "WebSocket only": only("websocket"),
};

/** Runs one; the lines that it wrote are given to `log` as they come. Leaves no connection. */
export async function run({ io, Manager }, name, url, run, log) {
  const common = { query: { run }, reconnectionDelay: 20, randomizationFactor: 0 };
  const sockets = [];
  const keep = (socket) => (sockets.push(socket), socket);
  let manager;
  const stage = {
    log,
    /** A connection of its own. */
    open: (options) => keep(io(url, { forceNew: true, ...common, ...options })),
    /** A namespace; all of them share a connection. */
    namespace(name, options) {
      manager ??= new Manager(url, { transports: ["websocket"], ...common });
      return keep(manager.socket(name, options));
    },
  };
  try {
    await scenarios[name](stage);
  } finally {
    for (const socket of sockets) socket.disconnect();
  }
}
