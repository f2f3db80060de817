// Rooms, broadcasts and the devices of one user on different servers, through both balancers.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connectToEach } from "./client.mjs";
import { startCluster } from "./cluster.mjs";

let cluster;
before(async () => {
  cluster = await startCluster();
});
after(() => cluster?.stop());

/** Which front, and how to come to each server by it. */
const ways = [
  { front: "haproxy", transport: "websocket" },
  { front: "haproxy-cookie", transport: "websocket" },
  { front: "nginx", transport: "websocket" },
  // The requests of a session have to come to one server: by the balancer's cookie.
  { front: "haproxy-cookie", transport: "polling" },
  { front: "nginx-cookie", transport: "polling" },
];

/** Clients of that user, one on each server. */
const devices = (t, { front, transport }, user) =>
  connectToEach(t, cluster.nodes, cluster.fronts[front], () => ({ user, options: ["--transports", transport] }));

for (const way of ways) {
  describe(`${way.transport} through ${way.front}`, () => {
    test("rooms, broadcasts and private messages pass from server to server", async (t) => {
      const [ann, annToo] = await devices(t, way, "ann");
      const [bob, cid] = await devices(t, way, "bob");
      const places = await Promise.all([ann, annToo, bob, cid].map((client) => client.who()));
      assert.deepEqual(places.map(({ node, transport }) => `${node} ${transport}`), [
        `n0 ${way.transport}`,
        `n1 ${way.transport}`,
        `n0 ${way.transport}`,
        `n1 ${way.transport}`,
      ]);
      const everybody = [ann, annToo, bob, cid];

      // To everybody, and to all but the sender.
      ann.emit("all", "news", 1);
      cid.emit("others", "news", 2);
      // To a room with members on both servers.
      await Promise.all([ann, cid].map((client) => client.call("join", "red")));
      bob.emit("to", "red", "red", "hello");
      // To every device of one user, and to one of them.
      bob.emit("tell", "ann", "private", "psst");
      ann.emit("to", places[3].id, "private", "you alone");
      // Bytes, which Redis has to carry too.
      bob.emit("to", "red", "bytes", { $bytes: Buffer.from([0, 255]).toString("base64") });

      const seen = (client) => ["news", "red", "private", "bytes"].flatMap((name) => client.events(name, 1));
      const bytes = [{ $bytes: "AP8=" }];
      const expected = [
        [[1], [2], ["hello"], ["psst"], bytes],
        [[1], [2], ["psst"]],
        [[1], [2]],
        [[1], ["hello"], ["you alone"], bytes],
      ];
      // The order in which two servers' events come is nobody's promise.
      const sorted = (list) => [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
      await Promise.all(
        everybody.map((client, at) => client.until("its events", () => seen(client).length >= expected[at].length)),
      );
      // What else there was is there before this, from either server.
      ann.emit("all", "end", 1);
      cid.emit("all", "end", 2);
      await Promise.all(everybody.map((client) => client.until("the end", () => client.events("end", 1).length === 2)));
      everybody.forEach((client, at) => assert.deepEqual(sorted(seen(client)), sorted(expected[at]), client.user));
    });

    test("a question to a room is answered by its members on all servers", async (t) => {
      const [one, two] = await devices(t, way, "dan");
      // Another one each time: a polling client that was killed stays in its rooms until its heartbeat fails.
      const jury = `jury of ${way.front} ${way.transport}`;
      await Promise.all([one, two].map((client) => client.call("join", jury)));
      for (const [at, client] of [one, two].entries()) {
        client.child.on("line", ({ event, ack }) => event === "question" && client.child.send({ ack, args: [at] }));
      }
      const [error, answers] = await one.call("poll", jury);
      assert.equal(error, null);
      assert.deepEqual([...answers].sort(), [0, 1]);
    });
  });
}

test("a room that was left stays silent, whichever server that was on", async (t) => {
  const [one, two] = await devices(t, ways[0], "eve");
  await Promise.all([one, two].map((client) => client.call("join", "blue")));
  await two.call("leave", "blue");
  one.emit("all", "before", 1);
  cluster.nodes[0].send({ emit: ["blue", 1], to: "blue" });
  cluster.nodes[0].send({ emit: ["end", 1] });
  await Promise.all([one, two].map((client) => client.until("the end", () => client.events("end", 1).length === 1)));
  assert.deepEqual([one, two].map((client) => client.events("blue", 1).length), [1, 0]);
});
