// Transports by class, for the option `transports`. The client itself decides what they do; a class says which transport
// is meant, and what of the runtime is to carry it.

class Polling {
  get name() {
    return "polling";
  }
}

export class XHR extends Polling {}

export class NodeXHR extends Polling {}

export class Fetch extends Polling {
  static fetch = true;
}

class Frames {
  get name() {
    return "websocket";
  }
}

/** The global one. Without a class it is the application's package `ws` that counts, where there is one. */
class RuntimeWebSocket extends Frames {
  static builtin = true;
}

export class NodeWebSocket extends Frames {
  static builtin = false;
}

/** Listed, and not yet built: alone it gives "No transports available". */
export class WebTransport {
  get name() {
    return "webtransport";
  }
}

export { RuntimeWebSocket as WebSocket };
