// Transports by class, for the option `transports`. The client itself decides what they do.

export class XHR {
  static transport = "polling";
}

export class NodeXHR extends XHR {}

export class Fetch extends XHR {
  static fetch = true;
}

class WebSocketTransport {
  static transport = "websocket";
}

export class NodeWebSocket extends WebSocketTransport {
  static ws = true;
}

/** Listed, and not yet built: alone it gives "No transports available". */
export class WebTransport {
  static transport = "webtransport";
}

export { WebSocketTransport as WebSocket };
