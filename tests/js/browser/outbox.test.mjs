// The durable outbox in real browsers: what outlives a page, and tabs that share one.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "../../page/harness.mjs";
import { upstream } from "../client.mjs";
import { until } from "../server.mjs";
import { connected, deliver, settles, site, told, when } from "./outbox-tab.mjs";

for (const name of upstream ? [] : browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    test("what was stored in a page that is gone is sent by the next, which is told", async (t) => {
      const { handled, tab } = await site(t, browser);
      const page = await connected(await tab(), { autoConnect: false });
      assert.equal(await deliver(page, "say", "one"), true);
      const second = page.evaluate(async () => {
        const binary = new Uint8Array([1, 2, 255]);
        return globalThis.socket.deliver("say", "two", { deep: true }, binary).stored;
      });
      assert.equal(await second, true);
      await page.close();
      const next = await connected(await tab());
      await when(next, () => globalThis.told.settled.length === 2);
      assert.deepEqual(handled, [["one"], ["two", { deep: true }, "0102ff"]]);
      const settled = await told(next, "settled");
      assert.deepEqual(settled.map(({ seq, fate, args }) => [seq, fate, args]), [
        [0, "acknowledged", ["said", "one"]],
        [1, "acknowledged", ["said", "two"]],
      ]);
      assert.deepEqual(await told(next, "errors"), []);
      // And only once.
      const third = await connected(await tab());
      assert.deepEqual(await third.evaluate(() => globalThis.socket.emitWithAck("say", "three")), "said");
      assert.equal(handled.length, 3);
    });

    test("a tab that does not lead hands its emits over, and learns what became of them", async (t) => {
      const { handled, tab, io } = await site(t, browser);
      const page = await connected(await tab());
      assert.equal(await page.evaluate(() => globalThis.socket.emitWithAck("say", 1)), "said");
      const other = await connected(await tab());
      await when(other, () => globalThis.socket.connected);
      assert.equal(await other.evaluate(() => globalThis.socket.emitWithAck("say", 2)), "said");
      const settled = await other.evaluate(async () => {
        const { fate, args } = await globalThis.socket.deliver("say", 3).settled;
        return { fate, args };
      });
      assert.deepEqual(settled, { fate: "acknowledged", args: ["said", 3] });
      assert.deepEqual(handled, [[1], [2], [3]]);
      assert.equal(io.sockets.sockets.size, 2);
      assert.deepEqual(await told(page, "settled"), []);
      assert.deepEqual(await told(other, "fates"), ["1 held", "1 inFlight", "1 acknowledged", "2 held", "2 inFlight", "2 acknowledged"]);
    });

    test("clear forgets what is not sent yet, for all tabs", async (t) => {
      const { handled, tab } = await site(t, browser);
      const page = await connected(await tab(), { autoConnect: false });
      const other = await connected(await tab(), { autoConnect: false });
      assert.equal(await deliver(page, "say", 1), true);
      assert.equal(await deliver(other, "say", 2), true);
      await other.evaluate(() => globalThis.socket.outbox.clear());
      await when(page, () => ["cancelled", "uncertain"].includes(globalThis.last.fate));
      await when(other, () => ["cancelled", "uncertain"].includes(globalThis.last.fate));
      await page.evaluate(() => globalThis.socket.connect());
      assert.equal(await page.evaluate(() => globalThis.socket.emitWithAck("say", 3)), "said");
      assert.deepEqual(handled, [[3]]);
    });

    test("exactlyOnce: what the page before has sent is sent under its number where the connection is there first", async (t) => {
      const { io, tab } = await site(t, browser, { middleware: true });
      const answers = [];
      io.on("connection", (socket) => socket.on("slow", (answer) => answers.push(answer)));
      const page = await connected(await tab(), { exactlyOnce: true });
      await page.evaluate(() => void globalThis.socket.emit("slow", () => {}));
      await until(() => answers.length === 1);
      await page.close();
      const next = await tab();
      await next.evaluate(() => {
        const request = navigator.locks.request.bind(navigator.locks);
        const opened = new Promise((open) => (globalThis.opened = open));
        navigator.locks.request = (...args) => opened.then(() => request(...args));
      });
      await connected(next, { exactlyOnce: true });
      // It may be open already.
      await next.evaluate(() => {
        const { io } = globalThis.socket;
        if (io._readyState === "open") globalThis.opened();
        else io.once("open", globalThis.opened);
      });
      await when(next, () => globalThis.socket.connected);
      for (const answer of answers) answer("done");
      await when(next, () => globalThis.told.settled.length === 1);
      assert.equal(answers.length, 1, "twice");
      assert.deepEqual((await told(next, "settled"))[0].args, ["done"]);
    });

    for (const exactlyOnce of [false, true]) {
      const how = exactlyOnce ? ", exactlyOnce" : "";
      const options = { exactlyOnce, forceNew: true };

      test(`a tab that does not connect leaves the lead to one that does${how}`, async (t) => {
        const { handled, tab } = await site(t, browser, { middleware: exactlyOnce });
        const page = await connected(await tab(), { ...options, autoConnect: false });
        assert.equal(await deliver(page, "say", 1), true);
        const other = await connected(await tab(), options);
        assert.equal(await other.evaluate(() => globalThis.socket.emitWithAck("say", 2)), "said");
        await when(page, () => globalThis.last.fate === "acknowledged");
        assert.deepEqual(handled, [[1], [2]]);
      });

      const ways = {
        "disconnect()": () => globalThis.socket.disconnect(),
        "disconnect({ force })": () => globalThis.socket.disconnect({ force: true }),
        "the manager's": () => globalThis.socket.io._close(),
      };
      for (const [what, leave] of Object.entries(ways)) {
        test(`${what}: another tab leads, and sends everything; who connects again may lead again${how}`, async (t) => {
          const { handled, tab } = await site(t, browser, { middleware: exactlyOnce });
          const page = await connected(await tab(), options);
          assert.equal(await page.evaluate(() => globalThis.socket.emitWithAck("say", "first")), "said");
          const other = await connected(await tab(), options);
          await when(other, () => globalThis.socket.connected);
          // Some are under way, and some come after it.
          const kept = page.evaluate(async (leave) => {
            const said = [1, 2, 3].map((i) => globalThis.socket.deliver("say", `before ${i}`));
            await said[0].stored;
            new Function(`(${leave})()`)();
            for (let i = 1; i <= 3; i += 1) said.push(globalThis.socket.deliver("say", `after ${i}`));
            globalThis.ends = Promise.all(said.map(({ settled }) => settled));
            return Promise.all(said.map(({ stored }) => stored));
          }, String(leave));
          await kept;
          assert.equal(await other.evaluate(() => globalThis.socket.emitWithAck("say", "other")), "said");
          const ends = await page.evaluate(async () => (await globalThis.ends).map(({ fate }) => fate));
          assert.deepEqual(ends, Array(6).fill("acknowledged"));
          const texts = () => handled.map(([text]) => text);
          const each = ["first", "before 1", "before 2", "before 3", "after 1", "after 2", "after 3", "other"];
          assert.deepEqual([...new Set(texts())], each);
          if (exactlyOnce) assert.equal(texts().length, 8, "twice");
          // Nobody, and then the first again.
          await other.evaluate(leave);
          assert.equal(await deliver(other, "say", "last"), true);
          await page.evaluate(() => globalThis.socket.connect());
          await when(other, () => globalThis.last.fate === "acknowledged");
          assert.equal(await page.evaluate(() => globalThis.socket.emitWithAck("say", "back")), "said");
          assert.deepEqual(texts().slice(-2), ["last", "back"]);
          assert.deepEqual([await told(page, "errors"), await told(other, "errors")], [[], []]);
        });
      }
    }

    for (const durability of ["storedFirst", "writeBehind"]) {
      test(`${durability}: the bounds are those of the whole store, of all tabs and of pages that are gone`, async (t) => {
        const { handled, tab } = await site(t, browser);
        const idle = { autoConnect: false, bufferSize: 3, outboxDurability: durability };
        const [page, other] = [await connected(await tab(), idle), await connected(await tab(), idle)];
        for (const [at, each] of [page, other, page].entries()) assert.equal(await deliver(each, "say", at + 1), true);
        const refused = { fate: "refused", message: "the buffer is full", value: ["say", "no"] };
        assert.deepEqual(await settles(page, "say", "no"), refused);
        assert.deepEqual(await settles(other, "say", "no"), refused);
        await page.close();
        const next = await connected(await tab(), idle);
        assert.deepEqual(await settles(next, "say", "no"), refused);
        // In another's words, and a callback hears of it too.
        const newest = await connected(await tab(), { ...idle, bufferPolicy: "dropNewest" });
        assert.equal((await settles(newest, "say", "no")).fate, "dropped");
        const error = await newest.evaluate(() => globalThis.socket.emitWithAck("say", "no").catch(({ message }) => message));
        assert.equal(error, "the buffer is full");
        await newest.close();
        for (const each of [next, other]) await each.evaluate(() => globalThis.socket.connect());
        await until(() => handled.length === 3);
        // What is not stored first may overtake what another tab has stored.
        if (durability === "writeBehind") handled.sort();
        assert.deepEqual(handled, [[1], [2], [3]]);
        // There is room again, once all that is settled is erased.
        await next.evaluate(async () => {
          while ((await globalThis.socket.deliver("say", 4).settled).fate !== "acknowledged");
        });
        assert.deepEqual(handled, [[1], [2], [3], [4]]);
        assert.deepEqual([await told(next, "errors"), await told(other, "errors")], [[], []]);
      });
    }

    test("writeBehind: what has left, and cannot be stored, is known at once not to be", async (t) => {
      const { tab } = await site(t, browser);
      const page = await connected(await tab(), { outboxDurability: "writeBehind" });
      const stored = await page.evaluate(async () => {
        // It leads, and has numbers.
        await globalThis.socket.emitWithAck("say", 1);
        IDBObjectStore.prototype.add = () => {
          throw new Error("the disk is full");
        };
        const delivery = globalThis.socket.deliver("never answered");
        return [await delivery.stored, delivery.fate];
      });
      assert.deepEqual(stored, [false, "inFlight"]);
      assert.deepEqual(await told(page, "errors"), ["storage"]);
    });

    test("bufferBytes: of text and of attachments, in all tabs", async (t) => {
      const { tab } = await site(t, browser);
      const idle = { autoConnect: false, bufferBytes: 1000 };
      const [page, other] = [await connected(await tab(), idle), await connected(await tab(), idle)];
      assert.equal(await deliver(page, "say", "\u00e4".repeat(200)), true);
      assert.equal(await other.evaluate(() => globalThis.socket.deliver("say", new Uint8Array(500)).stored), true);
      assert.equal((await settles(page, "say", "-".repeat(100))).fate, "refused");
      assert.equal((await settles(other, "say", "-".repeat(100))).fate, "refused");
      assert.equal(await deliver(other, "say", "small"), true);
      await page.evaluate(() => globalThis.socket.outbox.clear());
      assert.equal(await deliver(other, "say", "-".repeat(900)), true);
    });
  });
}
