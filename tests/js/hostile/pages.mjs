// The rows that are tried in pages, at least one of each family, and what is told there.
import { LIMITS } from "./servers.mjs";

const survives = { kind: "done", text: "done", goesOn: true };
const closed = (text) => ({ kind: "closed", text });
const read = (what) => closed(`parse error: ${what}`);
const tooLong = (what) => closed(`transport error: ${what} error: the answer has more than ${LIMITS.message} bytes`);

/**
 * By transport and name, for both browsers or by browser. While a body comes as fast as a server beside it can write, Firefox tells a
 * page nothing of its XMLHttpRequest, and runs none of its timers: what reads bodies without end there is `Fetch`. And a page of
 * Firefox takes long to hear 300,000 events.
 */
export const rows = {
  WebSocket: {
    "10,000 packets with an attachment": survives,
    "1,000,000,000 attachments announced": read("too many attachments"),
    "a placeholder of number 4,294,967,295": read("invalid payload"),
    "JSON a million levels deep": read("invalid payload"),
    "a text one byte too long": tooLong("websocket"),
    "20,000 packets for namespaces that nobody asked for": survives,
    "20,000 acks that nobody waits for": survives,
    "20,000 times CONNECT again, with another `sid` and `pid` each time": survives,
    "a goodbye with code 1002 and a reason": closed("transport close: websocket connection closed 1002 gone"),
  },
  polling: {
    "a handshake with a `sid` as long as may be": { kind: "open", text: "the server's handshake cannot be read" },
    "10,000 pings in a body, ten times": survives,
    "10,000 events in a body, 30 times, while the application does not read": { chromium: survives },
    "a million packets in a body": closed("transport error: too many attachments"),
    "a body without end": { chromium: tooLong("xhr poll") },
  },
  Fetch: {
    "a body without end": tooLong("fetch read"),
  },
};
