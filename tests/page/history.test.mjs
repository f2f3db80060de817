// The page and the server of the option `offset`: a server that ends takes its sessions along, but not its history.
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { io } from "socket.io-client";
import { Child, browsers, launch, open } from "./harness.mjs";
import { build, start } from "./www.mjs";

let executable;
before(async () => (executable = await build("www")));

/** The server of the example, with its history in a file; `kill()` and `url` as it has them. */
async function serve(t, file, port = "0") {
  const child = new Child(t, process.execPath, ["tests/servers/history.mjs", "--port", port, "--file", file]);
  child.url = await child.wait("its address", (line) => /^http:\S+$/.test(line) && line);
  return child;
}

/** Says something to everybody, as somebody else. */
async function say(server, ...texts) {
  const friend = io(server.url, { forceNew: true });
  for (const text of texts) await friend.emitWithAck("chat message", text, text);
  friend.disconnect();
}

const stateIs = (page, pattern) =>
  page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#state").textContent), { polling: 50 }, pattern);
const lines = (page) => page.$$eval("#log div", (all) => all.map((line) => line.textContent.trim()));

/** Somebody who has heard "one", and misses two messages while the server ends and comes back. What the page shows then. */
async function misses(t, name, query) {
  const folder = mkdtempSync(join(tmpdir(), "history-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "chat.history");
  let server = await serve(t, file);
  const { port } = new URL(server.url);
  await say(server, "before anybody came");
  const www = await start(executable, ["--port", "0", "--server", server.url]);
  t.after(() => www.kill());
  const browser = await launch(name);
  t.after(() => browser.close());
  const page = await open(browser, `${www.url}/history.html${query}`);
  await stateIs(page, "^Connected\\.$");
  await say(server, "one");
  await page.waitForSelector("#log div");

  await server.kill();
  await stateIs(page, "^Not connected|^No server");
  // Where this page cannot see it.
  const elsewhere = await serve(t, file);
  await say(elsewhere, "two", "three");
  await elsewhere.kill();
  server = await serve(t, file, port);
  await stateIs(page, "^Up to date|^Connected again");
  await say(server, "four");
  await page.waitForFunction(() => document.querySelector("#log").textContent.includes("four"), { polling: 50 });
  return { page, server, state: await page.$eval("#state", (state) => state.textContent), lines: await lines(page) };
}

for (const name of browsers) {
  test(`${name}: from a history comes what a server that ended could not keep, each once and in order`, async (t) => {
    const { page, server, state, lines: shown } = await misses(t, name, "");
    assert.deepEqual(shown, ["one", "two missed", "three missed", "four"]);
    assert.equal(state, "Up to date: 2 missed, sent from the server's history.");

    // What is written while the server is away is sent once it is back, once.
    await server.kill();
    await stateIs(page, "^Not connected|^No server");
    await page.type("[name=text]", "five");
    await page.click(".primary");
    await serve(t, server.process.spawnargs.at(-1), new URL(server.url).port);
    await stateIs(page, "^Up to date: 0 missed");
    await page.waitForFunction(() => document.querySelector("#log").textContent.includes("five"), { polling: 50 });
    assert.deepEqual((await lines(page)).slice(3), ["four", "five"]);
  });

  test(`${name}: without the option the same is a gap, and said to be one`, async (t) => {
    const { state, lines: shown } = await misses(t, name, "?without");
    assert.deepEqual(shown.map((line) => line.replace(/\d\d:\d\d:\d\d/, "TIME")), ["one", "messages since TIME may be missing here", "four"]);
    assert.match(state, /^Connected again\. Messages since \d\d:\d\d:\d\d may be missing: unknown-session\.$/);
  });
}

test("a server that was killed while it wrote, or has another history, says what it knows", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "history-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "chat.history");
  let server = await serve(t, file);
  await say(server, "one", "two", "two");
  await server.kill();
  appendFileSync(file, '{"id":"torn","te');
  server = await serve(t, file);
  await say(server, "three");
  for (const [serverOffset, missed, texts] of [[1, 2, ["two", "three"]], [3, 0, []], [4, null, []], ["1", null, []]]) {
    const socket = io(server.url, { forceNew: true, auth: { serverOffset } });
    const got = [];
    socket.on("chat message", (text, at) => got.push([text, at]));
    const [at, told] = await new Promise((resolve) => socket.on("up to date", (...args) => resolve(args)));
    assert.deepEqual([at, told, got.map(([text]) => text)], [3, missed, texts]);
    assert.deepEqual(got.map(([, at]) => at), texts.map((_, index) => serverOffset + index + 1));
    socket.disconnect();
  }
});
