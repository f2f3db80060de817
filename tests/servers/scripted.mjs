// Servers that say exactly what a test tells them to, and remember what they heard.
import { createServer } from "node:http";
import { rawServer } from "../js/server.mjs";

/** `/name` of a CONNECT, or "/"; undefined for what is no CONNECT. */
function joined(text) {
  const [, namespace] = /^40(?:(\/[^,]*),)?/.exec(text) ?? [];
  return text.startsWith("40") ? (namespace ?? "/") : undefined;
}

/**
 * Over WebSocket: lets everybody in, where `answer(namespace)` gives no other message. `heard(text or bytes, ws)` is
 * called for all that is no CONNECT, `welcome(ws, namespace)` after each answer to one. The server of `rawServer`.
 */
export const wsServer = (t, { heard = () => {}, welcome = () => {}, answer = () => {}, handshake } = {}) =>
  rawServer(
    t,
    (ws) =>
      ws.on("message", (data, binary) => {
        const namespace = binary ? undefined : joined(data.toString());
        if (namespace === undefined) return heard(binary ? data : data.toString(), ws);
        ws.send(answer(namespace) ?? `40${namespace === "/" ? "" : `${namespace},`}{"sid":"of ${namespace}"}`);
        welcome(ws, namespace);
      }),
    { handshake },
  );

/**
 * Over polling: `{ url, posts, polls, say, close }`. The first GET of a session is answered by an open packet, all
 * others by what was `say`d meanwhile: one body for each, as it is, or `{ status, body }`. `posts` has the bodies that
 * came, `heard(body, say)` is called for each. CONNECT has to be answered by the test.
 */
export async function pollingServer(t, { heard = () => {}, handshake = {}, opening } = {}) {
  const [posts, polls, said] = [[], [], []];
  let waiting;
  const open = { sid: "scripted", upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1e6 };
  const headers = { "content-type": "text/plain; charset=UTF-8", "access-control-allow-origin": "*" };
  const answer = (response, what) => {
    const { status = 200, body } = typeof what === "string" ? { body: what } : what;
    response.writeHead(status, headers).end(body);
  };
  const deliver = () => {
    if (waiting && said.length > 0) answer(waiting, said.shift());
    else return;
    waiting = undefined;
  };
  const say = (...bodies) => {
    said.push(...bodies);
    deliver();
  };
  const http = createServer(async (request, response) => {
    const { searchParams } = new URL(request.url, "http://host");
    if (request.method === "OPTIONS") return response.writeHead(204, headers).end();
    if (request.method === "GET") {
      polls.push(request.url);
      if (!searchParams.has("sid")) return answer(response, opening ?? `0${JSON.stringify({ ...open, ...handshake })}`);
      waiting = response;
      return deliver();
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    posts.push(body);
    answer(response, "ok");
    heard(body, say);
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const close = () => {
    http.close();
    http.closeAllConnections();
  };
  t.after(close);
  return { url: `http://127.0.0.1:${http.address().port}`, posts, polls, say, close };
}
