// Our codec: `ours.rs`, one process for all questions.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cargo } from "../../client-wasm/js/cargo.mjs";

export const build = () => cargo("cargo", ["build", "-p", "tests", "--example", "differential"], "differential", "");

/** Asks everything at once; `questions` are lines of JSON. The answers, in the same order. */
export async function ask(program, questions) {
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  child.stdin.on("error", () => {}); // The process says by its status that it has ended.
  child.stdin.end(questions.map((question) => `${question}\n`).join(""));
  const chunks = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  const [status] = await ended;
  const lines = Buffer.concat(chunks).toString().split("\n").slice(0, -1);
  if (status !== 0 || lines.length !== questions.length) {
    throw new Error(`${lines.length} of ${questions.length} answers, status ${status}; then: ${questions[lines.length]}`);
  }
  return lines.map((line) => JSON.parse(line));
}
