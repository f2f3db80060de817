import { io } from "./socketio-client.js";
const [state, log, form] = document.querySelectorAll("#state, #log, form");
const url = document.body.dataset.server || "http://127.0.0.1:3001";

// Where each event stands in the server's history. The last place goes into `auth.serverOffset` of each connection.
const of = (event, first, second) => (event === "chat message" ? second : event === "up to date" ? first : undefined);
const offset = location.search === "?without" ? undefined : { key: "serverOffset", of };
const socket = io(url, { offset, retries: Infinity });

/** Until the server says so, what comes is what was missed. */
let isUpToDate = true;

const tell = (text) => (state.textContent = text);
const time = (at) => new Date(at).toLocaleTimeString("en-GB");
const line = (text, mark = "") => {
  const [line, note] = [document.createElement("div"), document.createElement("small")];
  note.textContent = mark;
  line.append(text, " ", note);
  log.append(line);
};
const done = (missed, gap) => {
  if (socket.recovered) return tell("Up to date: the session was resumed.");
  if (missed !== null) return tell(`Up to date: ${missed} missed, sent from the server's history.`);
  if (!gap) return tell("Connected.");
  line("", `messages since ${time(gap.since)} may be missing here`);
  return tell(`Connected again. Messages since ${time(gap.since)} may be missing: ${gap.reason}.`);
};

socket.on("disconnect", () => {
  isUpToDate = false;
  tell("Not connected. What you write is sent when the server is back.");
});
socket.on("connect_error", () => tell(`No server at ${url}: start it with "node tests/servers/history.mjs".`));
socket.on("chat message", (text) => line(text, isUpToDate ? "" : "missed"));
socket.on("up to date", (serverOffset, missed) => {
  isUpToDate = true;
  done(missed, socket.lastGap);
});
form.onsubmit = () => {
  socket.emit("chat message", form.text.value, crypto.randomUUID());
  form.reset();
  return false;
};
