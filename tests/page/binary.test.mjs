// Binary parts in a browser: ArrayBuffers, typed arrays, Blobs and Files, over both transports.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { before, after, test } from "node:test";
import { packageRoot } from "../js/client.mjs";
import { until } from "../js/server.mjs";
import { pollingServer, wsServer } from "../servers/scripted.mjs";
import { launch, open } from "./harness.mjs";

const hole = (num) => `{"_placeholder":true,"num":${num}}`;
const bytes = (...values) => Buffer.from(values);
const four = bytes(1, 2, 3, 4);

let browser;
let origin;
let files;

before(async () => {
  browser = await launch("chromium");
  files = createServer((request, response) => {
    if (request.url !== "/client.js") {
      response.writeHead(200, { "content-type": "text/html" });
      return response.end("<!doctype html><title>binary</title><link rel=icon href=data:,>");
    }
    response.writeHead(200, { "content-type": "text/javascript" });
    response.end(readFileSync(join(packageRoot, "dist/socket.io.esm.min.js")));
  });
  await new Promise((resolve) => files.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${files.address().port}/`;
});

after(async () => {
  await browser?.close();
  files?.closeAllConnections();
  files?.close();
});

// In the page. Values come back as `[type, bytes in hex]` at any depth.
const begin = async (url, transport, binaryType) => {
  const { io } = await import("/client.js");
  const describe = async (value) => {
    const hex = (part) => Array.from(new Uint8Array(part), (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (value instanceof Blob) return ["Blob", hex(await value.arrayBuffer())];
    if (value instanceof ArrayBuffer) return ["ArrayBuffer", hex(value)];
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value).map(async ([key, item]) => [key, await describe(item)]);
    const made = Object.fromEntries(await Promise.all(entries));
    return Array.isArray(value) ? Object.values(made) : made;
  };
  globalThis.socket = io(url, { transports: [transport], reconnection: false });
  globalThis.got = [];
  socket.on("a", async (...args) => got.push(await describe(args)));
  await new Promise((resolve) => socket.on("connect", resolve));
  if (binaryType) socket.io.engine.binaryType = binaryType;
};

/** A tab whose socket is in: `sent()` gives what came from it since, `say` answers, `got()` is what it made of that. */
async function tab(t, transport, binaryType) {
  let sent;
  let say;
  let url;
  if (transport === "websocket") {
    const frames = [];
    const server = await wsServer(t, { heard: (frame) => frames.push(frame) });
    [url, sent] = [server.url, () => frames];
    say = (...messages) => messages.forEach((message) => server.sockets[0].send(message));
  } else {
    const server = await pollingServer(t, { heard: (body, answer) => body === "40" && answer('40{"sid":"s"}') });
    [url, sent] = [server.url, () => server.posts.slice(1).flatMap((body) => body.split("\x1e"))];
    say = (...messages) => {
      const texts = messages.map((message) => (Buffer.isBuffer(message) ? `b${message.toString("base64")}` : message));
      server.say(texts.join("\x1e"));
    };
  }
  const page = await open(browser, origin);
  t.after(() => page.close());
  await page.evaluate(begin, url, transport, binaryType);
  const got = async () => {
    await page.waitForFunction(() => globalThis.got.length > 0, { polling: 50 });
    return page.evaluate(() => globalThis.got.shift());
  };
  /** What comes of running `code` in the page; binary parts are Buffers, whatever the transport. */
  const wrote = async (expected, code) => {
    const from = sent().length;
    await page.evaluate(code);
    await until(() => sent().length >= from + expected.length, `${expected.length} messages`);
    const coded = (message) => (transport === "polling" && Buffer.isBuffer(message) ? base64(message) : message);
    assert.deepEqual(sent().slice(from), expected.map(coded));
  };
  return { page, wrote, say, got };
}

const base64 = (part) => `b${part.toString("base64")}`;

for (const transport of ["websocket", "polling"]) {
  test(`${transport}: ArrayBuffers and typed arrays go as their bytes, and come as ArrayBuffers`, async (t) => {
    const { page, wrote, say, got } = await tab(t, transport);
    await wrote([`451-["a",${hole(0)}]`, four], () => void socket.emit("a", Uint8Array.of(1, 2, 3, 4).buffer));
    await wrote([`452-["a",${hole(0)},${hole(1)}]`, bytes(2, 3), bytes(1, 1)], () => {
      socket.emit("a", new Int8Array(Int8Array.of(1, 2, 3, 4).buffer, 1, 2), Uint16Array.of(257));
    });
    say(`451-["a",${hole(0)}]`, four);
    assert.deepEqual(await got(), [["ArrayBuffer", "01020304"]]);
    assert.deepEqual(page.problems, []);
  });

  test(`${transport}: a text, a binary part, and an empty one`, async (t) => {
    const { wrote, say, got } = await tab(t, transport);
    await wrote(['42["a","test"]', `452-["a",${hole(0)},${hole(1)}]`, four, bytes()], () => {
      socket.emit("a", "test");
      socket.emit("a", Uint8Array.of(1, 2, 3, 4).buffer, new ArrayBuffer(0));
    });
    say('42["a","test"]', `452-["a",${hole(0)},${hole(1)}]`, four, bytes());
    assert.deepEqual(await got(), ["test"]);
    assert.deepEqual(await got(), [["ArrayBuffer", "01020304"], ["ArrayBuffer", ""]]);
  });

  test(`${transport}: Blobs and Files go as their bytes, and come where the engine is told so`, async (t) => {
    const { page, wrote, say, got } = await tab(t, transport, "blob");
    await wrote([`451-["a",${hole(0)}]`, Buffer.from("1234\x01\x02\x03\x04")], () => {
      socket.emit("a", new Blob(["1234", Uint8Array.of(1, 2, 3, 4)]));
    });
    await wrote([`452-["a",${hole(0)},${hole(1)}]`, bytes(255), bytes()], () => {
      socket.emit("a", new File([Uint8Array.of(255)], "name"), new Blob([]));
    });
    say(`451-["a",${hole(0)}]`, four);
    assert.deepEqual(await got(), [["Blob", "01020304"]]);
    assert.deepEqual(page.problems, []);
  });

  test(`${transport}: Blobs as an argument, in depth, in an ack, in order with what follows`, async (t) => {
    const { page, wrote, say, got } = await tab(t, transport, "blob");
    const deep = `{"a":"hi","b":{"why":${hole(0)}},"c":"bye"}`;
    const expected = [`451-0["a",${hole(0)}]`, bytes(0, 0), `451-1["a",${deep}]`, bytes(0, 0, 0), '42["after"]'];
    await wrote(expected, () => {
      socket.emit("a", new Blob([new ArrayBuffer(2)]), () => {});
      socket.emit("a", { a: "hi", b: { why: new Blob([new ArrayBuffer(3)]) }, c: "bye" }, () => {});
      socket.emit("after");
    });
    await page.evaluate(() => {
      globalThis.socket.on("ask", (answer) => answer({ a: "hi ack", b: { why: new Blob([new ArrayBuffer(2)]) }, c: "bye ack" }));
    });
    say('42999["ask"]');
    await wrote([`461-999[${deep.replace("hi", "hi ack").replace("bye", "bye ack")}]`, bytes(0, 0)], () => {});
    say(`451-["a",${deep}]`, four);
    assert.deepEqual(await got(), [{ a: "hi", b: { why: ["Blob", "01020304"] }, c: "bye" }]);
  });
}
