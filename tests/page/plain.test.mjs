// The page in plain JavaScript over the npm package, in real browsers: in one room with the published client, from a
// server that is killed and started again.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { io } from "socket.io-client";
import { browsers, launch, open, root } from "./harness.mjs";
import { build, start } from "./www.mjs";

let executable;
before(async () => (executable = await build("www")));

for (const name of browsers) {
  test(`${name}: ten lines chat, and lose nothing with the server`, async (t) => {
    let server = await start(executable);
    t.after(() => server.kill());
    const browser = await launch(name);
    t.after(() => browser.close());

    // From the first page, as people find it.
    const page = await open(browser, server.url);
    await Promise.all([page.waitForNavigation(), page.click('a[href="plain.html"]')]);
    assert.equal(await page.$eval(".problem", (problem) => problem.hidden), true);

    const friend = io(server.url, { auth: { name: "Friend", room: "lobby", key: "k" } });
    t.after(() => friend.disconnect());
    const got = [];
    friend.on("message", ({ text }, seen) => (got.push(text), seen()));
    await once(friend, "connect");
    const says = (text) => page.waitForFunction((text) => log.innerText.includes(text), { polling: 50 }, text);
    const send = async (text) => {
      await page.type("[name=text]", text);
      await page.click(".primary");
    };

    await page.waitForFunction(() => /Guest \d+/.test(people.textContent) && /Friend/.test(people.textContent), { polling: 50 });
    await Promise.all([once(friend, "message"), send("Hello from ten lines.")]);
    friend.emit("message", { room: "lobby", id: "1", text: "Hello, page." });
    await says("Friend: Hello, page.");

    const { port } = server;
    await server.kill();
    await says("Not connected");
    await send("Still there?");
    server = await start(executable, ["--port", port]);
    if (!got.includes("Still there?")) await once(friend, "message");
    assert.deepEqual(got, ["Hello from ten lines.", "Still there?"]);
    // What the browser itself says of the server's absence is no fault of the page.
    const absence = /ERR_CONNECTION_REFUSED|can.t establish a connection|Cross-Origin Request Blocked/;
    assert.deepEqual(page.problems.filter((problem) => !absence.test(problem)), []);
  });
}

test("it is ten lines", () => {
  const lines = readFileSync(join(root, "www/assets/plain.js"), "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 10);
  assert.ok(lines.every((line) => line.length <= 120));
});
