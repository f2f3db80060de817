// Bytes in a browser: Blobs and ArrayBuffers, both ways, over both transports.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "../../page/harness.mjs";
import { openTab } from "./tab.mjs";

const hex = (text) => `bytes ${Buffer.from(text).toString("hex")}`;

for (const name of browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    test("Blobs are sent, alone and inside of JSON", async (t) => {
      const { page } = await openTab(t, browser);
      for (const transport of ["polling", "websocket"]) {
        const told = await page.evaluate(async (transport) => {
          const { io } = await globalThis.load();
          const socket = io({ forceNew: true, transports: [transport] });
          const blob = new Blob(["hello world"]);
          socket.emit("tell", blob);
          socket.emit("tell", { hello: "lol", message: blob, goodbye: "gotcha" });
          const told = await socket.emitWithAck("told");
          socket.disconnect();
          return told;
        }, transport);
        const message = hex("hello world");
        assert.deepEqual(told, [[message], [{ hello: "lol", message, goodbye: "gotcha" }]], transport);
      }
      assert.deepEqual(page.problems, []);
    });

    test("Blobs keep their place among other events", async (t) => {
      const { page } = await openTab(t, browser);
      for (const transport of ["polling", "websocket"]) {
        const told = await page.evaluate(async (transport) => {
          const { io } = await globalThis.load();
          const socket = io({ forceNew: true, transports: [transport] });
          socket.emit("tell", new Blob(["first"]));
          socket.emit("tell", "second");
          socket.emit("tell", new Blob(["third"]), Uint8Array.of(4));
          const told = await socket.emitWithAck("told");
          socket.disconnect();
          return told;
        }, transport);
        assert.deepEqual(told, [[hex("first")], ["second"], [hex("third"), "bytes 04"]], transport);
      }
      assert.deepEqual(page.problems, []);
    });

    test("bytes are received as an ArrayBuffer", async (t) => {
      const { page } = await openTab(t, browser);
      for (const transport of ["polling", "websocket"]) {
        const received = await page.evaluate(async (transport) => {
          const { io } = await globalThis.load();
          const socket = io({ forceNew: true, transports: [transport] });
          socket.emit("doge");
          const bytes = await new Promise((resolve) => socket.once("doge", resolve));
          socket.disconnect();
          return [socket.io.engine.binaryType, bytes instanceof ArrayBuffer, new TextDecoder().decode(bytes)];
        }, transport);
        assert.deepEqual(received, ["arraybuffer", true, "asdfasdf"], transport);
      }
      assert.deepEqual(page.problems, []);
    });
  });
}
