// What a client with `exactlyOnce` has to write, made of the published client: the ack id is the event's number, each
// event is written again with the same id on each new connection, in order, and `$delivery` goes with CONNECT.
import { randomBytes } from "node:crypto";

/** A function `(event, data, callback)` for a socket that has not connected yet. */
export function referenceEmits(socket, { window }) {
  const id = randomBytes(16).toString("base64url");
  const emits = [];
  let base = 0;
  let written = 0;
  socket.auth = (send) => send({ $delivery: { v: 1, id, base } });

  function write() {
    for (; socket.connected && written < Math.min(emits.length, base + window); written += 1) {
      const emit = emits[written];
      if (emit.settled) continue;
      socket.ids = written;
      socket.emit(emit.event, emit.data, (value) => {
        if (emit.settled) return;
        emit.settled = true;
        while (emits[base]?.settled) base += 1;
        emit.callback(null, value);
        write();
      });
    }
  }

  socket.on("connect", () => {
    written = base;
    write();
  });
  return (event, data, callback) => {
    emits.push({ event, data, callback, settled: false });
    write();
  };
}
