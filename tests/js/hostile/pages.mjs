// Which rows are worth a page, and what is told there: where nothing is said, the same in both browsers.

const survives = { kind: "done", text: "done", goesOn: true };
const closed = (text) => ({ kind: "closed", text });
const read = (what) => closed(`parse error: ${what}`);
/** All that a browser says of frames that are none. */
const gone = { text: "websocket" };

const TOO_LONG = "xhr poll error: the answer has more than 2097152 bytes";

const rows = {
  WebSocket: {
    "a handshake with upgrades by the hundred thousand": read("malformed packet"),
    "a handshake a million levels deep": { kind: "open", text: "the server's handshake cannot be read" },
    "more attachments than announced": read("got binary data when not reconstructing a packet"),
    "fewer attachments than announced": read("got plaintext data when reconstructing a packet"),
    "half-built packets on namespace after namespace": read("got plaintext data when reconstructing a packet"),
    "1,000,000,000 attachments announced": read("too many attachments"),
    "a placeholder of number 4,294,967,295": read("invalid payload"),
    "JSON a million levels deep": read("invalid payload"),
    "an ack id of a million digits": read("malformed packet"),
    "events before the answer to CONNECT, without end": read("too many attachments"),
    "a text one byte too long": closed("transport error: websocket error: the answer has more than 2097152 bytes"),
    "a frame of 2^64 - 1 bytes, announced": gone,
    "text that is not UTF-8": gone,
    "20,000 packets for namespaces that nobody asked for": survives,
    "20,000 acks that nobody waits for": survives,
    "20,000 times CONNECT again, with another `sid` and `pid` each time": survives,
    "50,000 pings, no pong of which is read": survives,
    "10,000 packets with an attachment": survives,
    "200,000 small events, while the application does not read": survives,
  },
  polling: {
    "a handshake with a `sid` as long as may be": { kind: "open", text: "the server's handshake cannot be read" },
    // Firefox is busy with them for so long that its page does not come to say so.
    "a body without end": { chromium: { text: TOO_LONG } },
    "a body without end, in pieces of four bytes": { chromium: { text: TOO_LONG } },
    "a million packets in a body": closed("transport error: too many attachments"),
    "an empty body": closed("transport error: server error"),
    "10,000 packets for namespaces that nobody asked for in a body, ten times": survives,
  },
  upgrade: {
    "10,000 answers to one probe": survives,
  },
};

/** What is to be told in this browser; undefined if the row is for none. */
export const inPages = ({ transport, name }, browser) => {
  const told = rows[transport][name];
  return told && !told.text ? told[browser] : told;
};
