// The programs that are measured: those of an earlier commit, and today's; and their server.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");

export const run = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options }).trim();

/** Builds `bench-peers` of a tree, and returns the folder of its binaries. Valgrind knows no way to the clocks but libc's. */
function build(tree, target) {
  const env = { ...process.env, CARGO_TARGET_DIR: target };
  const manifest = join(tree, "tests/bench-peers/Cargo.toml");
  const features = "ours,rustix/use-libc";
  run("cargo", ["build", "--release", "--quiet", "--manifest-path", manifest, "--bins", "--features", features], { env });
  return join(target, "release");
}

/** Calls `use` with the folders of the binaries `before` and `now`, the server's `url`, and a folder to `work` in. */
export async function withPrograms(commit, use) {
  const work = mkdtempSync(join(tmpdir(), "bench-outbox-"));
  const base = join(work, "base");
  const ends = [() => rmSync(work, { recursive: true, force: true })];
  try {
    run("git", ["-C", root, "worktree", "add", "--detach", "--quiet", base, commit]);
    ends.unshift(() => run("git", ["-C", root, "worktree", "remove", "--force", base]));
    const target = process.env.CARGO_TARGET_DIR ?? join(here, "target");
    const before = build(base, join(target, "before"));
    const now = build(root, join(target, "now"));
    const env = { ...process.env, CARGO_TARGET_DIR: join(target, "now") };
    run("cargo", ["build", "--release", "--quiet", "--manifest-path", join(here, "Cargo.toml")], { env });
    const server = spawn(join(now, "server"), { stdio: ["ignore", "pipe", "inherit"] });
    ends.unshift(() => server.kill());
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const url = `http://127.0.0.1:${(await lines.next()).value}`;
    await use({ before, now, url, work });
  } finally {
    for (const end of ends) end();
  }
}

/** What was measured, and on what. */
export function conditions(base) {
  const rustc = run("rustc", ["--version"]).split(" ")[1];
  const commit = run("git", ["-C", root, "rev-parse", "--short", "HEAD"]);
  const machine = `${cpus().length} x ${cpus()[0].model.split(" ").slice(0, 2).join(" ")}`;
  return `${new Date().toISOString().slice(0, 10)}, commit ${commit}, before: ${base}, ${machine}, Rust ${rustc}`;
}

/** Prints a table, and writes it into the README between its mark and the next one. */
export function publish(mark, table) {
  console.log(`\n${table}`);
  const readme = join(here, "README.md");
  const text = readFileSync(readme, "utf8");
  const begin = text.indexOf(mark) + mark.length;
  const next = text.indexOf("<!-- ", begin);
  const rest = next < 0 ? "" : `\n${text.slice(next)}`;
  writeFileSync(readme, `${text.slice(0, begin)}\n\n${table}\n${rest}`);
}
