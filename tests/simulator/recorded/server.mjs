// The real server that is recorded: in this process, so that its time can be virtual.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { exactlyOnce } from "../../../client-wasm/js/server/index.js";
import { behave, createRecord } from "../../servers/behaviour.mjs";
import { Clock } from "./clock.mjs";

/** Where the model's clock begins. */
const EPOCH = 1_795_252_372_157;

/** What applications of the server do on a line `! name …`; arguments are JSON where they can be. */
const actions = {
  emit: ({ io }, space, number, how, room) => {
    const to = room ? io.of(space).to("room") : io.of(space);
    if (how === "acked") to.timeout(60_000).emit("e", number, () => {});
    else if (how === "volatile") to.volatile.emit("e", number);
    else if (how === "attached") to.emit("e", number, Buffer.from(`bytes of ${number}`));
    else to.emit("e", number);
  },
  refuse: (state, refusing) => {
    state.refusing = refusing;
  },
  putout: ({ io }, space) => io.of(space).disconnectSockets(),
  close: ({ io }) => Object.values(io.engine.clients).forEach((session) => session.close()),
  handled: ({ jobs }) => jobs.shift()(),
};

/** Acknowledges each "op" with what the model's handler says, once a line `! handled` lets it. */
function count(socket, jobs) {
  socket.on("op", (number, ...rest) => {
    const ack = rest.at(-1);
    jobs.push(() => typeof ack === "function" && ack(number * 7 + 1));
  });
}

/** With the options of a recording's first line. `{ port, act, pass, offsets, traffic, close }`. */
export async function startServer({ model: _, once: isOnce, ...options }) {
  const clock = new Clock(EPOCH);
  const once = isOnce ? exactlyOnce() : undefined;
  const http = createServer();
  const io = new Server(http, { ...(once && { parser: once.parser }), ...options });
  once?.install(io);
  const sockets = new Set();
  http.on("connection", (tcp) => {
    sockets.add(tcp);
    tcp.on("close", () => sockets.delete(tcp));
  });
  const state = { io, refusing: false, jobs: [] };
  const spaces = ["/", "/n", "/r"].map((name) => io.of(name));
  for (const space of spaces) {
    space.use((_socket, next) => next(state.refusing ? new Error("no") : undefined));
    space.on("connection", (socket) => {
      if (!socket.recovered) socket.join("room");
      behave(io, socket, { stats: {}, record: createRecord() });
      count(socket, state.jobs);
    });
  }
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    port: http.address().port,
    act: (name, ...args) => actions[name](state, ...args),
    pass: (millis) => clock.pass(millis),
    /** What events are asked for again by. */
    offsets: () => spaces.flatMap(({ adapter }) => (adapter.packets ?? []).map(({ id }) => id)),
    /** Of each connection that is open, by the client's port: bytes that came and went. */
    traffic: () => new Map([...sockets].map((tcp) => [tcp.remotePort, [tcp.bytesRead, tcp.bytesWritten]])),
    close: async () => {
      http.closeAllConnections();
      sockets.forEach((tcp) => tcp.destroy());
      await new Promise((resolve) => io.close(resolve));
      clock.restore();
    },
  };
}
