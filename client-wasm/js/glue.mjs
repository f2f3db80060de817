// wasm-bindgen's glue suits every type and every engine. For the build: without what this package does not need of it.
import { readFileSync } from "node:fs";

/** From here to the end there are its helpers. */
const HELPERS = "const CoreFinalization =";

/**
 * Its version is pinned. Still each rule has to find something: after an update of wasm-bindgen the build ends here rather
 * than with other code.
 */
const RULES = [
  [/\/\*\*[^]*?\*\//g, ""],
  // Only the collector frees a core.
  [/__destroy_into_raw\(\) \{[^]*?\n {4}free\(\) \{[^]*?\n {4}\}\n/, ""],
  [/if \(Symbol\.dispose\).*/, ""],
  [/register\(this, (this\.__wbg_ptr), this\);\s*return this;/, "register(this, $1);"],
  // Only the module's start calls it.
  [/export function loaded\(\) \{[^]*?\n\}\n/, ""],
  // There is no memory, and no number, beyond 2^31; and what is to be a number is one.
  [/ >>> 0/g, ""],
  [/(const val\d+ = )\+/g, "$1"],
  [/, wasm\.__wbindgen_malloc(, wasm\.__wbindgen_realloc)?/g, ""],
  // Where it is only asked whether: 0 and 1 say it as well.
  [/(wasm\.core_.*\n\s*return ret) !== 0;/g, "$1;"],
  [/(arg\d) !== 0/g, "$1"],
  // What Rust gets by reference: a pointer and a length.
  [
    /getDataViewMemory0\(\)\.setInt32\(\(?(\w+)\)? \+ 4 \* 1, (\w+), true\);\s*getDataViewMemory0\(\)\.setInt32\(.*?, (\w+), true\);/g,
    "answer($1, $3, $2);",
  ],
];

/** A value that stands in a name until it is used, which is once and in the same order. */
const NAMED = /(?:const |var )?\b((?:val|ptr|len)\d) = ([^;]+);\s*([^{}]*?)\b\1\b/;

/** The glue with what `src/glue.js` has in the place of its helpers. */
export function tidied(glue) {
  const at = glue.indexOf(HELPERS);
  let text = glue.slice(0, at);
  for (const [pattern, replacement] of RULES) {
    if (at < 0 || text.search(pattern) < 0) throw new Error(`wasm-bindgen's glue has changed: there is no ${pattern}`);
    text = text.replace(pattern, replacement);
  }
  while (NAMED.test(text)) text = text.replace(NAMED, "$3$2");
  const helpers = readFileSync(new URL("src/glue.js", import.meta.url), "utf8");
  for (const [, name] of glue.slice(at).matchAll(/^(?:function|let|const) (\w+)/gm)) {
    const missing = text.includes(name) && !new RegExp(`^(?:const|let|function) ${name}\\b`, "m").test(helpers);
    if (missing) throw new Error(`src/glue.js has no ${name}`);
  }
  return text + helpers;
}
