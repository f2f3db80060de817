// What uses a JavaScript client, in a process or in a page. `README.md` has the job, the lines and the commands.

/** Begins; each line goes to `print`. Returns the commands by name; `isOurs`: not the published client. */
export function start(io, { url, name, transports, ahead = 0, exactlyOnce, store }, print, isOurs) {
  /** As often as it takes; the published client has no more than that. */
  const reliable = ahead > 0 && { retries: Infinity, ackTimeout: 10_000, ...(exactlyOnce && isOurs && { exactlyOnce }) };

  const socket = io(url, {
    forceNew: true,
    transports,
    reconnectionDelay: 2,
    reconnectionDelayMax: 10,
    randomizationFactor: 0,
    // After a cut between the WebSocket handshake and the server's first packet it waits for that.
    ...(isOurs ? {} : { timeout: 1000 }),
    // The proxy reads along.
    perMessageDeflate: false,
    ...(store && { recoveryStore: "session" }),
    ...reliable,
  });

  socket.on("connect", () => print({ joined: { id: socket.id, recovered: Boolean(socket.recovered) } }));
  socket.on("disconnect", (reason) => print({ left: reason }));
  socket.on("connect_error", (error) => {
    // Others are the connection's, which is tried again.
    if (!socket.active) print({ refused: error.message });
  });
  if (isOurs) socket.on("gap", (gap) => print({ gap }));

  socket.onAny((event, ...args) => {
    const bytes = [];
    const plain = args.map((value) => {
      if (typeof value === "function") return null;
      if (!ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer)) return value;
      bytes.push([...new Uint8Array(value.buffer ?? value, value.byteOffset ?? 0, value.byteLength)]);
      return null;
    });
    if (typeof args.at(-1) === "function") plain.pop();
    print({ heard: event, args: plain, bytes });
  });

  let sent = 0;
  let settled = 0;
  let stopped = false;

  function emit() {
    const n = sent++;
    // First, for the handler's line must not come before it.
    print({ sent: n });
    socket.emit("op", { client: name, n }, (error, value) => {
      settled += 1;
      if (error) print({ settled: n, fate: "error", error: error.message });
      else print({ settled: n, fate: "acknowledged", value });
      if (!stopped) emit();
      else if (settled === sent) print({ done: true });
    });
  }

  while (sent < ahead) emit();

  return {
    stop: () => (stopped = true),
    connect: () => socket.connect(),
    disconnect: () => socket.disconnect(),
  };
}
