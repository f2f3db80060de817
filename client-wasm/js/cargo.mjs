// Runs cargo for scripts that need what it has built.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Runs a program in the checkout's root. What it prints. */
export function run(command, args) {
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

/** Runs cargo, and returns the artifact that its messages name for this target. */
export function cargo(command, args, name, suffix) {
  const output = run(command, [...args, "--quiet", "--message-format=json-render-diagnostics"]);
  for (const line of output.split("\n")) {
    const message = line.startsWith("{") ? JSON.parse(line) : {};
    if (message.reason !== "compiler-artifact" || message.target.name !== name) continue;
    const file = message.filenames.find((path) => path.endsWith(suffix));
    if (file) return file;
  }
  throw new Error(`cargo built no ${name}${suffix}`);
}
