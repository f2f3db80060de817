// What was measured, printed, and kept for `tests/run`.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../client-wasm/js/cargo.mjs";

const work = join(root, "tests/.work");

/** Writes a table, its first row the head, or without rows `text`. */
export function publish(name, title, rows, text = "") {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const [head, ...body] = rows;
  const table = rows.length === 0 ? [] : [line(head), line(head.map(() => "---")), ...body.map(line)];
  const lines = [title, "", ...table, ...(text ? [text] : []), ""].join("\n");
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, `${name}.md`), lines);
  console.log(lines);
}
