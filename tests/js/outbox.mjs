// For the tests of what becomes of emits: a server in a script, and what was told of fates.
import { wsServer } from "../servers/scripted.mjs";
import { connect } from "./client.mjs";
import { once } from "./server.mjs";

export const WS = { transports: ["websocket"] };

/** A server over WebSocket that says nothing but "connected": `frames` has what it heard. */
export async function mute(t, heard = () => {}, options = {}) {
  const frames = [];
  const note = (frame, ws) => {
    frames.push(frame);
    heard(frame, ws);
  };
  return { frames, ...(await wsServer(t, { heard: note, ...options })) };
}

/** A socket that is connected to such a server. */
export async function joined(t, options, heard) {
  const server = await mute(t, heard);
  const socket = connect(t, server.url, { ...WS, ...options });
  await once(socket, "connect");
  return { socket, ...server, ws: () => server.sockets.at(-1) };
}

/** A socket that is not connected, and never will be by itself. */
export const idle = (t, options) => connect(t, "http://127.0.0.1:1", { ...WS, autoConnect: false, ...options });

/** What `onFate` told, as `id fate`. */
export function fatesOf(socket) {
  const told = [];
  socket.onFate(({ id, fate }) => told.push(`${id} ${fate}`));
  return told;
}

/** What `not_sent` told. */
export function notSent(socket) {
  const told = [];
  socket.on("not_sent", (error, value) => told.push([error.message, value]));
  return told;
}

export const FULL = "the buffer is full";
export const OLD = "the event was held for longer than its age limit (maxAge, bufferMaxAge)";
export const DISPLACED = "the event was dropped for a newer one (bufferPolicy, coalesce)";
