// What the demonstration page does about messages that were missed, from Node servers behind a proxy that cuts: with
// connection state recovery they are marked; without, a banner offers the history.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, createServer as proxyServer } from "node:net";
import { before, test } from "node:test";
import { Server } from "socket.io";
import { PATIENCE, browsers, launch, open } from "./harness.mjs";
import { build, start } from "./www.mjs";

let executable;
before(async () => (executable = await build("www")));

/** To `port`. While it is cut it ends connections, at both sides, and takes no new ones. */
async function cuttable(t, port) {
  const ends = new Set();
  let isCut = false;
  const proxy = proxyServer((client) => {
    if (isCut) return client.resetAndDestroy();
    const server = connect(port, "127.0.0.1");
    for (const [from, to] of [[client, server], [server, client]]) {
      ends.add(from);
      from.on("error", () => {});
      from.on("close", () => (ends.delete(from), to.destroy()));
      from.pipe(to);
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    proxy.close();
    for (const end of ends) end.destroy();
  });
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    cut() {
      isCut = true;
      for (const end of ends) end.resetAndDestroy();
    },
    mend: () => (isCut = false),
  };
}

/** A chat with one room, in which only "Server" speaks. `history(answer)` replaces its answer to that. */
async function chat(t, options) {
  const http = createServer();
  const io = new Server(http, { cors: { origin: "*" }, ...options });
  const said = [];
  const server = {
    io,
    said,
    /** Without an ack: what wants one is not kept for those who are away. */
    say(text) {
      const message = { id: `s${said.length}`, from: "Server", room: "lobby", text, at: Date.now() };
      said.push(message);
      io.to("lobby").emit("message", message);
    },
    history: (answer) => answer({ messages: said }),
  };
  io.on("connection", (socket) => {
    socket.join("lobby");
    socket.on("join", ({ name, room }, answer) => answer({ people: [{ name, room }], rooms: [room] }));
    socket.on("message", (message, answer) => answer({ to: 0 }));
    socket.on("history", (ask, answer) => server.history(answer));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => {
    http.closeAllConnections();
    return io.close();
  });
  return Object.assign(server, { port: http.address().port });
}

/** Somebody in the chat, who has heard "Welcome." */
async function enter(t, name, options) {
  const server = await chat(t, options);
  const proxy = await cuttable(t, server.port);
  const www = await start(executable, ["--port", "0", "--server", proxy.url]);
  t.after(() => www.kill());
  const browser = await launch(name);
  t.after(() => browser.close());
  const page = await open(browser, www.url);
  await page.waitForSelector("#enter-button:enabled");
  await page.type("#name", "Ada");
  await page.click("#enter-button");
  await page.waitForSelector('#status[data-state="connected"]');
  server.say("Welcome.");
  await shows(page, ["Welcome."]);
  const [socket] = await server.io.fetchSockets();
  /** Cuts, has `texts` said meanwhile, and mends. */
  const miss = async (...texts) => {
    const gone = new Promise((resolve) => {
      for (const socket of server.io.sockets.sockets.values()) socket.once("disconnect", resolve);
    });
    proxy.cut();
    await gone;
    await page.waitForSelector('#status[data-state="waiting"]');
    texts.forEach(server.say);
    proxy.mend();
  };
  return { server, proxy, page, socket, miss };
}

/** The others' messages, each with its mark where it has one. */
const list = (page) =>
  page.$$eval("#log .line:not(.mine)", (lines) =>
    lines.map((line) => [".text", ".mark"].flatMap((of) => line.querySelector(of)?.textContent ?? []).join(" | ")));

async function shows(page, wanted) {
  const fits = (wanted) =>
    [...document.querySelectorAll("#log .line:not(.mine) .text")].map((text) => text.textContent).join() === wanted.join();
  await page.waitForFunction(fits, { timeout: PATIENCE, polling: 50 }, wanted).catch(async (cause) => {
    const body = await page.evaluate(() => document.body.innerText);
    throw new Error(`waited for ${wanted}; the page says:\n${body}`, { cause });
  });
}

const number = (page, id, pattern) =>
  page.waitForFunction((id, pattern) => new RegExp(pattern).test(document.getElementById(id).textContent),
    { timeout: PATIENCE, polling: 50 }, id, pattern);

const banner = (page) => page.$eval("#gap", (gap) => (gap.hidden ? null : gap.querySelector("p").textContent));

/** Writes something, and waits until the server has answered: what it sent before has come by then. */
async function roundTrip(page, words) {
  await page.type("#text", words);
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    (words) => [...document.querySelectorAll('.mine[data-tick="one"] .text')].some((text) => text.textContent === words),
    { timeout: PATIENCE, polling: 50 }, words);
}

for (const name of browsers) {
  test(`${name}: recovered messages are marked, and the panel tells of the session`, async (t) => {
    const { server, proxy, page, socket, miss } = await enter(t, name, { connectionStateRecovery: {} });
    await number(page, "n-transport", "^websocket$");
    await number(page, "n-round-trip", "^\\d+ ms$");
    await number(page, "n-session", `^${socket.id}$`);
    await number(page, "n-recovered", "^first connection$");
    await number(page, "n-held", "^0 bytes$");

    await miss("You missed this.", "And this.");
    await shows(page, ["Welcome.", "You missed this.", "And this."]);
    server.say("Not this.");
    await shows(page, ["Welcome.", "You missed this.", "And this.", "Not this."]);
    assert.deepEqual(await list(page), ["Welcome.", "You missed this. | recovered", "And this. | recovered", "Not this."]);
    assert.equal(await banner(page), null);
    await number(page, "n-recovered", "^yes$");
    await number(page, "n-session", `^${socket.id}$`);

    proxy.cut();
    await number(page, "n-transport", "^none$");
    await page.type("#text", "Held.");
    await page.keyboard.press("Enter");
    // The message as it is sent: an id of 24 digits and a number, and the rest as written here.
    const held = JSON.stringify({ room: "lobby", id: `${"0".repeat(24)}-1`, text: "Held." }).length;
    await number(page, "n-held", `^${held} bytes$`);
    proxy.mend();
    await number(page, "n-held", "^0 bytes$");
  });

  test(`${name}: a gap is told, and the history comes to its place`, async (t) => {
    const { server, page, socket, miss } = await enter(t, name);
    await miss("You missed this.", "And this.");
    await page.waitForSelector("#gap:not([hidden])");
    assert.match(
      await banner(page),
      /^Messages since \d\d:\d\d:\d\d \(\d+ s\) may be missing: this server keeps nothing for those who are away\.$/,
    );
    assert.equal(await page.$eval(".missing", (missing) => missing.previousElementSibling.innerText.includes("Welcome.")), true);
    await number(page, "n-recovered", "^no$");
    assert.notEqual(await page.$eval("#n-session", (session) => session.textContent), socket.id);
    assert.deepEqual(await page.$$eval("#gap [role=status], #gap button", (all) => all.map((one) => one.id)), ["gap-text", "gap-load", "gap-close"]);

    // What comes meanwhile waits: until it is asked for, and while it is loaded.
    let answer;
    const asked = new Promise((resolve) => {
      server.history = (reply) => {
        answer = reply;
        resolve();
      };
    });
    await page.focus("#gap-load");
    await page.keyboard.press("Enter");
    await asked;
    server.say("Live, meanwhile.");
    await page.focus("#text");
    await roundTrip(page, "Who is there?");
    assert.deepEqual(await list(page), ["Welcome."]);
    assert.equal(await page.$eval("#gap-load", (button) => `${button.textContent} ${button.ariaDisabled}`), "Loading… true");
    // As it was when it was asked.
    answer({ messages: server.said.slice(0, 3) });
    await shows(page, ["Welcome.", "You missed this.", "And this.", "Live, meanwhile."]);
    assert.deepEqual(await list(page), ["Welcome.", "You missed this. | from history", "And this. | from history", "Live, meanwhile."]);
    assert.equal(await banner(page), null);
    assert.equal(await page.$(".missing"), null);
    assert.equal(await page.evaluate(() => document.activeElement.id), "text");
  });

  test(`${name}: a history that cannot be loaded can be asked for again, or let be`, async (t) => {
    const { server, page, miss } = await enter(t, name);
    const working = server.history;
    server.history = (answer) => answer({ error: "not today" });
    await miss("You missed this.");
    await page.waitForSelector("#gap:not([hidden])");
    server.say("Live.");
    await page.click("#gap-load");
    // Nobody waits for what does not come.
    await shows(page, ["Welcome.", "Live."]);
    assert.match(await banner(page), /The history could not be loaded: not today\.$/);
    server.history = working;
    await page.click("#gap-load");
    await shows(page, ["Welcome.", "You missed this.", "Live."]);
    assert.deepEqual(await list(page), ["Welcome.", "You missed this. | from history", "Live."]);

    await miss("You missed this, too.");
    await page.waitForSelector("#gap:not([hidden])");
    server.say("Still here?");
    await page.click("#gap-close");
    await shows(page, ["Welcome.", "You missed this.", "Live.", "Still here?"]);
    assert.equal(await banner(page), null);
    // Where something is missing stays to be seen.
    assert.equal((await page.$$(".missing")).length, 1);

    // Without a word live messages go on after a while, and the history can still be had, for both gaps.
    await miss("And this.");
    await page.waitForSelector("#gap:not([hidden])");
    server.say("Hello?");
    await shows(page, ["Welcome.", "You missed this.", "Live.", "Still here?", "Hello?"]);
    await page.click("#gap-load");
    const all = ["Welcome.", "You missed this.", "Live.", "You missed this, too.", "Still here?", "And this.", "Hello?"];
    await shows(page, all);
    assert.deepEqual(await page.$$(".missing"), []);
  });
}
