// The transports by class, which options take.
import { Fetch, io, NodeWebSocket, NodeXHR, WebSocket, WebTransport, XHR } from "PACKAGE";

//# transport classes
{
  io({ transports: [XHR, WebSocket] });
  io({ transportImplementations: [Fetch, NodeXHR, NodeWebSocket, WebTransport] });
  class Own extends WebSocket {
    get name() {
      return "own";
    }
  }
  io({ transports: [Own] });
  const made: WebSocket = new Own({});
  const writable: boolean = made.writable;
  // @ts-expect-error: no transport
  io({ transports: [Date] });
  // @ts-expect-error: names belong to `transports`
  io({ transportImplementations: ["websocket"] });
}
