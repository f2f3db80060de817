// Compiles an example of client-wasm for tests, and binds it for Node or a browser.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../page/harness.mjs";

function run(command, args) {
  const { status, stdout, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
  return stdout;
}

const messages = ["--quiet", "--message-format=json-render-diagnostics"];

/** The file that cargo's messages name for this target. */
function artifact(output, name, suffix) {
  for (const line of output.split("\n")) {
    const message = line.startsWith("{") ? JSON.parse(line) : {};
    if (message.reason !== "compiler-artifact" || message.target.name !== name) continue;
    const file = message.filenames.find((path) => path.endsWith(suffix));
    if (file) return file;
  }
  throw new Error(`cargo built no ${name}${suffix}`);
}

/** Builds an example of a crate of the host. Returns the program's path. */
export function buildNative(name, crate) {
  return artifact(run("cargo", ["build", "-p", crate, "--example", name, ...messages]), name, "");
}

/** Builds the example `name`; `target` is `node` or `web`. Returns the module's path. */
export function build(name, target, ...features) {
  const packages = ["-p", "socketio-client-wasm", "--example", name];
  const wasm = artifact(run("tests/wasm-cargo", ["build", ...packages, ...features, ...messages]), name, ".wasm");
  const bind = artifact(run("cargo", ["build", "-p", "tests", "--bin", "wasm-bind", ...messages]), "wasm-bind", "");
  const output = join(root, "tests/.work/wasm", `${name}-${target}`);
  mkdirSync(output, { recursive: true });
  run(bind, [wasm, output, target]);
  return join(output, `${name}.js`);
}
