// A stock Socket.IO server that notes what comes over which connection. Prints {"port":N}; ends with its parent.
//   one (round, number, filler)   noted
//   seen (round), with ack        [[number, connection], …] of the round, in order; forgotten then
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { cors: { origin: "*" } });
const rounds = new Map();
let connections = 0;

io.on("connection", (socket) => {
  const connection = (connections += 1);
  socket.on("one", (round, number) => {
    if (!rounds.has(round)) rounds.set(round, []);
    rounds.get(round).push([number, connection]);
  });
  socket.on("seen", (round, ack) => {
    ack(rounds.get(round) ?? []);
    rounds.delete(round);
  });
});

process.stdin.on("end", () => process.exit()).resume();
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
