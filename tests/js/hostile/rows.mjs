// What has to come of each row of `tests/hostile`, for clients of the npm package.
import { LIMITS } from "./servers.mjs";

const MB = 1 << 20;

export const transports = { polling: ["polling"], WebSocket: ["websocket"], upgrade: ["polling", "websocket"] };

/** The client's options: what `LIMITS` says. */
export const options = { maxPayload: LIMITS.message };

/**
 * Node's heap before it is collected (`--max-semi-space-size=1`), compiled code, buffers of sockets; the server's rows that send
 * nothing to keep leave as much.
 */
const ITSELF = 32 * MB;
/** A JSON value takes so many bytes per byte of its text at most: a million arrays in one another 45, empty objects some 30. */
const VALUE = 50;
/** An event that waits for the answer to CONNECT, in JavaScript and in the core. */
const EACH = 512;

/** Of what JavaScript holds when a client has been closed: noise, and the numbers of as many values as there were at a time. */
export const LEFT = 4 * MB;

/** WebAssembly's memory: no value is in it, but what is noted of each packet. */
export const wasmBound = (bound) => 3 * MB + (["Packets", "Queue"].includes(bound) ? LIMITS.packets * 256 : 0);

/** What may be held meanwhile, by what is allowed; as `Bound` of the native rows. */
export const bounds = {
  Nothing: ITSELF,
  Message: ITSELF + VALUE * LIMITS.message,
  // Twice: on its way, and a listener's.
  Attachments: ITSELF + 2 * LIMITS.attachmentBytes,
  Placeholders: ITSELF + VALUE * LIMITS.message,
  // As texts and as values.
  Packets: ITSELF + VALUE * LIMITS.message + LIMITS.packets * EACH,
  // Nothing waits here: a listener is called at once.
  Events: ITSELF + VALUE * LIMITS.message,
  Queue: ITSELF + VALUE * LIMITS.message,
  Written: ITSELF + 16 * MB,
  Answers: ITSELF + 2 * 1500 * (16 << 10),
};

const open = (text) => ({ kind: "open", text });
const closed = (text) => ({ kind: "closed", text });
const stays = (text) => ({ kind: "upgrade", text, goesOn: true });
const survives = { kind: "done", text: "done", goesOn: true };
const OVERFLOW = "Parse Error: Header overflow";
const LONG = "Max payload size exceeded";
const NOT_TEXT = "The encoded data was not valid for encoding utf-8";
const FRAME = "Unsupported WebSocket frame: payload length > 2^53 - 1";
const polls = (what) => open(`xhr poll error${what}`);
const opens = (what) => open(`websocket error${what}`);
const breaks = (what) => closed(`transport error: websocket error: ${what}`);
const late = { ...closed("parse error: incomplete packet"), slow: true };
const read = (what) => closed(`parse error: ${what}`);
/** In place of the handshake, and in a session. */
const fetches = (what) => ({ text: `xhr poll error${what}` });
const tooLong = `the response is longer than ${LIMITS.message} bytes`;

/** Of Node. By transport and name; what is left out survives. */
export const told = {
  WebSocket: {
    "headers without end": opens(`: ${OVERFLOW}`),
    "a header that does not end": opens(`: ${OVERFLOW}`),
    "`100 Continue` without end": open("timeout"),
    "an error with a page without end": opens(": Unexpected server response: 500"),
    "a redirect to 12 KB": opens(": Unexpected server response: 301"),
    "a redirect to itself, with a page without end": opens(": Unexpected server response: 301"),
    "90 cookies, and no session": opens(": Unexpected server response: 403"),
    "a compressed bomb as the handshake, which was not asked for": opens(": Invalid WebSocket frame: RSV1 must be clear"),
    "a handshake of 1 GB, announced": opens(`: ${LONG}`),
    "a handshake with upgrades by the hundred thousand": read("malformed packet"),
    "a handshake a million levels deep": open("the server's handshake cannot be read"),
    "heartbeats every 0 ms": closed("ping timeout"),
    "more attachments than announced": read("got binary data when not reconstructing a packet"),
    "fewer attachments than announced": read("got plaintext data when reconstructing a packet"),
    "attachments that never come": late,
    "half-built packets on namespace after namespace": read("got plaintext data when reconstructing a packet"),
    "attachments of more bytes than allowed": read("too many attachments"),
    "one attachment more than may be, announced": read("too many attachments"),
    "1,000,000,000 attachments announced": read("too many attachments"),
    "10^30 attachments announced": read("malformed packet"),
    "binary data that no packet announced": read("got binary data when not reconstructing a packet"),
    "a placeholder of number 4,294,967,295": read("invalid payload"),
    "a placeholder whose number is 1e308": read("invalid payload"),
    "JSON a million levels deep": read("invalid payload"),
    "placeholders by the hundred thousand, none as servers write them": read("invalid payload"),
    "an ack id of a million digits": read("malformed packet"),
    "an ack whose payload is no list": read("invalid payload"),
    "an event of a reserved name": read("invalid payload"),
    "an unknown Engine.IO packet of 1 MB": closed("transport error: server error"),
    "events before the answer to CONNECT, without end": read("too many attachments"),
    "a frame of 1 GB, announced": breaks(LONG),
    "a frame of 2^63 - 1 bytes, announced": breaks(FRAME),
    "a frame of 2^64 - 1 bytes, announced": breaks(FRAME),
    "a text one byte too long": breaks(LONG),
    "a message of fragments without end": breaks(LONG),
    "empty fragments without end, and no heartbeat": breaks("Too many message fragments"),
    "a compressed bomb, which was not asked for": breaks("Invalid WebSocket frame: RSV1 must be clear"),
    "a compressed bomb, from a server that says that it compresses": breaks(LONG),
    "an unknown opcode": breaks("Invalid WebSocket frame: invalid opcode 3"),
    "a masked frame": breaks("Invalid WebSocket frame: MASK must be clear"),
    "a ping of 1 GB, announced": breaks("Invalid WebSocket frame: invalid payload length 127"),
    "a fragment of nothing": breaks("Invalid WebSocket frame: invalid opcode 0"),
    "text that is not UTF-8": breaks("Invalid WebSocket frame: invalid UTF-8 sequence"),
    "an overlong zero and a surrogate": breaks("Invalid WebSocket frame: invalid UTF-8 sequence"),
    "a goodbye with code 1002 and a reason": closed("transport close: websocket connection closed 1002 gone"),
    // `ws` lets 60 pongs wait to be written (`maxPendingAutoPongs`), and the server reads none.
    "60,000 WebSocket pings, no pong of which is read": closed("transport close: websocket connection closed 1006"),
  },
  polling: {
    "headers without end": polls(`: ${OVERFLOW}`),
    "a header that does not end": polls(`: ${OVERFLOW}`),
    "`100 Continue` without end": open("timeout"),
    "an error with a page without end": polls(" 500"),
    "a redirect to 12 KB": polls(": getaddrinfo "),
    "a redirect to itself, with a page without end": polls(": too many redirects"),
    "90 cookies, and no session": polls(" 403"),
    "a compressed bomb, which was not asked for": fetches(`: ${NOT_TEXT}`),
    "a handshake with a `sid` as long as may be": open("the server's handshake cannot be read"),
    "a body without end": fetches(`: ${tooLong}`),
    "a body without end, in pieces of four bytes": fetches(`: ${tooLong}`),
    "a body of 1 GB, announced": fetches(`: ${tooLong}`),
    "a chunk of 2^63 bytes, announced": fetches(`: ${tooLong}`),
    "chunk extensions without end": fetches(": Parse Error: "),
    "trailers without end": fetches(`: ${OVERFLOW}`),
    "a body that is not UTF-8": fetches(`: ${NOT_TEXT}`),
    "an empty body": closed("transport error: server error"),
    "a million packets in a body": closed("transport error: too many attachments"),
    "base64 that is none": closed("transport error: server error"),
    "more attachments than announced": read("got binary data when not reconstructing a packet"),
    "attachments that never come, and empty answers": late,
    "the end of the session": closed("transport close"),
  },
  upgrade: {
    "10,000 answers to one probe": survives,
    "10,000 noops on the probe": stays("probe error"),
    "events on the probe": stays("probe error"),
    "binary data on the probe": stays("probe error"),
    "a frame of 1 GB, announced, on the probe": stays("websocket error"),
    "an end of the probe": stays("probe error"),
  },
};

/** Of a row, in Node. */
export const toldOf = ({ transport, name }) => told[transport][name] ?? survives;
