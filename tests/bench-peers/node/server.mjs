// The published server with its defaults; prints its port. The cases against it only connect.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
new Server(http);
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
