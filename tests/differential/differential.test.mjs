// Our encoder and decoder beside the published ones: the same verdict and the same value, except for what `differences.mjs`
// lists. SEED=… has a run again; TESTS_FULL=1 makes it ten times as long.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { freshSeed } from "../cuts/random.mjs";
import { compareEncoding, compareSteps, wellFormed } from "./compare.mjs";
import { Counts } from "./counts.mjs";
import { differences, some } from "./differences.mjs";
import { chance, control, conversation, decisions, handshake, packet } from "./generate.mjs";
import { mutated } from "./mutate.mjs";
import { ask, build } from "./ours.mjs";
import { encode, encodeEngine, isPacketValid, join, readBody, readMessages, types } from "./reference.mjs";
import { toWire, write } from "./tokens.mjs";

const seed = Number(process.env.SEED ?? freshSeed());
const times = process.env.TESTS_FULL ? 10 : 1;
const valid = 10_000 * times;
const malformed = 20_000 * times;
/** Cases that one process is asked about. */
const batch = 10_000;

const met = new Counts();
let program;
before(() => (program = build()));

/** Failures, told at the end together. */
class Divergences {
  #all = [];

  check(label, of, compare) {
    try {
      return compare();
    } catch (error) {
      this.#all.push(`${label}: ${error.message}: ${JSON.stringify(of)}`);
      return undefined;
    }
  }

  assertNone() {
    assert.equal(this.#all.length, 0, `SEED=${seed}, ${this.#all.length} in all:\n${this.#all.slice(0, 10).join("\n")}`);
  }
}

const line = (question, json) => `{"${question}":${json}}`;
const toMessages = (messages) => line("messages", JSON.stringify(toWire(messages)));
const toRead = ({ messages, body }) => (messages ? toMessages(messages) : line("body", JSON.stringify(body)));
const steps = ({ messages, body }) => (messages ? readMessages(messages) : readBody(body));
const note = (found) => found?.forEach((name) => met.add(name));

function toEncode({ kind, namespace, id, data }) {
  // What Rust cannot hold is not asked of it.
  const tokens = data === undefined ? "null" : write(wellFormed(data));
  return line("encode", `{"kind":"${kind}","namespace":${JSON.stringify(namespace)},"id":${id ?? null},"data":${tokens}}`);
}

/** A client sends neither a refusal that is a text nor an event whose name is a number, so we have no words for them. */
const isWritten = ({ kind, data }) =>
  !(kind === "connect_error" && typeof data === "string") && !(kind === "event" && typeof data[0] === "number");

/** A valid case: its questions, what the reference says, and how the answers are judged. */
function validCase(index, tell, divergences) {
  const random = decisions(seed, 1, index);
  const label = `valid ${index}`;
  const reading = (of) => {
    const theirs = steps(of);
    assert(of.own || theirs.every((step) => !step.refused), `the reference refuses its own: ${JSON.stringify(of)}`);
    return [toRead(of), (ours) => note(divergences.check(label, of, () => compareSteps(of, theirs, ours)))];
  };
  if (chance(random, 0.03)) {
    const said = handshake(random);
    const text = encodeEngine("open", JSON.stringify(said));
    tell("open");
    const judge = (ours) => divergences.check(label, said, () => assert.deepEqual(ours, said));
    return [reading({ messages: [text] }), [line("handshake", JSON.stringify(text)), judge]];
  }
  if (chance(random, 0.03)) {
    tell("another packet of the engine");
    return [reading({ messages: [control(random)] })];
  }
  if (chance(random, 0.08)) {
    const messages = conversation(random, 6);
    const body = join(messages);
    tell("polling body");
    const judge = (ours) => divergences.check(label, messages, () => assert.deepEqual(ours, { body, left: 0 }));
    return [reading({ body, own: true }), [line("join", JSON.stringify(toWire(messages))), judge]];
  }
  const sent = packet(random);
  const messages = encode(sent);
  tell(messages.length > 1 ? `${sent.kind} with attachments` : sent.kind);
  // What its decoder takes for an attachment that it is not.
  const own = some(sent.data, (held) => held?._placeholder === true);
  const judged = [reading({ messages, own })];
  if (isWritten(sent)) {
    const judge = (ours) => {
      const result = divergences.check(label, messages, () => compareEncoding(sent, messages, ours));
      tell.written.add(result?.exact ? "byte for byte" : "in another form");
      note(result?.found);
    };
    judged.push([toEncode(sent), judge]);
  }
  return judged;
}

test("what is valid is read and written alike", { timeout: 1_500_000 }, async (t) => {
  t.diagnostic(`SEED=${seed}`);
  const [kinds, written, divergences] = [new Counts(), new Counts(), new Divergences()];
  const tell = Object.assign((kind) => kinds.add(kind), { written });
  for (let from = 0; from < valid; from += batch) {
    const all = Array.from({ length: batch }, (_, i) => validCase(from + i, tell, divergences)).flat();
    const answers = await ask(program, all.map(([question]) => question));
    all.forEach(([, judge], i) => judge(answers[i]));
  }
  t.diagnostic(`seed ${seed}: ${kinds.total()} valid: ${kinds}`);
  t.diagnostic(`seed ${seed}: all of them read; ${written.total()} packets written: ${written}`);
  divergences.assertNone();
  assert(kinds.total() >= 10_000);
  assert(written.of("byte for byte") > written.total() / 2, `${written}`);
});

test("what is malformed gets the same verdict, and else the same value", { timeout: 1_500_000 }, async (t) => {
  const [verdicts, names, kinds, reasons, divergences] = [
    new Counts(), new Counts(), new Counts(), new Counts(), new Divergences(),
  ];
  for (let from = 0; from < malformed; from += batch) {
    const cases = Array.from({ length: batch }, (_, i) => mutated(decisions(seed, 2, from + i), from + i));
    const answers = await ask(program, cases.map(toRead));
    cases.forEach((of, i) => {
      const theirs = steps(of);
      of.names.forEach((name) => names.add(name));
      const end = theirs.at(-1);
      verdicts.add(end?.refused ? "refused" : end?.waits ? "wait for attachments" : "accepted");
      if (end?.refused) reasons.add(end.error.replace(/ \d+$| NaN$/, "").toLowerCase());
      for (const { packet, engine } of theirs.slice(0, 100)) if (packet ?? engine) kinds.add(packet?.kind ?? engine);
      const shown = JSON.stringify(of).length < 5000 ? of : of.names;
      note(divergences.check(`malformed ${from + i}`, shown, () => compareSteps(of, theirs, answers[i])));
    });
  }
  t.diagnostic(`seed ${seed}: ${verdicts.total()} changed, by the reference's verdict: ${verdicts}`);
  t.diagnostic(`seed ${seed}: in them the reference read: ${kinds}`);
  t.diagnostic(`seed ${seed}: it refused for: ${reasons}`);
  t.diagnostic(`seed ${seed}: changes: ${names}`);
  divergences.assertNone();
  assert(verdicts.total() >= 20_000);
  assert(verdicts.of("accepted") >= 0.3 * verdicts.total(), `${verdicts}`);
  assert(verdicts.of("refused") >= 0.3 * verdicts.total(), `${verdicts}`);
});

test("an event with a reserved name is not written", async () => {
  for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
    const packet = { kind: "event", namespace: "/", data: [name, 1] };
    assert.equal(isPacketValid({ type: types.event, nsp: "/", data: packet.data }), false);
    const [{ error }] = await ask(program, [toEncode(packet)]);
    assert.match(error, new RegExp(`\\b${name}\\b`));
  }
});

// After the two that count.
test("each intended difference was met, and nothing else was taken for one", (t) => {
  const listed = differences.map(({ name }) => name);
  t.diagnostic(`seed ${seed}: intended differences: ${listed.map((name) => `${met.of(name)} ${name}`).join(", ")}`);
  assert.deepEqual(listed.filter((name) => met.of(name) === 0), []);
  assert.deepEqual([...met.keys()].filter((name) => !listed.includes(name)), []);
});

test("README.md has the same list", () => {
  const rows = differences.map(({ name, reason }) => `| ${name} | ${reason} |`);
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const table = readme.slice(readme.indexOf("| difference |")).trim().split("\n");
  assert.deepEqual(table.slice(2), rows);
});
