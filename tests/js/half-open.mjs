// A proxy that ends connections on one side only, as a network that is gone does.
import { connect, createServer } from "node:net";

/**
 * `{ url, port, down, cut }`: to `port`, which is set afterwards; while `down` is set there is no way. `cut()` ends the
 * client's side of each connection, and the server hears nothing of it.
 */
export async function halfOpener(t) {
  const pairs = [];
  const ends = [];
  const at = {};
  const proxy = createServer((client) => {
    if (at.down) return client.resetAndDestroy();
    const server = connect(at.port, "127.0.0.1");
    pairs.push(client);
    ends.push(client, server);
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on("data", (data) => to.destroyed || to.write(data));
      from.on("error", () => {});
      // Or a close frame waits until what was written before it is confirmed, and another connection overtakes it.
      from.setNoDelay(true);
    }
    client.on("end", () => server.end());
    server.on("close", () => client.destroy());
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const cut = () => pairs.splice(0).forEach((client) => client.resetAndDestroy());
  t.after(() => {
    proxy.close();
    for (const end of ends) end.destroy();
  });
  return Object.assign(at, { url: `http://127.0.0.1:${proxy.address().port}`, cut });
}
