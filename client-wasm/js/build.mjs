// Builds `dist`: the WebAssembly module, as small as it gets, and the JavaScript around it for each way to load it.
//
//   node client-wasm/js/build.mjs          what is up to date is not built again
//
// Needs the packages of `tests` (npm ci there), and what tests/wasm-cargo needs.
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { cargo, root, run } from "./cargo.mjs";
import { tidied } from "./glue.mjs";
import { pack } from "./src/unpack.js";

const here = dirname(fileURLToPath(import.meta.url));
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
const work = join(target, "npm");
const dist = join(here, "dist");
const require = createRequire(join(root, "tests/package.json"));
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));

// --- The module --------------------------------------------------------------------------------------------------

/** Compiles the crate and lets wasm-bindgen write its JavaScript half. Cargo itself skips what is up to date. */
function compile() {
  const crate = "socketio_client_wasm";
  // Not `cargo build`: with two crate types in the manifest, cargo turns link-time optimisation off without a word.
  const library = ["-p", "socketio-client-wasm", "--lib", "--crate-type", "cdylib"];
  const features = ["--profile", "npm", "--no-default-features", "--features", "npm"];
  const wasm = cargo("tests/wasm-cargo", ["--small", "rustc", ...library, ...features], crate, ".wasm");
  const bind = cargo("cargo", ["build", "-p", "tests", "--bin", "wasm-bind"], "wasm-bind", "");
  const bound = join(work, "bound");
  rmSync(bound, { recursive: true, force: true });
  run(bind, [wasm, bound, "bundler"]);
  return {
    wasm: readFileSync(join(bound, `${crate}_bg.wasm`)),
    glue: tidied(readFileSync(join(bound, `${crate}_bg.js`), "utf8")),
  };
}

/**
 * Takes out what the glue does not use, gives the rest names of one letter, and optimises. Returns the module, the glue
 * with the new names, and `[name in the glue, name in the module]` of what the module imports.
 */
async function shrink({ wasm, glue }) {
  // Debian's wasm-opt breaks what wasm-bindgen makes; this one is pinned.
  const { default: binaryen } = await import(pathToFileURL(require.resolve("binaryen")).href);
  // Names stay until the end: functions.mjs shows them.
  binaryen.setDebugInfo(true);
  const module = binaryen.readBinary(wasm);
  for (let index = module.getNumExports() - 1; index >= 0; index -= 1) {
    const { name } = binaryen.getExportInfo(module.getExportByIndex(index));
    if (!new RegExp(`\\bwasm\\.${name}\\b`).test(glue) && name !== "__wbindgen_start") module.removeExport(name);
  }
  const [input, output] = [join(work, "used.wasm"), join(work, "small.wasm")];
  writeFileSync(input, module.emitBinary());
  module.dispose();
  const strip = ["--strip-debug", "--strip-producers", "--strip-target-features"];
  const renamed = "--minify-imports-and-exports-and-modules";
  const options = ["-Oz", ...strip, renamed, input, "-o", output];
  const wasmOpt = require.resolve("binaryen/bin/wasm-opt");
  const { imports, exports } = JSON.parse(run(process.execPath, [wasmOpt, ...options]));
  const names = new Map(exports);
  return {
    wasm: readFileSync(output),
    // Quoted: some begin with "_", which stands for something else in what is minified.
    glue: glue.replace(/\bwasm\.(\w+)/g, (_, name) => `wasm["${names.get(name)}"]`),
    imports: imports.map(([, name, short]) => [name, short]),
    start: names.get("__wbindgen_start"),
  };
}

/** The module, small; from the last run where nothing has changed since. */
async function module() {
  const bound = compile();
  const tools = [readFileSync(fileURLToPath(import.meta.url)), require("binaryen/package.json").version];
  const key = [bound.wasm, bound.glue, ...tools].reduce((hash, part) => hash.update(part), createHash("sha256"));
  const stamp = key.digest("hex");
  const record = join(work, "small.json");
  const last = existsSync(record) ? JSON.parse(readFileSync(record, "utf8")) : {};
  if (last.stamp === stamp) return { ...last, wasm: readFileSync(join(work, "small.wasm")) };
  const small = await shrink(bound);
  writeFileSync(record, JSON.stringify({ ...small, wasm: undefined, stamp }));
  return small;
}

// --- The JavaScript around it ------------------------------------------------------------------------------------

/** The file beside the separate variant. */
const FILE = "socket.io.wasm";

/** The source of `#wasm`: `load()`, and what Rust exports. */
function loader({ wasm, imports, start }, separate) {
  const names = imports.map(([name]) => name);
  const object = imports.map(([name, short]) => `"${short}": ${name}`);
  const begin = separate
    ? `instantiateFile(new URL("./${FILE}", import.meta.url), imports, start)`
    : `instantiate(unpack(packedModule(), ${wasm.length}), imports, start)`;
  return `
    import { __wbg_set_wasm, ${names.join(", ")} } from "#glue";
    import { ${separate ? "instantiateFile" : "instantiate"} } from "./instantiate.js";
    ${separate ? "" : 'import { unpack } from "./unpack.js";'}
    export * from "#glue";
    const imports = { a: { ${object.join(", ")} } };
    const start = (wasm) => (__wbg_set_wasm(wasm), wasm["${start}"]());
    const begun = ${begin};
    export const load = () => begun;
  `;
}

/**
 * The end of an inlined variant. A function's declaration may follow its use; before its use the long text would stand
 * between two halves of JavaScript, and compressors look back 32 kB only.
 */
const packed = ({ wasm }) => `function packedModule(){return${JSON.stringify(pack(wasm))}}`;

/** esbuild's plugin for what is not a file of `src`, or another file than it seems. */
const resolver = (built, { separate, node }) => ({
  name: "socketio-client-wasm",
  setup(build) {
    const resolveDir = join(here, "src");
    build.onResolve({ filter: /^#(wasm|glue)$/ }, ({ path }) => ({ path, namespace: "built" }));
    build.onLoad({ filter: /./, namespace: "built" }, ({ path }) => ({
      contents: path === "#glue" ? built.glue : loader(built, separate),
      resolveDir,
    }));
    // wasm-bindgen imports a copy of it. There must be one table only.
    build.onResolve({ filter: /^\.\/snippets\/.*\/slots\.js$/ }, () => ({ path: join(here, "slots.js") }));
    // Beside the others, and fetched where it is wanted.
    build.onResolve({ filter: /^#durable$/ }, () => ({ path: "./outbox.mjs", external: true }));
    if (!node) return;
    build.onResolve({ filter: /\/transport\/\w+\.js$/ }, ({ path }) => ({
      path: join(here, "src/node", basename(path)),
    }));
  },
});

// Since these WebAssembly has what the module uses.
const browsers = ["chrome96", "edge96", "firefox93", "safari16", "ios16"];

const banner = `/*! socketio-client-wasm ${version} | MIT OR Apache-2.0 */`;

const everything = 'export * from "./src/index.js"; export { default } from "./src/index.js";';

// What `require` and the script give is the function itself, as in socket.io-client. `io` is the bundle's one free
// variable.
const single = { entry: 'import { io as made } from "./src/index.js"; io = made;' };
const commonjs = { ...single, format: "cjs", banner: '"use strict"; let io;', footer: "\nmodule.exports = io;" };
const script = {
  ...single,
  format: "iife",
  minify: true,
  banner:
    '((root,make)=>{"object"==typeof module&&module.exports?module.exports=make():' +
    '"function"==typeof define&&define.amd?define(make):root.io=make()})(globalThis,()=>{"use strict";let io;',
  footer: "return io});",
};

const node = { platform: "node", target: "node20", node: true };
// What CommonJS has in the place of `import.meta.url`.
const location = { define: { "import.meta.url": "__file_url" } };
const located = ' const __file_url = require("node:url").pathToFileURL(__filename).href;';

/**
 * Properties that nobody else reads or writes, for short names in what is minified. Of those with an underscore an
 * application may know some, and one stands in packets; of the others none is a name elsewhere.
 */
const KNOWN = /^_(autoConnect|close|pingTimeoutTime|placeholder|queue|readyState|reconnecting)$/;
const INTERNAL = [
  // Of the core's, what has no such name elsewhere.
  "act|look|note|say|hear|leave|header|known|parsed|remember|control|poll",
  // Of links.js, dispatch.js, host.js and slots.js.
  "announce|armed|encoding|errorFirst|failure|follow|inject|internal|isBusy|late|openers|openWebSocket",
  "outgoing|readBody|sendMessage|shut|silence|silent|thrown|throwEncoder|told|unencodable|upgraded|webSocket|busy",
  "bytes|closed|details|due|handshake|head|number|run|slot",
];
const OWN = new RegExp(`^(_[a-z]\\w*|__wbg_ptr|${INTERNAL.join("|")})$`);

const variants = {
  "index.mjs": {},
  "index.cjs": commonjs,
  "node.mjs": node,
  "node.cjs": { ...node, ...commonjs, ...location, banner: commonjs.banner + located },
  "separate.mjs": { separate: true },
  // As the others are loaded, so that its JavaScript is the same for all.
  "outbox.mjs": { entry: 'export { Durable } from "./src/durable.js"; export { openSessions, shareSessions } from "./src/sessions.js";', alone: true },
  "socket.io.esm.min.js": { minify: true },
  "socket.io.min.js": script,
};

/** What runs beside a Socket.IO server: no WebAssembly. */
const servers = {
  "server.mjs": { format: "esm" },
  "server.cjs": { format: "cjs", ...location, banner: { js: `${banner}\n"use strict";${located}` } },
};

async function bundleServer(name, options) {
  const { build } = require("esbuild");
  const { outputFiles } = await build({
    entryPoints: [join(here, "server/index.js")],
    bundle: true,
    write: false,
    outfile: join(dist, name),
    platform: node.platform,
    target: node.target,
    sourcemap: true,
    banner: { js: banner },
    logLevel: "warning",
    ...options,
  });
  return outputFiles;
}

/** Bundles one variant; `{ path, contents }` for each file. */
async function bundle(built, name, variant) {
  const { build } = require("esbuild");
  const { entry = everything, banner: before = "", footer = "", format = "esm", platform = "browser" } = variant;
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: here, sourcefile: "index.js" },
    bundle: true,
    write: false,
    outfile: join(dist, name),
    format,
    platform,
    define: variant.define,
    minify: variant.minify ?? variant.alone ?? false,
    ...(variant.minify && { mangleProps: OWN, reserveProps: KNOWN }),
    target: variant.target ?? browsers,
    external: ["ws"],
    legalComments: "inline",
    sourcemap: true,
    banner: { js: banner + (before && `\n${before}`) },
    footer: { js: (variant.separate || variant.minify || variant.alone ? "" : packed(built)) + footer },
    plugins: [resolver(built, variant)],
    logLevel: "warning",
  });
  return variant.minify ? squeezed(name, outputFiles, variant.separate ? "" : packed(built), footer) : outputFiles;
}

/**
 * What esbuild has minified already becomes a twentieth smaller: terser looks several times. The packed module is added
 * afterwards: terser would move it to the front, and take its letters for those that names have in common.
 */
async function squeezed(name, outputFiles, tail, footer) {
  const { minify } = require("terser");
  const [map, text] = outputFiles.map((file) => file.text);
  const { code, map: squeezedMap } = await minify(text, {
    module: footer === "",
    // `unsafe_arrows`: nothing here is called with `new` but classes. `pure_getters`: no getter here has an effect that counts.
    compress: { passes: 3, inline: 1, ecma: 2020, unsafe_arrows: true, unsafe_methods: true, pure_getters: true },
    format: { ascii_only: true, comments: /^!/ },
    sourceMap: { content: map, filename: name },
  });
  // In the script it goes into the function that is all of it.
  const end = footer === "" ? "" : "});";
  if (!code.endsWith(end)) throw new Error(`${name} does not end with ${end}`);
  const body = code.slice(0, code.length - end.length);
  const contents = [squeezedMap, `${body};${tail}${end}\n//# sourceMappingURL=${name}.map\n`];
  return outputFiles.map(({ path }, index) => ({ path, contents: contents[index] }));
}

/** The JavaScript of the separate variant as it reaches a page, to be weighed. */
export async function separateMinified() {
  const files = await bundle(await module(), "separate.mjs", { separate: true, minify: true });
  return Buffer.from(files.find(({ path }) => path.endsWith(".mjs")).contents);
}

async function main() {
  mkdirSync(work, { recursive: true });
  const built = await module();
  const files = [{ path: join(dist, FILE), contents: built.wasm }];
  for (const [name, variant] of Object.entries(variants)) files.push(...(await bundle(built, name, variant)));
  for (const [name, options] of Object.entries(servers)) files.push(...(await bundleServer(name, options)));
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  for (const { path, contents } of files) writeFileSync(path, contents);
  // The same types for `require`: TypeScript goes by the nearest package.json.
  cpSync(join(here, "types"), join(dist, "cjs"), { recursive: true });
  cpSync(join(here, "server/index.d.ts"), join(dist, "cjs/server.d.ts"));
  writeFileSync(join(dist, "cjs/package.json"), '{ "type": "commonjs" }\n');
  // npm packs what is in the package's own folder.
  for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(join(root, license), join(here, license));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
