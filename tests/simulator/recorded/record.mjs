// Records anew: `node tests/simulator/recorded/record.mjs [NAME..]`, after `npm ci` in tests. Prints which recordings have changed.
//
// A recording is its own script. What the client does (`1 > …`), the server's application (`! …`) and the time (`! time MS`) are
// played; what the server answers (`1 < …`) is written anew.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { play } from "./play.mjs";

const folder = new URL("./", import.meta.url);

/** By name: text. */
export const recordings = () =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".txt"))
    .map((file) => [file.slice(0, -".txt".length), readFileSync(new URL(file, folder), "utf8")]);

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const wanted = process.argv.slice(2);
  for (const [name, before] of recordings()) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const after = await play(before);
    if (after !== before) console.log(`${name} has changed`);
    writeFileSync(new URL(`${name}.txt`, folder), after);
  }
}
