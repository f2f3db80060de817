// A chat that keeps its own history, as in Socket.IO's tutorial: each message has a number, its offset, and a client that
// comes back says in `auth.serverOffset` how far it had come. Needs nothing but socket.io.
//
//   node history.mjs [--port N] [--file PATH]
//
// By default on port 3001, and without a file: then the history ends with the server. Prints its address once it listens.
// From a client comes ("chat message", text, id); a text that is sent twice has the same id. To clients go
// ("chat message", text, serverOffset), and, when one is up to date, ("up to date", serverOffset, missed): how many it had
// missed and was sent, or null if that cannot be known.
import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const options = { port: { type: "string", default: "3001" }, file: { type: "string" } };
const { port, file } = parseArgs({ options }).values;

/** All messages, `{ id, text }`. A message's offset is how many there are with it. */
const history = file && existsSync(file) ? load(file) : [];
const known = new Set(history.map(({ id }) => id));

/** What was being written when the server was killed was never told to anybody. */
function load(file) {
  const stored = readFileSync(file, "utf8");
  const whole = stored.slice(0, stored.lastIndexOf("\n") + 1);
  truncateSync(file, Buffer.byteLength(whole));
  return whole.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** Kept before anybody hears of it: an offset that was told is never given to another message. */
function keep(message) {
  if (file) appendFileSync(file, `${JSON.stringify(message)}\n`);
  known.add(message.id);
  return history.push(message);
}

/** Sessions resume short losses by themselves (`socket.recovered`); they end with the server, which the history does not. */
const io = new Server({ cors: { origin: "*" }, connectionStateRecovery: {} });

io.on("connection", (socket) => {
  // All at once: where a database is asked in between, live messages may overtake the history.
  const missed = socket.recovered ? 0 : sendMissed(socket);
  socket.emit("up to date", history.length, missed);
  socket.on("chat message", (text, id, answer) => {
    if (typeof text !== "string" || typeof id !== "string" || typeof answer !== "function") return;
    if (!known.has(id)) io.emit("chat message", text, keep({ id, text }));
    answer();
  });
});

/** A newcomer has missed nothing; an offset from beyond the history is of another one. */
function sendMissed(socket) {
  const { serverOffset: from } = socket.handshake.auth;
  if (!Number.isSafeInteger(from) || from < 0 || from > history.length) return null;
  for (let at = from; at < history.length; at += 1) socket.emit("chat message", history[at].text, at + 1);
  return history.length - from;
}

io.listen(Number(port), { host: "127.0.0.1" });
io.httpServer.on("listening", () => console.log(`http://127.0.0.1:${io.httpServer.address().port}`));
