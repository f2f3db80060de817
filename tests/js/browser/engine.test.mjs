// The engine in a browser: Blobs both ways, a worker, and a page that is left.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "../../page/harness.mjs";
import { once } from "../server.mjs";
import { packets, watch } from "../wire.mjs";
import { openTab } from "./tab.mjs";

for (const name of browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    // In the page: sends bytes, or a Blob of them, and tells what came back.
    const bounce = async (options, { blob, binaryType, upgraded }) => {
      const { io } = await globalThis.load();
      const socket = io({ forceNew: true, ...options });
      const { engine } = socket.io;
      if (binaryType) engine.binaryType = binaryType;
      if (upgraded) await new Promise((resolve) => engine.once("upgrade", resolve));
      const bytes = Uint8Array.of(0, 1, 2, 3, 4);
      const value = await socket.emitWithAck("echo", blob ? new Blob([bytes]) : bytes);
      const kind = value.constructor.name;
      const back = new Uint8Array(value instanceof Blob ? await value.arrayBuffer() : value);
      const transport = engine.transport.name;
      socket.disconnect();
      return [transport, kind, ...back];
    };
    const bytes = [0, 1, 2, 3, 4];
    const base64 = "bAAECAwQ=";

    test("over polling: a Blob is sent as base64; binaryType says what is received", async (t) => {
      const { page, ...server } = await openTab(t, browser);
      const { requests } = watch(server);
      const options = { transports: ["polling"] };
      const received = await page.evaluate(bounce, options, { binaryType: "blob" });
      assert.deepEqual(received, ["polling", "Blob", ...bytes]);
      const sent = await page.evaluate(bounce, options, { blob: true });
      assert.deepEqual(sent, ["polling", "ArrayBuffer", ...bytes]);
      const all = requests.filter(({ method }) => method === "POST").flatMap(({ body }) => packets(body));
      assert.equal(all.filter((packet) => packet === base64).length, 2);
      assert.deepEqual(page.problems, []);
    });

    test("after the upgrade: a Blob is sent as a binary frame; binaryType says what is received", async (t) => {
      const { page, ...server } = await openTab(t, browser);
      const { messages } = watch(server);
      const received = await page.evaluate(bounce, {}, { binaryType: "blob", upgraded: true });
      assert.deepEqual(received, ["websocket", "Blob", ...bytes]);
      const sent = await page.evaluate(bounce, {}, { blob: true, upgraded: true });
      assert.deepEqual(sent, ["websocket", "ArrayBuffer", ...bytes]);
      assert.equal(messages.filter((message) => Buffer.isBuffer(message) && message.equals(Buffer.from(bytes))).length, 2);
      assert.deepEqual(page.problems, []);
    });

    test("forceBase64: a Blob is sent as text over WebSocket", async (t) => {
      const { page, ...server } = await openTab(t, browser);
      const { messages } = watch(server);
      const sent = await page.evaluate(bounce, { forceBase64: true }, { blob: true, upgraded: true });
      assert.deepEqual(sent, ["websocket", "ArrayBuffer", ...bytes]);
      assert.ok(messages.includes(base64));
      assert.ok(!messages.some((message) => Buffer.isBuffer(message)));
      assert.deepEqual(page.problems, []);
    });

    test("Blobs share a body as long as it stays within maxPayload", async (t) => {
      const { page, ...server } = await openTab(t, browser, { maxHttpBufferSize: 100 });
      const heard = [];
      server.io.on("connection", (socket) => socket.on("take", (value) => heard.push(value.length)));
      const { requests } = watch(server);
      await page.evaluate(async () => {
        const { io } = await globalThis.load();
        const socket = io({ forceNew: true, transports: ["polling"] });
        await new Promise((resolve) => socket.once("connect", resolve));
        socket.emit("take", new Blob([new Uint8Array(72)]));
        socket.emit("take", new Blob([new Uint8Array(10)]));
        socket.emit("take", "a".repeat(20));
        socket.emit("take", new Blob([new Uint8Array(10)]));
        socket.emit("take", new Blob([new Uint8Array(72)]));
        await socket.emitWithAck("getId");
        socket.disconnect();
      });
      assert.deepEqual(heard, [72, 10, 20, 10, 72]);
      const bodies = requests.filter(({ method }) => method === "POST").map(({ body }) => body);
      for (const body of bodies) assert.ok(Buffer.byteLength(body) <= 100, body);
      assert.ok(bodies.some((body) => body.includes("\x1e")), "packets that share a body");
      assert.deepEqual(page.problems, []);
    });

    test("in a dedicated worker: texts and binary, over polling, then WebSocket", async (t) => {
      const { page, ...server } = await openTab(t, browser);
      const { requests } = watch(server);
      const received = await page.evaluate(async (text) => {
        const source = `
          onmessage = async ({ data: { client, origin, text } }) => {
            try {
              const { io } = await import(client);
              const socket = io(origin, { forceNew: true });
              const bytes = Uint8Array.of(0, 1, 2, 3, 4);
              const round = () => Promise.all([socket.emitWithAck("echo", text), socket.emitWithAck("echo", bytes)]);
              const upgraded = new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
              const answers = await round();
              await upgraded;
              answers.push(...(await round()), typeof window);
              postMessage(answers.map((answer) => (typeof answer === "string" ? answer : [...new Uint8Array(answer)])));
            } catch (error) {
              postMessage(String(error));
            }
          };`;
        const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        const answer = new Promise((resolve) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => resolve(message);
        });
        worker.postMessage({ client: globalThis.clientUrl, origin: location.origin, text });
        const data = await answer;
        worker.terminate();
        return data;
      }, "пойду é 🐕");
      assert.deepEqual(received, ["пойду é 🐕", bytes, "пойду é 🐕", bytes, "undefined"]);
      assert.deepEqual([...new Set(requests.map(({ transport }) => transport))].filter(Boolean), [
        "polling",
        "websocket",
      ]);
      assert.deepEqual(page.problems, []);
    });

    test("closeOnBeforeunload: the transport is closed without an event, and writes after it are ignored", async (t) => {
      const { page, ...server } = await openTab(t, browser);
      const { requests } = watch(server);
      const ended = once(server.io, "connection").then(([socket]) => once(socket, "disconnect"));
      const seen = await page.evaluate(async () => {
        const { io } = await globalThis.load();
        const socket = io({ forceNew: true, closeOnBeforeunload: true, upgrade: false });
        await new Promise((resolve) => socket.once("connect", resolve));
        const events = [];
        socket.on("disconnect", () => events.push("disconnect"));
        socket.io.engine.on("close", () => events.push("close"));
        let state;
        addEventListener("beforeunload", () => {
          state = socket.io.engine.transport.readyState;
          socket.emit("ignored");
        });
        dispatchEvent(new Event("beforeunload"));
        return [state, ...events];
      });
      assert.deepEqual(seen, ["closed"]);
      await ended;
      assert.ok(!requests.some(({ body }) => body.includes("ignored")));
      assert.deepEqual(page.problems, []);
    });
  });
}
