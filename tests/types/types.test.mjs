// Compiles the files beside this one against our declarations and against the published client's, as projects of
// every kind see them: what is expected of ours is thereby known to be true of the other. A test per `//# title`.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const work = join(root, "tests/.work/types");

const packages = {
  "socketio-client-wasm": join(root, "client-wasm/js"),
  "socket.io-client": join(root, "tests/node_modules/socket.io-client"),
};

// How projects find a package's declarations, and the extension that says what kind of module they write.
const { ModuleKind, ModuleResolutionKind: Resolution } = ts;
const kinds = {
  "node16, ES modules": [".mts", { module: ModuleKind.Node16, moduleResolution: Resolution.Node16 }],
  "node16, CommonJS": [".cts", { module: ModuleKind.Node16, moduleResolution: Resolution.Node16 }],
  bundler: [".ts", { module: ModuleKind.ESNext, moduleResolution: Resolution.Bundler }],
  "node10, CommonJS": [".ts", { module: ModuleKind.CommonJS, moduleResolution: Resolution.Node10 }],
};

// Both packages know all of `common`; ours is also at home where the others are not.
const common = ["typed-events", "transports"];
const files = { "socketio-client-wasm": [...common, "additions"], "socket.io-client": common };

/** A folder with a project that has nothing but the package installed. */
function project(name) {
  const folder = join(work, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(packages[name], join(folder, "node_modules", name));
  writeFileSync(join(folder, "package.json"), "{}");
  return folder;
}

const read = (file) => readFileSync(join(here, `${file}.ts`), "utf8");

/** `{ title, file, line }` of each section. */
function sections(file) {
  const found = [];
  read(file).split("\n").forEach((text, line) => {
    const [, title] = /^\/\/# (.*)$/.exec(text) ?? [];
    if (title) found.push({ title, file, line });
  });
  return found;
}

const libraries = new Map();

/** Reads TypeScript's own declarations once only: they are most of the work. */
function host(settings) {
  const host = ts.createCompilerHost(settings);
  const { getSourceFile } = host;
  host.getSourceFile = (path, ...rest) => {
    if (!/\/typescript\/lib\/lib\./.test(path)) return getSourceFile(path, ...rest);
    if (!libraries.has(path)) libraries.set(path, getSourceFile(path, ...rest));
    return libraries.get(path);
  };
  return host;
}

/** What the compiler finds: `{ file, line, text }`, `file` being null for what is not in one of ours. */
function compile(name, kind, lib) {
  const folder = project(name);
  const [extension, options] = kinds[kind];
  const paths = files[name].map((file) => {
    const path = join(folder, file + extension);
    writeFileSync(path, read(file).replaceAll('"PACKAGE"', JSON.stringify(name)));
    return path;
  });
  const settings = {
    ...options,
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    lib,
    types: [],
    esModuleInterop: true,
    // Declarations are checked too, but not TypeScript's own.
    skipLibCheck: false,
    skipDefaultLibCheck: true,
  };
  const program = ts.createProgram(paths, settings, host(settings));
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const at = paths.indexOf(diagnostic.file?.fileName);
    const { line = 0 } = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start) ?? {};
    const where = diagnostic.file ? `${diagnostic.file.fileName}:${line + 1}: ` : "";
    const text = `${name}, ${kind}: ${where}${ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")}`;
    return { file: at < 0 ? null : files[name][at], line, text };
  });
}

const list = (found) => [...new Set(found.map(({ text }) => text))].join("\n");

const DOM = ["lib.es2022.d.ts", "lib.dom.d.ts"];
const diagnostics = [];
for (const name of Object.keys(packages)) {
  for (const kind of Object.keys(kinds)) diagnostics.push(...compile(name, kind, DOM));
}
// Ours without a DOM too.
diagnostics.push(...compile("socketio-client-wasm", "node16, ES modules", ["lib.es2022.d.ts"]));

describe("both packages", () => {
  const all = files["socketio-client-wasm"].flatMap(sections);
  const sectionOf = ({ file, line }) => all.findLast((section) => section.file === file && section.line <= line);

  for (const section of all) {
    test(section.title, () => {
      const wrong = diagnostics.filter((diagnostic) => sectionOf(diagnostic) === section);
      assert.equal(list(wrong), "");
    });
  }

  test("declarations without errors, found by projects of every kind", () => {
    const wrong = diagnostics.filter((diagnostic) => !sectionOf(diagnostic));
    assert.equal(list(wrong), "");
  });
});
