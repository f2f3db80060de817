// What the test server does on each event; one line each, so that this file is also the list.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { toJson } from "./json.mjs";

const bytes = (...values) => Buffer.from(values);

/** Binary at two depths, an empty one, and one that holds what a text protocol would trip over. */
export const binaryFixture = () => ({ a: [bytes(0, 1, 2, 255), { b: bytes(0x1e, 0x0a, 0x80) }], c: bytes() });

/** Splits the acknowledgement off an event's arguments. */
function split(args) {
  const ack = args.at(-1);
  return typeof ack === "function" ? [args.slice(0, -1), ack] : [args, () => {}];
}

/** A list that survives SIGKILL where a file is given: one JSON value per line. */
export function createRecord(file) {
  const list = [];
  if (file && existsSync(file)) {
    for (const line of readFileSync(file, "utf8").split("\n")) if (line) list.push(JSON.parse(line));
  }
  return {
    list,
    add(value) {
      if (file) appendFileSync(file, `${JSON.stringify(value)}\n`);
      list.push(value);
    },
  };
}

export function behave(io, socket, { stats, record }) {
  const on = (event, handler) => socket.on(event, (...args) => handler(...split(args)));

  on("echo", (args, ack) => {
    socket.emit("echo", ...args);
    ack(...args);
  });
  on("call", (args, ack) => ack(...args));
  on("later", ([ms, ...args], ack) => setTimeout(() => ack(...args), ms));
  on("never", () => {});
  on("noargs", () => socket.emit("noargs"));
  on("hint", (args) => socket.volatile.emit("hint", ...args));
  on("ask", (args) => socket.emit("question", ...args, (...answer) => socket.emit("answered", ...answer)));
  on("big", ([n], ack) => ack("x".repeat(n)));
  on("flood", ([n, event = "flood"]) => {
    for (let i = 0; i < n; i += 1) socket.emit(event, i);
  });
  on("binary", ([value = binaryFixture()], ack) => {
    socket.emit("binary", value);
    // The second argument is what arrived, as JSON: the client can check the server's view of it.
    ack(value, toJson(value));
  });

  on("record", ([value], ack) => {
    record.add(toJson(value));
    ack(record.list.length);
  });
  on("recorded", (_, ack) => ack(record.list));

  on("join", ([room], ack) => {
    socket.join(room);
    ack([...socket.rooms]);
  });
  on("leave", ([room], ack) => {
    socket.leave(room);
    ack([...socket.rooms]);
  });
  on("rooms", (_, ack) => ack([...socket.rooms]));
  on("say", ([room, ...args], ack) => {
    socket.to(room).emit("said", room, ...args);
    ack();
  });
  on("broadcast", ([event, ...args]) => socket.nsp.emit(event, ...args));

  on("kick", () => socket.disconnect());
  on("kick-all", () => socket.disconnect(true));
  on("close-engine", () => socket.conn.close());
  // The TCP connection ends without a close frame.
  on("cut", () => socket.conn.transport.socket?.terminate?.());
  on("handshake", (_, ack) => ack({ auth: socket.handshake.auth, query: socket.handshake.query, id: socket.id }));
  on("transport", (_, ack) => ack(socket.conn.transport.name));
  on("stats", (_, ack) => ack(stats));
}

/** `/secret` refuses everybody without the right token, and says why in `data`. */
export function guard(socket, next) {
  if (socket.handshake.auth?.token === "good") return next();
  const error = new Error("not authorized");
  error.data = { code: "denied" };
  next(error);
}
