// `autoUnref`: whether a connection keeps Node's process alive. Each test looks at a process of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { entry } from "./client.mjs";
import { refusingServer, sioServer, until, within } from "./server.mjs";

// Something keeps the process alive until `event`; afterwards the connection alone could.
const script = `
  const [entry, url, options, event] = process.argv.slice(1);
  const { io } = await import(entry);
  const socket = io(url, JSON.parse(options));
  const alive = setInterval(() => {}, 1000);
  (event === "connect" ? socket : socket.io).once(event, () => {
    console.log(event);
    clearInterval(alive);
  });
`;

function run(t, url, options, event) {
  const args = ["--input-type=module", "-e", script, entry, url, JSON.stringify(options), event];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  child.output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (child.output += text));
  child.exit = new Promise((resolve) => child.on("close", resolve));
  t.after(async () => {
    child.kill("SIGKILL");
    await child.exit;
  });
  return child;
}

for (const [name, transports] of [
  ["both transports", undefined],
  ["polling", ["polling"]],
  ["websocket", ["websocket"]],
]) {
  test(`autoUnref: ${name}: the process ends although the connection is open`, async (t) => {
    const { url } = await sioServer(t);
    const child = run(t, url, { autoUnref: true, transports }, "connect");
    assert.equal(await within(child.exit, "the process's end"), 0);
    assert.equal(child.output, "connect\n");
  });
}

test("autoUnref: the process ends although the next attempt is due", async (t) => {
  const { url } = await refusingServer(t);
  const child = run(t, url, { autoUnref: true }, "reconnect_attempt");
  assert.equal(await within(child.exit, "the process's end"), 0);
  assert.equal(child.output, "reconnect_attempt\n");
});

for (const transports of [["polling"], ["websocket"]]) {
  test(`without autoUnref the connection keeps the process: ${transports}`, async (t) => {
    const { io, url } = await sioServer(t, { pingInterval: 20 });
    let pongs = 0;
    io.engine.on("connection", (session) => session.on("heartbeat", () => (pongs += 1)));
    const child = run(t, url, { autoUnref: false, transports }, "connect");
    await until(() => child.output === "connect\n");
    // Pings are answered by a process that nothing else keeps.
    const before = pongs;
    await until(() => pongs >= before + 3);
    assert.equal(child.exitCode, null);
  });
}
