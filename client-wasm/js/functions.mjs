// Which functions the module's size is made of: `node client-wasm/js/functions.mjs [HOW MANY]`, after a build.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const work = join(resolve(root, process.env.CARGO_TARGET_DIR ?? "target"), "npm");
const wasmOpt = createRequire(join(root, "tests/package.json")).resolve("binaryen/bin/wasm-opt");

// Optimised as what is published, but with its names.
const named = join(work, "named.wasm");
const options = ["-Oz", "-g", "--strip-producers", join(work, "used.wasm"), "-o", named];
const { status } = spawnSync(process.execPath, [wasmOpt, ...options], { stdio: ["ignore", "ignore", "inherit"] });
if (status !== 0) process.exit(1);

/** Reads what WebAssembly's binary format is made of. */
class Reader {
  constructor(bytes, at = 0, end = bytes.length) {
    Object.assign(this, { bytes, at, end });
  }

  get more() {
    return this.at < this.end;
  }

  number() {
    let [value, shift, byte] = [0, 0, 0];
    do {
      byte = this.bytes[this.at++];
      value += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    } while (byte & 0x80);
    return value;
  }

  /** A part that begins with its length. */
  part() {
    const size = this.number();
    this.at += size;
    return new Reader(this.bytes, this.at - size, this.at);
  }

  text() {
    const { bytes, at, end } = this.part();
    return new TextDecoder().decode(bytes.subarray(at, end));
  }
}

const bytes = readFileSync(named);
const sections = [];
for (const file = new Reader(bytes, 8); file.more; ) sections.push([bytes[file.at++], file.part()]);

let imported = 0;
const sizes = [];
const names = new Map();
const kinds = { 1: "types", 2: "imports", 6: "globals", 9: "elements", 10: "code", 11: "data" };
const totals = {};
for (const [id, section] of sections) {
  if (kinds[id]) totals[kinds[id]] = section.end - section.at;
  if (id === 2) {
    for (let left = section.number(); left > 0; left -= 1) {
      section.text();
      section.text();
      const kind = section.number();
      if (kind === 0) imported += 1;
      if (kind !== 0) throw new Error("imports something else than functions");
      section.number();
    }
  }
  if (id === 10) {
    for (let left = section.number(); left > 0; left -= 1) {
      const body = section.part();
      sizes.push(body.end - body.at);
    }
  }
  if (id === 0 && section.text() === "name") {
    while (section.more) {
      const functions = section.number() === 1;
      const part = section.part();
      if (!functions) continue;
      for (let left = part.number(); left > 0; left -= 1) names.set(part.number(), part.text());
    }
  }
}

const all = sizes.reduce((sum, size) => sum + size, 0);
const functions = sizes.map((size, index) => ({ size, name: names.get(imported + index) ?? `function ${index}` }));
functions.sort((one, other) => other.size - one.size);
const parts = Object.entries(totals).map((pair) => pair.join(" "));
console.log(`${sizes.length} functions; bytes: ${parts.join(", ")}`);
for (const { size, name } of functions.slice(0, Number(process.argv[2] ?? 10))) {
  console.log(`${String(size).padStart(6)}  ${((100 * size) / all).toFixed(1).padStart(4)} %  ${name}`);
}
