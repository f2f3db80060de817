// What each scenario has to show, on every face: the lines that the client writes, and what the server saw of it.
// The scenarios themselves are in `js-face.mjs` and `rust-face.rs`, function by function.

const numbers = (length, line) => Array.from({ length }, (_, n) => line(n));

/** Of the server's view, the keys that are given here are compared. `connections` is always there. */
export const scenarios = {
  connect: {
    client: [
      "connected false",
      "connected true",
      "id true",
      "token good",
      "welcome /",
      "left io client disconnect false",
    ],
    // Over the face's own default transports.
    server: { connections: 1, sockets: ["/"], events: ["/ who"] },
  },
  buffer: {
    client: ["connected false", "sum 3", "connected true"],
    server: {
      connections: 1,
      sockets: ["/"],
      events: ["/ kept 1", "/ kept 2", "/ kept 3", "/ add 1 2", "/ kept 4"],
    },
  },
  ack: {
    client: ["sum 3", 'pair "b" 1', "kept 3", "kept 2", "kept 1", "question ready?", "answered yes 1"],
    server: {
      connections: 1,
      events: [
        "/ add 1 2",
        '/ pair 1 "b"',
        "/ keep 1",
        "/ keep 2",
        "/ keep 3",
        "/ release 3",
        "/ release 2",
        "/ release 1",
        '/ ask "ready?"',
        '/ answered "yes" 1',
      ],
    },
  },
  timeout: {
    client: [
      "offline: operation has timed out",
      "kept: operation has timed out",
      "sum 3",
    ],
    // What timed out offline was never sent.
    server: { connections: 1, events: ["/ keep 1", "/ release 1", "/ add 1 2"] },
  },
  binary: {
    client: ["websocket event true, ack true", "polling event true, ack true"],
    server: {
      connections: 2,
      sessions: ["websocket", "polling"],
      events: numbers(2, () => '/ binary {"all":"256 bytes, sum 32640","few":["bytes ","bytes 1e00ff"]}'),
    },
  },
  reconnect: {
    client: numbers(2, () => ["lost true", "attempt 1", "reconnect 1", "new id true", "sum 3"]).flat(),
    server: {
      connections: 4,
      sessions: ["websocket", "websocket", "polling", "polling"],
      sockets: ["/", "/", "/", "/"],
      events: numbers(2, () => ["/ cut", "/ kept 1", "/ kept 2", "/ kept 3", "/ add 1 2"]).flat(),
    },
  },
  recover: {
    client: ["recovered false", "news 1", "news 2", "news 3", "news 4", "recovered true, same id true"],
    server: {
      connections: 2,
      sockets: ["/", "/ recovered"],
      events: ["/ news 1", "/ leave me", "/ news 4"],
    },
  },
  volatile: {
    client: ["websocket sum 3", "websocket sum 7", "polling sum 3", "polling sum 7"],
    server: {
      connections: 2,
      sessions: ["websocket", "polling"],
      events: [
        // Before the connection nothing volatile is kept; on an idle one it is sent.
        ...["/ kept 2", "/ add 1 2", "/ fleeting 3", "/ add 3 4"],
        // While a POST is under way it is dropped.
        ...["/ add 1 2", "/ kept 4", "/ add 3 4"],
      ],
    },
  },
  retries: {
    client: ["order 1 after 2", "order 2 after 2", "order 3 after 1", "order 4: operation has timed out"],
    server: {
      connections: 3,
      // One at a time, and none more often than wanted.
      events: [
        ...numbers(2, () => '/ order 1 "withhold"'),
        ...numbers(2, () => '/ order 2 "cut"'),
        '/ order 3 "answer"',
        ...numbers(2, () => '/ order 4 "never"'),
      ],
    },
  },
  namespaces: {
    client: [
      "/ welcome /",
      "/admin welcome /admin",
      "/secret refused: not authorized denied, active false",
      "/secret welcome /secret",
      "/admin left, / stays true",
      "/ who /",
      "/secret who /secret",
    ],
    server: {
      connections: 1,
      sockets: ["/", "/admin", "/secret"],
      events: ["/ who", "/secret who"],
    },
  },
  upgrade: {
    client: ["open polling", "upgrade websocket", "echoes 50, in order true", "transport websocket"],
    server: {
      connections: 1,
      sessions: ["polling to websocket"],
      events: [...numbers(50, (n) => `/ echo ${n}`), "/ who"],
    },
  },
  "polling only": {
    client: ["transport polling", "echo é漢😀", "bytes true"],
    server: {
      connections: 1,
      sessions: ["polling"],
      upgrades: 0,
      events: ["/ who", '/ echo "é漢😀"', '/ binary "bytes 001eff"'],
    },
  },
  "WebSocket only": {
    client: ["transport websocket", "echo é漢😀", "bytes true"],
    server: {
      connections: 1,
      sessions: ["websocket"],
      polls: 0,
      upgrades: 1,
      events: ["/ who", '/ echo "é漢😀"', '/ binary "bytes 001eff"'],
    },
  },
};

/** In the order of the table. */
export const names = Object.keys(scenarios);
