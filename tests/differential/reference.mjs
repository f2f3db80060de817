// The published parsers, and what they make of messages.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
// The one that the published client depends on.
const client = createRequire(require.resolve("socket.io-client"));
const engine = createRequire(client.resolve("engine.io-client"))("engine.io-parser");
const { Decoder, Encoder, PacketType, isPacketValid } = client("socket.io-parser");

export { isPacketValid };
export const types = { connect: 0, disconnect: 1, event: 2, ack: 3, connect_error: 4 };

/** The Engine.IO messages of a Socket.IO packet `{ kind, namespace, id, data }`. */
export function encode({ kind, namespace, id, data }) {
  const packet = { type: types[kind], nsp: namespace, id, data };
  return new Encoder().encode(packet).map((part) => encodeEngine("message", part));
}

/** One message as it goes over a WebSocket. */
export function encodeEngine(type, data) {
  let message;
  engine.encodePacket({ type, data }, true, (encoded) => (message = encoded));
  return message;
}

/** Messages as one polling body. */
export function join(messages) {
  const packets = messages.map((message) => engine.decodePacket(message, "nodebuffer"));
  let body;
  engine.encodePayload(packets, (encoded) => (body = encoded));
  return body;
}

/** Reads WebSocket messages: a step for each, up to the first that is refused. */
export const readMessages = (messages) => steps(messages.map((message) => engine.decodePacket(message, "nodebuffer")));

/** The same of a polling body. */
export const readBody = (body) => steps(engine.decodePayload(body, "nodebuffer"));

function steps(packets) {
  const decoder = new Decoder();
  const steps = [];
  let decoded;
  decoder.on("decoded", (packet) => (decoded = packet));
  for (const { type, data } of packets) {
    if (type === "error") {
      steps.push({ refused: "engine", error: data });
      break;
    }
    if (type !== "message") {
      steps.push({ engine: type, data: data ?? "" });
      continue;
    }
    try {
      decoded = undefined;
      decoder.add(data);
    } catch (error) {
      steps.push({ refused: "socket", error: error.message });
      break;
    }
    steps.push(decoded ? { packet: told(decoded) } : { waits: true });
  }
  return steps;
}

const told = ({ type, nsp, id, data }) => ({ kind: PacketType[type].toLowerCase(), namespace: nsp, id, data });

/** Whether a text that announces attachments is refused once they have come. */
export function refusesWhenWhole(text) {
  const decoder = new Decoder();
  try {
    decoder.add(text.slice(1));
    while (decoder.reconstructor) decoder.add(Buffer.alloc(0));
    return false;
  } catch {
    return true;
  }
}
