// `emit` and `disconnect` in the same breath, over each transport: how many arrive. `node goodbyes.mjs [client...]`
//
// What is written in one go reaches the server in one read, as it does where the machine is not busy: a Node server drops
// events that come together with DISCONNECT.
import { clients } from "./clients.mjs";
import { Child } from "./child.mjs";
import { Proxy } from "./proxy.mjs";
import { startServers } from "./servers.mjs";

const ROUNDS = 20;

/** What leaves the client within this time arrives in one piece. ms */
const TOGETHER = 5;
const transports = { websocket: ["websocket"], polling: ["polling"], upgraded: ["polling", "websocket"] };

/** How many of the events a handler saw. */
async function arrived({ command, args, env }, list) {
  const servers = await startServers("N", { seed: 1, handlerMs: 0 });
  const proxy = await new Proxy(servers.ports()[0]).listen();
  proxy.on("link", (link) => link.gather(TOGETHER));
  const url = `http://127.0.0.1:${proxy.port}`;
  const job = { url, name: "c", options: {}, transports: list, ahead: 1, goodbyes: ROUNDS };
  const child = new Child(command, [...args, JSON.stringify(job)], env);
  try {
    await child.next("the last goodbye", ({ left }) => left);
    // What the client still had to send has left it.
    await proxy.until(() => proxy.idle);
    // It sends one more, which arrives behind all the others.
    child.send({ fence: true });
    await child.next("the end", ({ done }) => done);
    return new Set(servers.runs.filter(({ n }) => n < ROUNDS).map(({ n }) => n)).size;
  } finally {
    await child.kill();
    await servers.stop();
    proxy.close();
  }
}

const names = process.argv.length > 2 ? process.argv.slice(2) : ["ours", "npm"];
const lines = [
  ["client", ...Object.keys(transports)],
  ["---", ...Object.keys(transports).map(() => "---")],
];
let failed = 0;
for (const name of names) {
  const program = clients[name].program();
  const cells = [];
  for (const list of Object.values(transports)) {
    const count = await arrived(program, list);
    cells.push(`${count} of ${ROUNDS}`);
    if (clients[name].ours && count < ROUNDS) failed += 1;
  }
  lines.push([name, ...cells]);
}
console.log(lines.map((line) => `| ${line.join(" | ")} |`).join("\n"));
process.exit(failed ? 1 : 0);
