// What an engine's listeners hear of messages.
import { guarded } from "./emitter.js";

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

function tellEngine(engine, message) {
  const text = typeof message === "string";
  const type = text ? (TYPES[message[0]] ?? "error") : "message";
  const data = text ? (message.length > 1 ? message.slice(1) : undefined) : message;
  engine.emitReserved("packet", data === undefined ? { type } : { type, data });
  engine.emitReserved("heartbeat");
  if (type !== "message") return;
  // Not `engine.emit`, which hands data in.
  engine.emitReserved("data", data);
  engine.emitReserved("message", data);
}

/** Tells them of a message; undefined if there are none. */
export function listeners(engine) {
  const wanted = ["packet", "heartbeat", "data", "message"].some((name) => engine.hasListeners(name));
  return wanted ? (message) => guarded(() => tellEngine(engine, message)) : undefined;
}
