// Compiles an example of client-wasm for tests, and binds it for Node or a browser.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cargo, root, run } from "../../client-wasm/js/cargo.mjs";

/** Builds an example of a crate of the host. Returns the program's path. */
export function buildNative(name, crate) {
  return cargo("cargo", ["build", "-p", crate, "--example", name], name, "");
}

/** Builds the example `name`; `target` is `node` or `web`. Returns the module's path. */
export function build(name, target, ...features) {
  const packages = ["-p", "socketio-client-wasm", "--example", name];
  const wasm = cargo("tests/wasm-cargo", ["build", ...packages, ...features], name, ".wasm");
  const bind = cargo("cargo", ["build", "-p", "tests", "--bin", "wasm-bind"], "wasm-bind", "");
  const output = join(root, "tests/.work/wasm", `${name}-${target}`);
  mkdirSync(output, { recursive: true });
  run(bind, [wasm, output, target]);
  return join(output, `${name}.js`);
}
