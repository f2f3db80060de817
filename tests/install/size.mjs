// What a page downloads: prints it, and fails where it has grown by more than 1 % since it was last recorded.
//
//   node tests/install/size.mjs            after client-wasm/js/build.mjs
//   node tests/install/size.mjs --record   writes tests/package-size.json: the announcement of a new size
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { separateMinified } from "../../client-wasm/js/build.mjs";
import { root } from "../page/harness.mjs";

const record = join(root, "tests/package-size.json");
const dist = (file) => readFileSync(join(root, "client-wasm/js/dist", file));
const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };

/** One download of several files, each compressed by itself. */
function weigh(...files) {
  const sum = (size) => files.map(size).reduce((total, bytes) => total + bytes, 0);
  return {
    raw: sum((file) => file.length),
    gzip: sum((file) => gzipSync(file, { level: 9 }).length),
    brotli: sum((file) => brotliCompressSync(file, brotli).length),
  };
}

const wasm = dist("socket.io.wasm");
const now = {
  inlined: weigh(dist("socket.io.esm.min.js")),
  script: weigh(dist("socket.io.min.js")),
  separate: weigh(await separateMinified(), wasm),
  "of it WebAssembly": weigh(wasm),
};
const upstream = weigh(readFileSync(join(root, "tests/node_modules/socket.io-client/dist/socket.io.esm.min.js")));

const line = (name, ...cells) => console.log(name.padEnd(20) + cells.map((cell) => String(cell).padStart(10)).join(""));
line("bytes", "raw", "gzip -9", "brotli 11");
for (const [name, { raw, gzip, brotli }] of Object.entries({ ...now, "socket.io-client": upstream })) {
  line(name, raw, gzip, brotli);
}
const times = (kind) => `${(now.inlined[kind] / upstream[kind]).toFixed(2)} x`;
line("inlined : upstream", times("raw"), times("gzip"), times("brotli"));

if (process.argv[2] === "--record") {
  const rustc = execFileSync("rustc", ["--version"], { encoding: "utf8" }).trim();
  writeFileSync(record, `${JSON.stringify({ rustc, ...now }, undefined, 2)}\n`);
  process.exit();
}
if (!existsSync(record)) {
  console.log(`no recorded size: node tests/install/size.mjs --record`);
  process.exit(1);
}
const before = JSON.parse(readFileSync(record, "utf8"));
for (const name of ["inlined", "script", "separate"]) {
  for (const kind of ["gzip", "brotli"]) {
    const [was, is] = [before[name][kind], now[name][kind]];
    if (is <= was * 1.01) continue;
    console.log(`${name}, ${kind}: ${is} bytes, and ${was} are recorded (${before.rustc}). If that is wanted:`);
    console.log("  node tests/install/size.mjs --record");
    process.exitCode = 1;
  }
}
if (now.inlined.gzip < before.inlined.gzip * 0.99) {
  console.log("smaller than recorded: node tests/install/size.mjs --record");
}
