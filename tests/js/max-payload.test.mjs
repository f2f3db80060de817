// What a server sends beyond `maxPayload`.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { client, createManager, upstream } from "./client.mjs";

const only = { skip: upstream && "it has no such limits" };

/** The error of the first attempt with a server that answers like that. */
async function refused(t, transport, maxPayload, answer) {
  const server = http.createServer((request, response) => answer(response));
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const manager = createManager(t, `http://127.0.0.1:${server.address().port}`, {
    transports: [transport],
    maxPayload,
    reconnection: false,
    autoConnect: false,
  });
  return new Promise((resolve) => manager.open(resolve));
}

const page = (response) => response.writeHead(503, { "Retry-After": "1" }).end("x".repeat(5000));

for (const [name, transport] of Object.entries({ polling: "polling", Fetch: client.Fetch })) {
  test(`a page of an error may be longer: its status is told, ${name}`, only, async (t) => {
    const error = await refused(t, transport, 2000, page);
    assert.equal(error.description, 503);
  });

  test(`null is the default, ${name}`, only, async (t) => {
    const error = await refused(t, transport, null, page);
    assert.equal(error.description, 503);
  });

  test(`an answer may not be longer, ${name}`, only, async (t) => {
    const error = await refused(t, transport, 2000, (response) => response.end("x".repeat(5000)));
    assert.match(`${error.description?.message ?? error.description}`, /2000 bytes/);
  });
}
