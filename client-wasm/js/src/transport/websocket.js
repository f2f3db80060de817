/** Whether `bufferedAmount` tells, also behind the end, how much has certainly not left. */
export const TELLS_UNSENT = true;

/**
 * Opens a WebSocket, and tells `handlers` what it hears: `open()`, `message(data)`, `error(event)`, `close(event)`; never
 * from within this function, and never after `close()`.
 */
export function openWebSocket(url, opts, handlers) {
  const { protocols } = opts;
  // React Native takes headers as a third argument.
  const native = typeof navigator !== "undefined" && String(navigator.product).toLowerCase() === "reactnative";
  const socket = native
    ? new WebSocket(url, protocols, { headers: opts.extraHeaders })
    : new WebSocket(url, protocols || []);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => handlers.open();
  socket.onmessage = (event) => handlers.message(event.data);
  socket.onerror = handlers.error;
  socket.onclose = handlers.close;
  return {
    raw: socket,
    send(data) {
      try {
        socket.send(data);
      } catch {
        // It is closing; its close event tells.
      }
    },
    close() {
      socket.onopen = socket.onmessage = socket.onclose = null;
      // Some environments report an aborted handshake as an uncaught error if nobody listens.
      socket.onerror = () => {};
      socket.close();
    },
  };
}
