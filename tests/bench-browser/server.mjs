// The server of the benchmark, in a process of its own: the page's files, and a Socket.IO server that floods, counts
// and answers. `node server.mjs '{"/ours.js":"/path/to/file"}'`; prints {"port":N}; ends when standard input ends.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Server } from "socket.io";
import { event, sumOf } from "./message.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const files = {
  "/": join(here, "page.html"),
  "/start": join(here, "start.html"),
  "/page.mjs": join(here, "page.mjs"),
  "/message.mjs": join(here, "message.mjs"),
  ...JSON.parse(process.argv[2] ?? "{}"),
};
const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript" };

function serve(request, response) {
  const { pathname } = new URL(request.url, "http://host");
  const file = files[pathname];
  if (!file) return response.writeHead(404).end();
  response.writeHead(200, {
    "content-type": types[extname(file)],
    // A start is to be a first visit.
    "cache-control": "no-store",
    // Without them browsers make the page's clock coarse.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  });
  createReadStream(file).pipe(response);
}

const http = createServer(serve);
const io = new Server(http, { pingInterval: 60_000, maxHttpBufferSize: 1e8 });

/** How busy this process was since `begin`, from 0 to 1. */
const meter = () => {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return (user + system) / 1000 / (performance.now() - wall);
  };
};

io.on("connection", (socket) => {
  socket.on("flood", ({ count, size, binary }, answer) => {
    const busy = meter();
    for (let i = 0; i < count; i += 1) socket.emit("event", ...event(i, size, binary));
    socket.once("heard", (tell) => tell({ busy: busy() }));
    answer();
  });
  socket.on("sink", ({ count }, answer) => {
    const busy = meter();
    let [seen, sum] = [0, 0];
    socket.on("event", function take(...args) {
      seen += 1;
      sum = (sum + sumOf(args)) >>> 0;
      if (seen === count) socket.emit("sunk", { seen, sum, busy: busy() });
    });
    answer();
  });
  socket.on("echo", (value, answer) => answer(value));
});

process.stdin.resume().on("end", () => process.exit(0));
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
