// The outbox's store in one tab: what is stored, what is found after a reload, and in which order.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { crc32c, sealed, unsealed } from "../../../client-wasm/js/src/store/record.js";
import { openOutbox } from "../../../client-wasm/js/src/store/index.js";
import { browsers, launch } from "../../page/harness.mjs";
import { emit, empty, leads, start, storeSite, told, until, when } from "./store-tab.mjs";

test("the checksum is CRC-32C, and finds every changed bit", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.equal(crc32c(Buffer.from("6789"), crc32c(Buffer.from("12345"))), 0xe3069283);
  const record = { seq: 1, text: '["x"]', attachments: [Uint8Array.of(1, 2, 3).buffer] };
  assert.deepEqual(unsealed(sealed(record)), record);
  for (let bit = 0; bit < 24; bit += 1) {
    const damaged = structuredClone(sealed(record));
    new Uint8Array(damaged.attachments[0])[bit >> 3] ^= 1 << (bit & 7);
    assert.equal(unsealed(damaged), undefined, `bit ${bit}`);
  }
  const changes = [{ seq: 2 }, { seq: undefined }, { text: '["y"]' }, { crc: 0 }, { attachments: [] }, { more: 1 }];
  for (const change of changes) {
    assert.equal(unsealed({ ...sealed(record), ...change }), undefined, JSON.stringify(change));
  }
  for (const value of [undefined, null, 1, "text", {}, [], { crc: 0 }, { attachments: 1 }]) {
    assert.equal(unsealed(value), undefined, String(value));
  }
});

test("without IndexedDB, as in Node, it is in memory and says so", async () => {
  const errors = [];
  let next = 0;
  const opened = await new Promise((resolve) => {
    const handlers = { onLeader: resolve, onError: (error) => errors.push(error.code), sequence: () => next++ };
    globalThis.outbox = openOutbox("node", handlers);
  });
  assert.deepEqual([errors, opened.durable, opened.records], [["unavailable"], false, []]);
  assert.match(opened.id, /^[\w-]{22}$/);
  next = opened.next;
  const { outbox } = globalThis;
  assert.deepEqual(await outbox.append([{ text: "[1]", ref: 1 }, { text: "[2]", ref: 2 }]), [0, 1]);
  outbox.erase([0]);
  await outbox.reserve(5000);
  await outbox.close();
  await assert.rejects(outbox.append([{ text: "[3]", ref: 3 }]), { code: "closed" });
});

for (const name of browsers) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    test("an emit is stored with its number before anybody sends it, and erased once it is settled", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      judge.open = false;
      const tab = await start(page);
      await leads(page);
      const refs = await emit(page, '["a"]', '["b"]');
      const rows = await page.evaluate(() => globalThis.stored("box"));
      const found = rows.map(([, { seq, text, ref, tab }]) => [seq, text, ref, tab]);
      assert.deepEqual(found, [
        [0, '["a"]', refs[0], tab],
        [1, '["b"]', refs[1], tab],
      ]);
      judge.answer();
      await empty(page);
      assert.deepEqual(judge.handled.map(({ seq, text }) => [seq, text]), [[0, '["a"]'], [1, '["b"]']]);
      const fates = await page.evaluate(() => [...globalThis.sender.fates.values()]);
      assert.deepEqual(fates, ["acknowledged", "acknowledged"]);
      assert.deepEqual(page.problems, []);
    });

    test("all transactions that store are strict", async (t) => {
      const { open } = await storeSite(t);
      const page = await open(browser, () => {
        globalThis.durabilities = [];
        const { transaction } = IDBDatabase.prototype;
        IDBDatabase.prototype.transaction = function (...args) {
          const made = transaction.apply(this, args);
          globalThis.durabilities.push(made.durability);
          return made;
        };
      });
      await start(page);
      await leads(page);
      await page.evaluate(() => globalThis.durabilities.splice(0));
      await page.evaluate(() => globalThis.sender.outbox.append([globalThis.sender.record("[1]")]));
      await page.evaluate(() => globalThis.sender.outbox.reserve(9999));
      assert.deepEqual(await page.evaluate(() => globalThis.durabilities), ["strict", "strict"]);
    });

    test("after a reload they are there, in order, with their numbers and bytes; the id is the same", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      judge.open = false;
      await start(page);
      await leads(page);
      const [first] = await told(page, "onLeader");
      assert.match(first.id, /^[\w-]{22}$/);
      assert.equal(first.durable, true);
      await page.evaluate(async () => {
        const { outbox } = globalThis.sender;
        const memory = Uint8Array.from({ length: 64 }, (_, index) => index);
        const attachments = [memory.subarray(3, 6), Uint8Array.of(9).buffer, new DataView(memory.buffer, 1, 1)];
        const record = globalThis.sender.record('["bytes"]', { attachments, expiresAt: 5e12 });
        const done = outbox.append([record]);
        // What is stored is what it was when it was emitted.
        memory.fill(0);
        await done;
        for (let i = 0; i < 30; i += 1) await outbox.append([globalThis.sender.record(`[${i}]`)]);
      });
      await page.reload();
      await start(page);
      await leads(page);
      const [second] = await told(page, "onLeader");
      assert.equal(second.id, first.id);
      assert.equal(second.next, 1024);
      assert.deepEqual(second.records.map(({ seq }) => seq), Array.from({ length: 31 }, (_, index) => index));
      assert.equal(second.records[0].expiresAt, 5e12);
      judge.answer();
      await empty(page);
      const { bytes } = judge.handled.find(({ text }) => text === '["bytes"]');
      assert.deepEqual(bytes, [[3, 4, 5], [9], [1]]);
      assert.deepEqual(judge.texts.slice(1), Array.from({ length: 30 }, (_, index) => `[${index}]`));
    });

    test("no id is used twice: each opening begins behind what was reserved", async (t) => {
      const { open } = await storeSite(t);
      const page = await open(browser);
      const begins = [];
      for (let round = 0; round < 3; round += 1) {
        await start(page);
        await leads(page);
        const [{ next, reserved }] = await told(page, "onLeader");
        begins.push([next, reserved]);
        if (round === 0) await page.evaluate(() => globalThis.sender.outbox.reserve(5000));
        // Beyond what is reserved: reserved together with the record.
        const beyond = () => globalThis.sender.outbox.append([globalThis.sender.record("[1]", { seq: 8000 })]);
        if (round === 1) await page.evaluate(beyond);
        await page.reload();
      }
      assert.deepEqual(begins, [[0, 1024], [5000, 6024], [9025, 10049]]);
    });

    test("a record keeps the number that it has; another with that number takes its place", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      judge.open = false;
      await start(page);
      await leads(page);
      const seqs = await page.evaluate(async () => {
        const { sender } = globalThis;
        const one = await sender.outbox.append([sender.record("[7]", { seq: 7 }), sender.record("[3]", { seq: 3 })]);
        const two = await sender.outbox.append([sender.record("[7]", { seq: 7, attempts: 1 })]);
        return [...one, ...two];
      });
      assert.deepEqual(seqs, [7, 3, 7]);
      await page.reload();
      await start(page);
      await leads(page);
      const [{ records }] = await told(page, "onLeader");
      assert.deepEqual(records.map(({ seq, attempts }) => [seq, attempts]), [[3, 0], [7, 1]]);
    });

    test("what is settled before it is stored is erased all the same", async (t) => {
      const { open } = await storeSite(t);
      const page = await open(browser);
      await start(page);
      await leads(page);
      await page.evaluate(async () => {
        const { outbox } = globalThis.sender;
        const stored = outbox.append([globalThis.sender.record("[1]", { seq: 1 })]);
        outbox.erase([1]);
        await stored;
      });
      await empty(page);
    });

    test("what is emitted at once before the database is open, or while it writes, keeps its order", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      await start(page);
      await page.evaluate(() => {
        for (let i = 0; i < 200; i += 1) globalThis.sender.emit(`[${i}]`);
      });
      await until(() => judge.handled.length === 200);
      assert.deepEqual(judge.texts, Array.from({ length: 200 }, (_, index) => `[${index}]`));
      await empty(page);
      assert.equal(judge.again, 0);
    });

    test("clear empties it, also for what was to be sent; id and numbers go on", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      judge.open = false;
      await start(page);
      await leads(page);
      await emit(page, "[1]", "[2]", "[3]");
      const [cleared] = await page.evaluate(async () => {
        await globalThis.sender.outbox.clear();
        return globalThis.sender.of("onClear");
      });
      assert.deepEqual(cleared.seqs, [0, 1, 2]);
      await empty(page);
      judge.answer();
      await emit(page, "[4]");
      await until(() => judge.texts.includes("[4]"));
      // The first had left already.
      assert.deepEqual(judge.handled.map(({ seq }) => seq), [0, 3]);
    });

    test("the way back: a page that is kept lets others lead, and leads again", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      await start(page);
      await leads(page);
      const counts = await page.evaluate(async () => {
        const { sender } = globalThis;
        dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
        const leading = sender.outbox.leading;
        // Nobody leads now; it is stored all the same.
        await sender.emit("[1]");
        dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
        return [leading, sender.of("onFollower").length];
      });
      assert.deepEqual(counts, [false, 1]);
      await until(() => judge.texts.includes("[1]"));
      await empty(page);
      assert.equal((await told(page, "onLeader")).length, 2);
      // There and back before anything is done: an attempt of before does not count.
      const turns = await page.evaluate(async () => {
        const { sender } = globalThis;
        for (let i = 0; i < 9; i += 1) {
          dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
          dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
          await Promise.resolve();
        }
        await sender.emit("[2]");
        return sender.told.map(([event]) => event).filter((event) => /^on(Leader|Follower)$/.test(event));
      });
      await until(() => judge.texts.includes("[2]"));
      for (const [index, event] of turns.entries()) assert.equal(event, index % 2 ? "onFollower" : "onLeader");
      await when(page, () => globalThis.sender.outbox.leading);
      await empty(page);
    });

    test("in a worker, and twice in one page, it is the same outbox", async (t) => {
      const { judge, open } = await storeSite(t);
      const page = await open(browser);
      await start(page);
      await leads(page);
      await page.evaluate(async () => {
        const code = `
          import { Sender } from "${location.origin}/sender.js";
          const sender = new Sender("box");
          postMessage(await sender.emit('["from the worker"]'));
        `;
        const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
        const worker = new Worker(url, { type: "module" });
        await new Promise((resolve, reject) => {
          worker.onmessage = resolve;
          worker.onerror = (event) => reject(new Error(event.message));
        });
        const { Sender } = await import("/sender.js");
        globalThis.second = new Sender("box");
        await globalThis.second.emit('["from the second"]');
      });
      await until(() => judge.handled.length === 2);
      assert.deepEqual(judge.texts, ['["from the worker"]', '["from the second"]']);
      assert.equal(judge.reigns.size, 1);
      await when(page, () => globalThis.second.fates.get(1) === "acknowledged");
    });

    test("what waits when the page goes away is stored", async (t) => {
      const { judge, open, url } = await storeSite(t);
      const page = await open(browser);
      judge.open = false;
      await start(page);
      await leads(page);
      await page.evaluate(() => {
        addEventListener("pagehide", () => {
          for (let i = 0; i < 20; i += 1) globalThis.sender.emit(`[${i}]`);
        }, { once: true, capture: true });
      });
      await page.goto(url);
      judge.answer();
      await start(page);
      await until(() => judge.handled.length === 20);
      assert.deepEqual(judge.texts, Array.from({ length: 20 }, (_, index) => `[${index}]`));
    });
  });
}
