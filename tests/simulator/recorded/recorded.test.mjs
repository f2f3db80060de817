// The server that is installed answers as the one did that was recorded: a new version that does otherwise is noticed here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { play } from "./play.mjs";
import { recordings } from "./record.mjs";

for (const [name, recorded] of recordings()) {
  test(`${name}: the server answers as it did`, async () => {
    assert.equal(await play(recorded), recorded);
  });
}
