// What the sources of the module must not contain.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../client-wasm/js", import.meta.url));
const sources = readdirSync(join(folder, "src"), { recursive: true })
  .filter((name) => name.endsWith(".js"))
  .map((name) => join("src", name))
  .concat("slots.js");

test("time is the core's: no source sets a timer, but for what outlives the page", () => {
  assert.ok(sources.length > 20, String(sources.length));
  const shared = [join("src", "store"), join("src", "durable.js"), join("src", "sessions.js")];
  const timed = sources.filter((name) => !shared.some((start) => name.startsWith(start)));
  for (const name of timed) assert.doesNotMatch(readFileSync(join(folder, name), "utf8"), /\bset(Timeout|Interval)\b/, name);
});

test("nothing is evaluated", () => {
  for (const name of sources) {
    assert.doesNotMatch(readFileSync(join(folder, name), "utf8"), /\beval\(|new Function\b/, name);
  }
});

test("the Rust face takes along all that its outbox imports", () => {
  const rust = readFileSync(join(folder, "../src/outbox/values.rs"), "utf8");
  const imports = (name, seen) => {
    if (seen.has(name)) return seen;
    seen.add(name);
    const text = readFileSync(join(folder, name), "utf8");
    for (const [, path] of text.matchAll(/\bfrom "(\.[^"]+)"/g)) imports(join(name, "..", path), seen);
    return seen;
  };
  const missing = [...imports("src/durable.js", new Set())].filter((name) => !rust.includes(`"/js/${name}"`));
  assert.deepEqual(missing, ["src/durable.js"], "which outbox/mod.rs names");
});
