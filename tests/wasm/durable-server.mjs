// A Node server with the middleware of the npm package. Prints {"port":N}, and {"ran":number} for each run of the handler
// of `run`, which answers seven times the number. Ends with its parent.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { exactlyOnce } from "../../client-wasm/js/server/index.js";

const http = createServer();
const once = exactlyOnce();
const io = new Server(http, { cors: { origin: "*" }, parser: once.parser });
once.install(io);
io.on("connection", (socket) => {
  socket.on("run", (number, ack) => {
    console.log(JSON.stringify({ ran: number }));
    ack?.(7 * number);
  });
});

process.stdin.on("end", () => process.exit()).resume();
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
