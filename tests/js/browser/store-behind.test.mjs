// Emits that may leave before they are stored (`outboxDurability: "writeBehind"`), where the disk is slow.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "../../page/harness.mjs";
import { upstream } from "../client.mjs";
import { openTab } from "./tab.mjs";

for (const name of upstream ? [] : browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    test("what is acknowledged before it is stored counts as stored; what is cancelled does not", async (t) => {
      const { page } = await openTab(t, browser);
      const outcome = await page.evaluate(async () => {
        const { io } = await globalThis.load();
        const socket = io(location.origin, { transports: ["websocket"], outbox: "behind", outboxDurability: "writeBehind" });
        // It leads, and has numbers.
        await socket.emitWithAck("echo", 0);
        // No other transaction begins before this one ends.
        const db = await new Promise((resolve) => {
          const request = indexedDB.open("sio-outbox:behind");
          request.onsuccess = () => resolve(request.result);
        });
        let released = false;
        const meta = db.transaction("meta", "readwrite").objectStore("meta");
        const block = () => {
          if (!released) meta.get("born").onsuccess = block;
        };
        block();
        const delivery = socket.deliver("echo", 1);
        const { fate, args } = await delivery.settled;
        const stored = await delivery.stored;
        socket.disconnect();
        const other = socket.deliver("echo", 2);
        other.cancel();
        released = true;
        db.close();
        return [fate, args, stored, await other.stored, (await other.settled).fate];
      });
      assert.deepEqual(outcome, ["acknowledged", [1], true, false, "cancelled"]);
    });
  });
}
