// What the payload table makes of application values, without WebAssembly: JSON's rules, binary parts, nothing left.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { base64, credentials, json, live, outgoing, release, value } from "../../client-wasm/js/slots.js";

const kept = live();
afterEach(() => assert.equal(live(), kept, "every value was released"));

/** The text and the binary parts that go out for `args`, and their lengths as they were told. */
function sent(args, make = outgoing) {
  const numbers = Array.from(make(args));
  const slots = numbers.filter((_, i) => i % 2 === 0);
  const lengths = numbers.filter((_, i) => i % 2 === 1);
  const [text, ...parts] = [json(slots[0]), ...slots.slice(1).map(value)];
  assert.equal(value(slots[0]), args, "the value itself is kept, for those who look at what was sent");
  slots.forEach(release);
  assert.equal(lengths[0], Buffer.byteLength(text));
  assert.deepEqual(lengths.slice(1), parts.map((part) => part.size ?? part.length));
  return { text, parts };
}

const hex = (parts) => parts.map((part) => Buffer.from(part).toString("hex"));
const hole = (num) => `{"_placeholder":true,"num":${num}}`;
const bytes = (...values) => Uint8Array.from(values);

class Own {
  constructor() {
    this.own = 1;
  }
  get inherited() {
    return 2;
  }
}
Own.prototype.shared = 3;

const odd = {
  nothing: [undefined, () => {}, Symbol("s")],
  dropped: { a: undefined, b: () => {}, c: Symbol("s"), [Symbol("key")]: 1 },
  numbers: [NaN, Infinity, -Infinity, -0, 1e21],
  boxed: [Object(1), Object("ab"), Object(true)],
  date: new Date(0),
  empty: [new Map([[1, 2]]), new Set([1]), /x/, new Error("no"), new Own()],
  sparse: [1, , 3], // eslint-disable-line no-sparse-arrays
  hidden: Object.defineProperty({ seen: 1 }, "hidden", { value: 2, enumerable: false }),
  bare: Object.assign(Object.create(null), { a: 1 }),
  text: "é漢😀\ud800",
  own: JSON.parse('{"__proto__":{"a":1}}'),
};
const told =
  '{"nothing":[null,null,null],"dropped":{},"numbers":[null,null,null,0,1e+21],"boxed":[1,"ab",true],' +
  '"date":"1970-01-01T00:00:00.000Z","empty":[{},{},{},{},{"own":1}],"sparse":[1,null,3],"hidden":{"seen":1},' +
  '"bare":{"a":1},"text":"é漢😀\\ud800","own":{"__proto__":{"a":1}}}';

test("values follow JSON.stringify", () => {
  assert.deepEqual(sent(["e", odd]), { text: `["e",${told}]`, parts: [] });
  // Texts of any length are measured in bytes, as they are on the wire.
  for (const length of [0, 8180, 8190, 100_000]) sent(["é漢😀".repeat(3), "x".repeat(length)]);
});

test("beside a binary part they follow it just as well", () => {
  const { text, parts } = sent(["e", odd, bytes(1), { deep: [odd, { ...odd, part: bytes(2) }] }]);
  const open = told.slice(0, -1);
  assert.equal(text, `["e",${told},${hole(0)},{"deep":[${told},${open},"part":${hole(1)}}]}]`);
  assert.deepEqual(hex(parts), ["01", "02"]);
});

test("binary parts of every type are found in every place, depth first", () => {
  const buffer = bytes(1, 2, 3, 4).buffer;
  const own = JSON.parse('{"__proto__":{},"x":1}');
  Object.defineProperty(own, "__proto__", { value: bytes(9), enumerable: true });
  const { text, parts } = sent([
    "e",
    { a: [buffer, { b: new Uint16Array(buffer, 2, 1) }], c: Buffer.from("5") },
    new DataView(buffer, 1, 2),
    Object.assign(Object.create(null), { d: new ArrayBuffer(0) }),
    own,
    [[[bytes()]]],
  ]);
  assert.equal(
    text,
    `["e",{"a":[${hole(0)},{"b":${hole(1)}}],"c":${hole(2)}},${hole(3)},{"d":${hole(4)}},` +
      `{"__proto__":${hole(5)},"x":1},[[[${hole(6)}]]]]`,
  );
  assert.deepEqual(hex(parts), ["01020304", "0304", "35", "0203", "", "09", ""]);
  assert.equal(parts[1].buffer, buffer, "a view is not copied");
});

test("toJSON decides, also about binary parts", () => {
  const inArray = [{ toJSON: (key) => `at ${key}` }];
  const message = (made) => ({ internal: 1, toJSON: () => made });
  class Self {
    part = bytes(7);
    toJSON() {
      return this;
    }
  }
  assert.equal(sent(["e", message({ a: 1 }), message(null), inArray]).text, '["e",{"a":1},null,["at 0"]]');
  const binary = [message({ file: bytes(5) }), message(bytes(6)), new Self()];
  const { text, parts } = sent(["e", ...binary, message([1]), inArray]);
  assert.equal(text, `["e",{"file":${hole(0)}},${hole(1)},{"part":${hole(2)}},[1],["at 0"]]`);
  assert.deepEqual(hex(parts), ["05", "06", "07"]);
});

test("one that is sent twice is two parts, and the value is not changed", () => {
  const part = bytes(1);
  const args = ["e", { a: part, b: [part] }, { c: 1 }];
  const [, first, second] = args;
  assert.equal(sent(args).text, `["e",{"a":${hole(0)},"b":[${hole(1)}]},{"c":1}]`);
  assert.deepEqual(args, ["e", { a: part, b: [part] }, { c: 1 }]);
  assert.equal(args[1], first);
  assert.equal(args[2], second);
});

test("a value that looks like a placeholder is sent as it is", () => {
  assert.deepEqual(sent(["e", { _placeholder: true, num: 0 }]), { text: `["e",${hole(0)}]`, parts: [] });
});

test("a Blob stays a Blob, and its text has to be waited for", async () => {
  const blob = new Blob(["12", bytes(1, 2, 3, 4)]);
  const file = new File([bytes(255)], "name");
  const numbers = outgoing(["e", { blob, list: [file] }]);
  assert.equal(json(numbers[0]), `["e",{"blob":${hole(0)},"list":[${hole(1)}]}]`);
  assert.deepEqual([numbers[3], numbers[5]], [6, 1]);
  assert.equal(value(numbers[2]), blob);
  const texts = [base64(numbers[2]), base64(numbers[4])];
  // Read to the end, whatever happens to the table meanwhile.
  for (let i = 0; i < numbers.length; i += 2) release(numbers[i]);
  assert.deepEqual(await Promise.all(texts), ["MTIBAgME", "/w=="]);
});

test("base64 is padded, and large parts are no trouble", () => {
  for (const length of [0, 1, 2, 3, 0x6000 - 1, 0x6000, 0x6001, 1_000_000]) {
    const part = Uint8Array.from({ length }, (_, i) => i * 7);
    const numbers = outgoing(["e", part]);
    assert.equal(base64(numbers[2]), Buffer.from(part).toString("base64"));
    release(numbers[0]);
    release(numbers[2]);
  }
});

test("what cannot be sent throws at once, and nothing is kept", () => {
  const cyclic = { a: [] };
  cyclic.a.push(cyclic);
  const angry = { toJSON: () => assert.fail("toJSON") };
  const getter = Object.defineProperty({}, "x", { enumerable: true, get: () => assert.fail("getter") });
  const proxy = new Proxy({}, { ownKeys: () => assert.fail("keys") });
  for (const bad of [cyclic, 1n, { deep: [1n] }, angry, getter, proxy]) {
    for (const args of [[bad], [bytes(1), bad], [bad, bytes(1)], [{ list: [bad], part: bytes(1) }]]) {
      assert.throws(() => outgoing(args), (error) => error instanceof Error);
      assert.equal(live(), kept);
    }
    assert.throws(() => credentials({ bad }));
  }
});

test("CONNECT carries JSON only", () => {
  assert.equal(sent({ token: "t", part: bytes(1, 2) }, credentials).text, '{"token":"t","part":{"0":1,"1":2}}');
  for (const nothing of [undefined, () => {}, Symbol("s")]) assert.equal(credentials(nothing).length, 0);
});
