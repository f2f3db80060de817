// The comparison itself: what is right passes, and each thing that can be wrong fails.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareEncoding, compareSteps, Divergence } from "./compare.mjs";
import { encode, readBody, readMessages } from "./reference.mjs";
import { read, toWire, write } from "./tokens.mjs";

const packet = { kind: "event", namespace: "/a", id: 7, data: ["name", { a: [-0, 1.5, null], __proto__: null }, Buffer.from([1, 2]), "x"] };
const messages = [...encode(packet), "2probe", ...encode({ kind: "disconnect", namespace: "/" })];

/** What the Rust program says where it reads as the reference does. */
const asOurs = (steps) =>
  steps.map((step) => {
    if (!step.packet) return { ...step };
    const { kind, namespace, id, data } = step.packet;
    const list = kind === "event" || kind === "ack";
    return {
      packet: {
        kind,
        namespace,
        id: id === undefined ? null : String(id),
        name: kind === "event" ? String(data[0]) : "",
        ...(data === undefined ? {} : { data: JSON.parse(write(data)) }),
        ...(list ? { same: true } : {}),
      },
    };
  });

const right = () => asOurs(readMessages(messages));
const wrong = (spoil) => {
  const steps = right();
  spoil(steps, steps[1].packet);
  assert.throws(() => compareSteps({ messages }, readMessages(messages), steps), Divergence, spoil.toString());
};

test("values go through tokens and back", () => {
  const value = [-0, 1e21, "\u2028", { a: [], "": {}, 0: false }, Buffer.from([0, 255]), null];
  assert.deepEqual(read(JSON.parse(write(value))), value);
});

test("the same reading passes", () => assert.deepEqual(compareSteps({ messages }, readMessages(messages), right()), []));

test("another reading fails", () => {
  const at = (data, token) => data.findIndex((other) => other === token);
  wrong((steps) => steps.pop());
  wrong((steps) => steps.push({ waits: true }));
  wrong((steps) => steps.splice(0, 1));
  wrong((steps) => (steps[0] = steps[1]));
  wrong((steps) => (steps[2].data = ""));
  wrong((steps) => (steps[2].engine = "pong"));
  wrong((steps) => (steps[3] = { refused: "socket", error: "" }));
  wrong((steps) => (steps[3] = steps[1]));
  wrong((steps) => (steps[2] = { refused: "engine", error: "" }));
  wrong((steps, packet) => (packet.kind = "ack"));
  wrong((steps, packet) => (packet.namespace = "/"));
  wrong((steps, packet) => (packet.id = "8"));
  wrong((steps, packet) => (packet.id = null));
  wrong((steps, packet) => (packet.name = "other"));
  wrong((steps, packet) => (packet.same = false));
  wrong((steps, packet) => delete packet.data);
  wrong((steps, packet) => (packet.unreadable = "why"));
  wrong((steps, { data }) => (data[at(data, "b0102")] = "b0103"));
  wrong((steps, { data }) => (data[at(data, "sx")] = "sy"));
  wrong((steps, { data }) => (data[at(data, 1.5)] = 1.6));
  wrong((steps, { data }) => (data[at(data, 0)] = -0));
});

test("a refusal that the reference does not know fails, and one that it knows where we do not", () => {
  for (const text of ['42["a"]', '42["connect"]', "40", "40[]", "9", "42", '451-["a",{"_placeholder":true,"num":0}]', "bAAAA"]) {
    const theirs = readMessages([text]);
    const ours = theirs[0].refused ? [{ packet: { kind: "event", namespace: "/", id: null } }] : [{ refused: "socket", error: "" }];
    // The one of them that is an intended difference.
    if (text === "42") assert.deepEqual(compareSteps({ messages: [text] }, theirs, ours), ["event or ack without payload"]);
    else assert.throws(() => compareSteps({ messages: [text] }, theirs, ours), Divergence, text);
  }
  assert.throws(() => compareSteps({ body: "2\u001e3" }, readBody("2\u001e3"), [{ refused: "engine", error: "" }]), Divergence);
});

test("another writing fails", () => {
  const theirs = encode(packet);
  assert.deepEqual(compareEncoding(packet, theirs, { messages: toWire(theirs) }), { exact: true, found: [] });
  const [text, bytes] = toWire(theirs);
  const form = compareEncoding(packet, theirs, { messages: [text.replace("[0,1.5", "[-0.0,15e-1"), bytes] });
  assert.deepEqual(form, { exact: false, found: ["negative zero", "form of a number"] });
  for (const messages of [
    [text],
    [text, bytes, bytes],
    [text, { hex: "0103" }],
    [text.replace("7[", "8["), bytes],
    [text.replace("/a,", "/b,"), bytes],
    [text.replace("/a,", ""), bytes],
    [text.replace("1.5", "1.6"), bytes],
    [text.replace("1.5", '"1.5"'), bytes],
    [text.replace('"x"', '"y"'), bytes],
    [text.replace('"x"', '"\\u0078"'), bytes],
    [text.replace("null", "0"), bytes],
    [text.replace("[0,1.5", "[ 0,1.5"), bytes],
  ]) {
    assert.throws(() => compareEncoding(packet, theirs, { messages }), Divergence, messages[0]);
  }
  assert.throws(() => compareEncoding(packet, theirs, { error: "no" }), Divergence);
});
