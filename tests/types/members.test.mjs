// The declarations say what is there: nothing that the module lacks, and nothing less than it has; and all that the
// published client declares.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { client, createManager, upstream } from "../js/client.mjs";
import { once, sioServer } from "../js/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const indexes = {
  ours: join(here, "../../client-wasm/js/types/index.d.ts"),
  published: join(here, "../node_modules/socket.io-client/build/esm/index.d.ts"),
};
const program = ts.createProgram(Object.values(indexes), {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  strict: true,
  types: [],
});
const checker = program.getTypeChecker();

/** What a package's declarations export: symbols by name. */
function exported(index) {
  const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(index)));
  const resolve = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  return new Map(symbols.map((symbol) => [symbol.name, resolve(symbol)]));
}

const ours = exported(indexes.ours);
const published = exported(indexes.published);
const values = (symbols) => [...symbols].filter(([, symbol]) => symbol.flags & ts.SymbolFlags.Value).map(([name]) => name);

const typeOf = (symbols, name) => checker.getDeclaredTypeOfSymbol(symbols.get(name));
/** The class of `manager.engine`. */
const engineOf = (symbols) => checker.getTypeOfPropertyOfType(typeOf(symbols, "Manager"), "engine");

const accessOf = (symbol) => ts.getCombinedModifierFlags(symbol.declarations[0]);
const isPublic = (symbol) =>
  !symbol.name.startsWith("_") && !(accessOf(symbol) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected));
const names = (type, wanted = () => true) => checker.getPropertiesOfType(type).filter(wanted).map(({ name }) => name);

/** All that can be reached on an object, without what objects have anyway. */
function reachable(object) {
  const found = new Set();
  for (let at = object; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) found.add(name);
  }
  found.delete("constructor");
  return [...found];
}

const missing = (wanted, there) => wanted.filter((name) => !there.includes(name)).sort();

test("all that the published client declares", () => {
  assert.deepEqual(missing([...published.keys()], [...ours.keys()]), []);
  for (const name of ["Socket", "Manager", "ManagerOptions", "SocketOptions", "ManagerReservedEvents"]) {
    assert.deepEqual(missing(names(typeOf(published, name), isPublic), names(typeOf(ours, name))), [], name);
  }
  assert.deepEqual(missing(names(engineOf(published), isPublic), names(engineOf(ours))), [], "engine");
});

test("exports", () => {
  assert.deepEqual(missing(values(ours), Object.keys(client)), []);
  assert.deepEqual(missing(Object.keys(client), values(ours)), []);
  for (const name of ["io", "connect", "Manager", "Socket"]) assert.equal(typeof client.io[name], "function");
});

// Of the published client's members only some are declared, and some of ours are additions.
for (const name of upstream ? [] : ["Socket", "Manager", "engine"]) {
  test(`members of ${name}`, async (t) => {
    const { url } = await sioServer(t);
    const manager = createManager(t, url, { autoConnect: false });
    const socket = manager.socket("/");
    socket.connect();
    await once(socket, "connect");
    const object = { Socket: socket, Manager: manager, engine: manager.engine }[name];
    const type = name === "engine" ? engineOf(ours) : typeOf(ours, name);
    // Declared: there.
    assert.deepEqual(names(type).filter((member) => !(member in object)).sort(), []);
    // There: declared, unless it says by its name that it is nobody's business.
    assert.deepEqual(missing(reachable(object), names(type)).filter((member) => !member.startsWith("_")), []);
  });
}
