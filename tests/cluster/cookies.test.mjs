// Polling by balancers that know clients by a cookie: all requests come to the server that has the session.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Proxy } from "../cuts/proxy.mjs";
import { Client } from "./client.mjs";
import { startCluster } from "./cluster.mjs";

const CUTS = 5;

for (const front of ["haproxy-cookie", "nginx-cookie"]) {
  test(`polling stays with its server by ${front}, until that is gone`, async (t) => {
    const cluster = await startCluster();
    t.after(() => cluster.stop());
    const proxy = await new Proxy(Number(new URL(cluster.fronts[front]).port)).listen();
    t.after(() => proxy.close());
    const options = ["--transports", "polling", "--seams"];
    const client = await Client.connect(t, `http://127.0.0.1:${proxy.port}/`, { options });
    const { node } = await client.who();
    for (let cut = 1; cut <= CUTS; cut += 1) {
      // A cut ends the session, unless it comes between two requests. The next session begins at the same server.
      await client.until("its end", () => {
        if (client.of("disconnect").length >= cut) return true;
        for (const link of proxy.links) link.reset();
      });
      await client.until("its return", () => client.of("connect").length > cut);
      assert.deepEqual(await client.who().then(({ node, transport }) => [node, transport]), [node, "polling"]);
    }
    // Without the cookie one request in two would go astray.
    assert.equal(client.of("connect").length, CUTS + 1);
    assert.equal(client.of("disconnect").length, CUTS);

    await cluster.nodes.find(({ name }) => name === node).kill();
    await client.until("its return", () => client.of("connect").length > CUTS + 1);
    const place = await client.who();
    assert.notEqual(place.node, node);
    assert.equal(client.of("gap").at(-1).recovered, false);
    // It stays there.
    assert.deepEqual(await client.who(), place);
    assert.equal(client.of("connect").length, CUTS + 2);
  });
}
