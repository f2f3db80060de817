// `emit` and `disconnect` in the same breath: how many events arrive.
//
// What is written in one go reaches the server in one read, as it does where the machine is not busy: a Node server drops
// events that come together with DISCONNECT.
import { Child } from "./child.mjs";
import { Proxy } from "./proxy.mjs";
import { startServers } from "./servers.mjs";

export const ROUNDS = 20;

/** The client's option, by what the connection is when the event is emitted. */
export const transports = { websocket: ["websocket"], polling: ["polling"], upgraded: ["polling", "websocket"] };

/** What leaves the client within this time arrives in one piece. ms */
const TOGETHER = 5;

/** How many of `ROUNDS` events a handler saw. `program`: `{ command, args, env }`. */
export async function arrived({ command, args, env }, transport) {
  const servers = await startServers("N", { seed: 1, handlerMs: 0 });
  const proxy = await new Proxy(servers.ports()[0]).listen();
  proxy.on("link", (link) => link.gather(TOGETHER));
  const url = `http://127.0.0.1:${proxy.port}`;
  const job = { url, name: "c", options: {}, transports: transports[transport], ahead: 1, goodbyes: ROUNDS };
  const child = new Child(command, [...args, JSON.stringify(job)], env);
  try {
    await child.next("the last goodbye", ({ left }) => left);
    // What the client still had to send has left it.
    await proxy.until(() => proxy.idle);
    // It sends one more, which arrives behind all the others.
    child.send({ fence: true });
    await child.next("the end", ({ done }) => done);
    return new Set(servers.runs.map(({ n }) => n).filter((n) => n < ROUNDS)).size;
  } finally {
    await child.kill();
    await servers.stop();
    proxy.close();
  }
}
