// Defects of the published client in what it changes and keeps. See defects.mjs; for pages see ../page/memory.test.mjs.
import { scripted, until } from "../servers/puppet.mjs";
import { collected, defect, usedAndLeft } from "./defects.mjs";

defect(
  18,
  "the caller's options are written to",
  async ({ t, client }) => {
    const server = await scripted(t);
    const options = { forceNew: true, transports: ["websocket"] };
    const socket = client.io(`${server.url}/?room=1`, options);
    await (await server.websocket()).join("S");
    await until(() => socket.connected);
    socket.disconnect();
    return Object.keys(options).sort();
  },
  {
    upstream: ["forceNew", "hostname", "path", "port", "query", "secure", "transports"],
    ours: ["forceNew", "transports"],
  },
);

// By reading in the list of defects; it can be seen here.
defect(
  18,
  "the cookies of each session are added to the caller's headers",
  async ({ t, connect, clock }) => {
    const server = await scripted(t, { upgrades: ["websocket"] });
    const time = clock();
    const extraHeaders = { "x-test": "1" };
    const socket = connect(server.url, { transports: ["polling", "websocket"], withCredentials: true, extraHeaders });
    const cookies = [];
    for (let session = 1; session <= 3; session += 1) {
      const poll = await server.polling({}, { "set-cookie": "who=me" });
      await poll.join(`S${session}`);
      await until(() => socket.connected);
      const probe = await server.bareWebsocket();
      cookies.push(probe.request.headers.cookie);
      poll.send("1");
      await until(() => socket.disconnected);
      await time.advance(2000);
    }
    return { cookies, headers: Object.keys(extraHeaders) };
  },
  {
    upstream: {
      cookies: ["who=me", "who=me; who=me", "who=me; who=me; who=me"],
      headers: ["x-test", "cookie"],
    },
    ours: { cookies: ["who=me", "who=me", "who=me"], headers: ["x-test"] },
  },
);

defect(
  18,
  "a Manager is kept for ever",
  async ({ t, client }) => collected(await usedAndLeft(client, await scripted(t))),
  { upstream: false, ours: true },
);

async function namespace(manager, wire) {
  const socket = manager.socket("/once");
  await wire.packet("40/once,");
  wire.send('40/once,{"sid":"S2"}');
  await until(() => socket.connected);
  socket.disconnect();
  await wire.packet("41/once,");
  return new WeakRef(socket);
}

defect(
  18,
  "a namespace is kept as long as its Manager",
  async ({ t, connect }) => {
    const server = await scripted(t);
    const main = connect(server.url, { transports: ["websocket"] });
    const wire = await server.websocket();
    await wire.join("S1");
    return collected(await namespace(main.io, wire));
  },
  { upstream: false, ours: true },
);
