// How the middleware is put beside a server: what it says to those who forget half of it, and how the package offers it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "socket.io";
import * as socketIoParser from "socket.io-parser";
import ts from "typescript";
import { exactlyOnce, memoryStore } from "../../client-wasm/js/server/index.js";
import { delivery, Link, onceServer } from "./delivery.mjs";
import { until } from "./server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const packageRoot = join(here, "../../client-wasm/js");

test("a server without its parser is refused", () => {
  const once = exactlyOnce();
  assert.throws(() => once.install(new Server()), /new Server\(http, \{ parser: once\.parser \}\)/);
  assert.throws(() => once.install(new Server({ parser: exactlyOnce().parser })), /another parser/);
  assert.throws(() => once.install({}), /takes a Socket\.IO server/);
  const io = new Server({ parser: once.parser });
  assert.equal(once.install(io), io);
  assert.throws(() => once.install(io), /already/);
});

test("a parser without `install` is told of, once", async (t) => {
  const errors = [];
  const once = exactlyOnce({ onError: (error) => errors.push(error.message) });
  const http = createServer();
  const io = new Server(http, { parser: once.parser });
  io.on("connection", (socket) => socket.on("op", (ack) => ack("plain")));
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => io.close());
  for (let i = 0; i < 2; i += 1) {
    const link = await Link.open(t, http.address().port, delivery("one"));
    link.emit(0, "op");
    assert.deepEqual(await link.answer(0), ["plain"]);
  }
  assert.equal(errors.length, 1);
  assert.match(errors[0], /install\(io\) was not called/);
});

test("options that make no sense are refused by name", () => {
  const wrong = {
    leases: [1000],
    ttl: [0, -1, "1000", NaN, Infinity, 1000],
    lease: [0, null, {}],
    handlerTimeout: [0, "x"],
    inDoubt: ["maybe", true],
    user: ["ann", {}],
    onError: [1],
    store: [{}, "memory", memoryStore],
    parser: [{}, { Encoder: class {} }],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) assert.throws(() => exactlyOnce({ [name]: value }), new RegExp(`option "${name}"`), name);
  }
  exactlyOnce({ parser: socketIoParser, store: memoryStore(), user: undefined, ttl: 30_000.5 });
});

test("it is before the application's own listeners, whenever they were added", async (t) => {
  const order = [];
  const http = createServer();
  const once = exactlyOnce();
  const io = new Server(http, { parser: once.parser });
  io.of("/early").use((_socket, next) => next());
  const behave = (socket) => {
    socket.use((_event, next) => (order.push("application"), next()));
    socket.on("op", (ack) => ack(typeof ack.deliveryKey));
  };
  io.on("connect", behave);
  io.of("/early").on("connect", behave);
  once.install(io);
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => io.close());
  for (const namespace of ["/", "/early"]) {
    const link = await Link.open(t, http.address().port, delivery("one"), { namespace });
    for (let i = 0; i < 2; i += 1) {
      link.emit(0, "op");
      await until(() => link.answers(0).length === i + 1);
    }
    assert.deepEqual(link.answers(0), [["string"], ["string"]]);
  }
  // It does not see what comes again.
  assert.deepEqual(order, ["application", "application"]);
});

test("errors are told by a warning where no `onError` is given", async (t) => {
  const warned = new Promise((resolve) => process.once("warning", resolve));
  const store = { open: () => ({ join: () => Promise.reject(new Error("the store is away")) }) };
  const { port } = await onceServer(t, undefined, { store, onError: undefined });
  const link = await Link.open(t, port, delivery("one"));
  const { name, message } = await warned;
  assert.deepEqual([name, message], ["Error", "the store is away"]);
  await link.closed;
});

/** A project that has the package, as built, and what a server needs. */
function project(t) {
  mkdirSync(join(here, "../.work/tmp"), { recursive: true });
  const folder = mkdtempSync(join(here, "../.work/tmp/server-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(packageRoot, join(folder, "node_modules/socketio-client-wasm"));
  for (const name of ["socket.io", "ioredis", "@redis"]) {
    symlinkSync(join(here, "../node_modules", name), join(folder, "node_modules", name));
  }
  return folder;
}

const program = `
  const once = exactlyOnce({ store: memoryStore() });
  const io = once.install(new Server({ parser: once.parser }));
  console.log(typeof redisStore, io instanceof Server, Object.keys(once.stats).length > 5);
`;
const names = "{ exactlyOnce, memoryStore, redisStore }";
const programs = {
  "import.mjs": `import { Server } from "socket.io"; import ${names} from "socketio-client-wasm/server"; ${program}`,
  "require.cjs": `const { Server } = require("socket.io"); const ${names} = require("socketio-client-wasm/server"); ${program}`,
};

test("import and require", (t) => {
  assert.ok(existsSync(join(packageRoot, "dist/server.mjs")), "client-wasm/js/dist is not built: tests/run only package");
  const folder = project(t);
  for (const [file, text] of Object.entries(programs)) {
    writeFileSync(join(folder, file), text);
    assert.equal(execFileSync(process.execPath, [file], { cwd: folder, encoding: "utf8" }), "function true true\n", file);
  }
});

const typed = `
  import { createServer } from "http";
  import { Server } from "socket.io";
  import { Redis } from "ioredis";
  import { createClient } from "@redis/client";
  import { exactlyOnce, memoryStore, redisStore, type Acknowledge } from "socketio-client-wasm/server";

  exactlyOnce();
  exactlyOnce({ store: memoryStore({ maxBytes: 1e6, clientBytes: 1e5 }), inDoubt: "fail" });
  exactlyOnce({ store: redisStore(createClient()), ttl: 1, lease: 1, handlerTimeout: 1, onError: (error) => error.message });
  const once = exactlyOnce({ store: redisStore(new Redis(), { prefix: "x:" }), user: (socket) => socket.handshake.auth.name as string });
  const io: Server<{ op: (n: number, ack: Acknowledge<[number]>) => void }> = once.install(
    new Server(createServer(), { parser: once.parser }),
  );
  io.on("connection", (socket) => {
    socket.on("op", (n, ack) => {
      const key: string | undefined = ack.deliveryKey;
      ack(n + (key ?? "").length);
    });
  });
  const counted: number = once.stats.run;
  // @ts-expect-error
  exactlyOnce({ inDoubt: "maybe" });
  // @ts-expect-error
  exactlyOnce({ leases: 1 });
  // @ts-expect-error
  redisStore({});
`;

test("types, for import and require", (t) => {
  const folder = project(t);
  symlinkSync(join(here, "../node_modules/@types"), join(folder, "node_modules/@types"));
  const { ModuleKind, ModuleResolutionKind: Resolution } = ts;
  const kinds = [
    { files: ["a.mts", "b.cts"], module: ModuleKind.Node16, moduleResolution: Resolution.Node16 },
    { files: ["c.ts"], module: ModuleKind.ESNext, moduleResolution: Resolution.Bundler },
    { files: ["d.ts"], module: ModuleKind.CommonJS, moduleResolution: Resolution.Node10 },
  ];
  for (const { files, ...options } of kinds) {
    const paths = files.map((file) => join(folder, file));
    for (const path of paths) writeFileSync(path, typed);
    const program = ts.createProgram(paths, {
      ...options,
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      types: ["node"],
      typeRoots: [join(folder, "node_modules/@types")],
      esModuleInterop: true,
      preserveSymlinks: true,
    });
    // Of these files and of ours: all that they import takes long.
    const ours = join(folder, "node_modules/socketio-client-wasm/");
    const read = program.getSourceFiles().filter(({ fileName }) => paths.includes(fileName) || fileName.startsWith(ours));
    assert.ok(read.length > paths.length, "our declarations are among them");
    const found = [
      ...program.getOptionsDiagnostics(),
      ...program.getGlobalDiagnostics(),
      ...read.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
    ];
    const texts = found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    assert.deepEqual(texts, [], files.join());
  }
});
