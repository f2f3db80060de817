// What is in the tarball: what users need, whole, and nothing else.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ours, project } from "./project.mjs";

const allowed = [
  /^(package\.json|README\.md|LICENSE-(MIT|APACHE))$/,
  /^dist\/(index|node)\.[mc]js(\.map)?$/,
  /^dist\/(separate|outbox)\.mjs(\.map)?$/,
  /^dist\/socket\.io(\.esm)?\.min\.js(\.map)?$/,
  /^dist\/socket\.io\.wasm$/,
  /^(types|dist\/cjs)\/\w+\.d\.ts$/,
  /^dist\/cjs\/package\.json$/,
  /^dist\/server\.[mc]js(\.map)?$/,
  /^server\/index\.d\.ts$/,
];

const files = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

/** Every path in an `exports` map. */
const paths = (map) => (typeof map === "string" ? [map] : Object.values(map).flatMap(paths));

if (ours) {
  test("the tarball", async (t) => {
    const { folder, installed } = await project(t, {});
    const found = files(installed);
    for (const file of found) assert.ok(allowed.some((pattern) => pattern.test(file)), `${file} is nothing for users`);
    for (const pattern of allowed) assert.ok(found.some((file) => pattern.test(file)), `nothing is like ${pattern}`);

    const { exports, main, module, types, unpkg, jsdelivr } = JSON.parse(readFileSync(join(installed, "package.json")));
    for (const path of [...paths(exports), main, module, types, unpkg, jsdelivr]) {
      if (!path.includes("*")) assert.ok(existsSync(join(installed, path)), `${path} is there`);
    }

    for (const file of found.filter((name) => /\.[mc]?js$/.test(name))) {
      const text = readFileSync(join(installed, file), "utf8");
      const [, name] = text.match(/\n\/\/# sourceMappingURL=(\S+)\s*$/);
      const map = JSON.parse(readFileSync(join(installed, file, "..", name)));
      assert.equal(map.sources.length, map.sourcesContent.length);
      assert.ok(map.sourcesContent.every((content) => content?.length > 0), `${file}: sources are in the map`);
      assert.ok(map.sources.every((source) => !source.startsWith("/")), `${file}: no path of a machine`);
      assert.doesNotMatch(text, /\beval\(|new Function\(/, file);
    }

    const packages = readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."));
    assert.deepEqual(packages, ["socketio-client-wasm"], "nothing else is installed");
  });
}
