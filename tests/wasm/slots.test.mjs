// The core's scenarios with the slot codec: the same list that its other codecs pass.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "./build.mjs";

globalThis.scenario = {
  event: (number, attachments) => ["e", number, ...Array.from(attachments, (byte) => Uint8Array.of(byte))],
  answer: (number) => [number],
  token: (token) => ({ token }),
  numbers(args) {
    const values = args[0] === "e" ? args.slice(1) : args;
    const bytes = values.filter((value) => value instanceof Uint8Array).map(([byte]) => byte);
    return Uint32Array.of(values.find((value) => typeof value === "number"), ...bytes);
  },
};

const module = build("slots", "node", "--no-default-features", "--features", "js");
let slots = await import(module);

const names = slots.scenarios();
const OFFSET = "Q7zOKAz";

test("the list is there", () => assert.ok(names.length > 90, String(names.length)));

for (const name of names) {
  test(name, async () => {
    let message = "";
    let kept;
    try {
      kept = slots.run(name, (text) => (message = text));
    } catch (error) {
      // After a panic an instance is of no use any more.
      slots = await import(`${module}?after=${name}`);
      throw new Error(message || String(error));
    }
    assert.equal(kept, 0, "every value was released");
  });
}

test("headers are the core's, whatever stands in them", () => {
  const long = `/${"n".repeat(1000)}`;
  for (const [wire, expected] of [
    ['42["x",1]', 'Event / None ["x",1]'],
    ['4212["x"]', 'Event / Some(12) ["x"]'],
    ['42/room7,3["x"]', 'Event /room7 Some(3) ["x"]'],
    ['42/a[b,3["x"]', 'Event /a[b Some(3) ["x"]'],
    ['42/é漢😀,["x"]', 'Event /é漢😀 None ["x"]'],
    [`42${long},9["x"]`, `Event ${long} Some(9) ["x"]`],
    ['4212345678901234567890["x"]', 'Event / Some(12345678901234567890) ["x"]'],
    ["43/a,0[]", "Ack /a Some(0) []"],
    ["41/a,", "Disconnect /a None "],
    ['44/a,{"message":"[no]"}', 'ConnectError /a None {"message":"[no]"}'],
    ['40{"sid":"["}', 'Connect / None {"sid":"["}'],
    ['451-["x",{"_placeholder":true,"num":0}]', "partial"],
  ]) {
    assert.equal(slots.decode(wire), expected);
  }
  for (const [wire, expected] of [
    ["47", /unknown packet type/],
    ["4", /empty packet/],
    ["451[]", /no "-"/],
    ["42999999999999999999999[]", /ack id too large/],
    ["42", /must be an array/],
    ["42{}", /must be an array/],
    ['42["x"', /not JSON/],
    ['42["connect"]', /starts with its name/],
    ["42[[]]", /starts with its name/],
    ["43{}", /must be an array/],
    ["40[]", /must be an object/],
    ["41[]", /has none/],
    ["4599999999-[]", /attachments above/],
  ]) {
    assert.match(slots.decode(wire), expected, wire);
  }
});

test("an offset is what Rust takes for one", () => {
  const digits = "0".repeat(24);
  const shaped = ["Q7zOKAz", "Q7zOKAz.0", "-_-_-_-.____", "1795252804095-10", "f0f0f0f0".repeat(3), "1795252804095-0", "1795252804095-9999999999", "deleted", digits];
  for (const text of shaped) assert.ok(slots.is_offset(text), text);
  const others = ["", "Q7zOKA", "Q7zOKAz.", "Q7zOKAz.00000", "Q7zOKAz\n", "Q7zOKAé", "179525280409-0", "1795252804095-"];
  others.push("1795252804095-12345678901", "1795252804095-00", "Q7zOKAz.01", `${digits}0`, digits.replace("0", "A"), "x".repeat(100_000));
  for (const text of others) assert.ok(!slots.is_offset(text), text);
});

test("an event is known again by what it says", () => {
  const same = (first, again) => slots.is_known_again(first, again);
  assert.ok(same(["x", 1, { a: "b" }], ["x", 1, { a: "b" }, OFFSET]));
  assert.ok(same(["x"], ["x", OFFSET]));
  assert.ok(!same(["x", 1], ["x", 2, OFFSET]));
  const bytes = (...bytes) => new Uint8Array(bytes).buffer;
  assert.ok(same(["x", bytes(1, 2)], ["x", bytes(1, 2), OFFSET]));
  assert.ok(!same(["x", bytes(1, 2)], ["x", bytes(1, 3), OFFSET]));
});

test("a claim carries the authentication data, whose keys win", () => {
  for (const [auth, offset, expected] of [
    [undefined, undefined, '{"pid":"P"}'],
    [undefined, OFFSET, `{"pid":"P","offset":"${OFFSET}"}`],
    [{ token: "t" }, OFFSET, `{"pid":"P","offset":"${OFFSET}","token":"t"}`],
    [{ offset: 1, pid: 2 }, OFFSET, '{"pid":2,"offset":1}'],
    [["a"], OFFSET, '["a"]'],
    ["a", OFFSET, '"a"'],
  ]) {
    assert.equal(slots.claim(auth, "P", offset), expected);
  }
});
