// python-socketio, in an environment of its own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "../../client-wasm/js/cargo.mjs";

const place = join(root, "tests/.work/python");
const requirements = join(root, "tests/cuts/requirements.txt");
const script = join(root, "tests/servers/exactly_once.py");

/** The command line of the server; installed where it is not yet. */
export function python() {
  const interpreter = join(place, "bin/python");
  if (!existsSync(interpreter)) run("python3", ["-m", "venv", place]);
  // Says nothing where all is there.
  run(interpreter, ["-m", "pip", "install", "--quiet", "--no-deps", "--requirement", requirements]);
  return [interpreter, script];
}
