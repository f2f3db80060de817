// What the core's numbers mean; the same as in src/js/report.rs.

export const KIND = {
  EVENT_HERE: 1,
  EVENT: 2,
  ACK_HERE: 3,
  ACK: 4,
  NO_ACK: 5,
  CONNECTED: 6,
  DISCONNECTED: 7,
  CONNECT_ERROR: 8,
  AUTHENTICATE: 9,
  SENT: 10,
  NOT_SENT: 11,
  OPENED: 12,
  OPEN_FAILED: 13,
  CLOSED: 14,
  WAITING: 15,
  ATTEMPT: 16,
  RECONNECTED: 17,
  RECONNECT_FAILED: 18,
  PING: 19,
  UPGRADED: 20,
  UPGRADE_FAILED: 21,
  UPGRADING: 22,
  FATE: 23,
  UNSUPPORTED: 24,
  SETTLED: 25,
  GAP: 26,
};

/** Why a session or a namespace ended, in the order of `DisconnectReason`. */
export const REASONS = [
  "io server disconnect",
  "io client disconnect",
  "ping timeout",
  "transport close",
  "transport error",
  "parse error",
  "forced close",
];

/** Why events may be missing, in the order of `GapReason`. */
const GAPS = [
  "none-offered",
  "no-offset",
  "server-not-noticed",
  "unknown-session",
  "namespace-disconnect",
  "new-node",
  "overflow",
  "seam",
  "storage",
];

const known = (number) => (number >= 0 ? number : null);

/** What a socket's listeners get. `flags` as in src/js/report.rs, and whether that is told. */
export function gapOf(flags, [since, until, outage, lastEventAt, possiblyMissed], lastOffset = null) {
  const [recovered, exact, serverKnew, told] = [16, 32, 64, 128].map((flag) => (flags & flag) !== 0);
  const gap = { recovered, exact, reason: GAPS[flags % 16], since, until, outage, lastOffset };
  return [{ ...gap, lastEventAt: known(lastEventAt), possiblyMissed: known(possiblyMissed), serverKnew }, told];
}

const DECODE_ERRORS = [
  // From number 11.
  "the server's handshake cannot be read",
  "malformed packet",
  "invalid payload",
  "got plaintext data when reconstructing a packet",
  "got binary data when not reconstructing a packet",
  "too many attachments",
  "incomplete packet",
];

/** Why a message could not be read. */
export function decodeError(code) {
  const error = new Error(DECODE_ERRORS[code - 11] ?? "server error");
  if (code === 10) error.code = "parser error";
  return error;
}
