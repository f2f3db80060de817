// The two transports that Node gets instead of the browser's: straight from the source, against local servers.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import Module, { createRequire } from "node:module";
import { createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { WebSocket, WebSocketServer } from "ws";
import { until, within } from "./server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "../../client-wasm/js/src/node");

// `ws` lies beside the tests, not beside the package's source.
process.env.NODE_PATH = join(dirname(createRequire(import.meta.url).resolve("ws")), "..");
Module._initPaths();

const load = (name) => import(pathToFileURL(join(source, name)).href);
const { request } = await load("polling.js");
const { openWebSocket } = await load("websocket.js");
const { CookieJar, parseCookie } = await load("cookies.js");

// Made with: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem
//   -days 36500 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE
const cert = readFileSync(join(here, "tls/cert.pem"));
const key = readFileSync(join(here, "tls/key.pem"));

/** An HTTP server on a free port, gone with the test: `{ server, url, ws, sockets }`. */
async function serve(t, handler = (_, response) => response.end(), tls) {
  const server = tls ? https.createServer({ cert, key, ...tls }, handler) : http.createServer(handler);
  const sockets = [];
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${server.address().port}`;
  return { server, sockets, url: `http${tls ? "s" : ""}://${host}`, ws: `ws${tls ? "s" : ""}://${host}` };
}

/** A request's outcome. It must come later than the call, and once. */
function ask(url, body, opts = {}, limit = 1e6) {
  return within(
    new Promise((resolve, reject) => {
      let calls = 0;
      let returned = false;
      request(url, body, opts, limit, (status, text, context) => {
        if (!returned) reject(new Error("done() within request()"));
        if (++calls > 1) reject(new Error("done() twice"));
        resolve({ status, text, context });
      });
      returned = true;
    }),
    `an answer from ${url}`,
  );
}

/** The exception that reaches the process next; the test runner would take it for a failure of the test. */
function uncaught() {
  const saved = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  return new Promise((resolve) => {
    process.once("uncaughtException", (error) => {
      for (const listener of saved) process.on("uncaughtException", listener);
      resolve(error);
    });
  });
}

async function bodyOf(stream) {
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk;
  return text;
}

/** Runs a script with the transports at hand; resolves with what it printed when it has ended by itself. */
const script = (code, dir = source, env = process.env) =>
  new Promise((resolve, reject) => {
    const names = ["polling.js", "websocket.js"].map((name) => JSON.stringify(pathToFileURL(join(dir, name)).href));
    const text = `const { request } = await import(${names[0]}); const { openWebSocket } = await import(${names[1]});`;
    const args = ["--no-warnings", "--input-type=module", "-e", `${text}\n${code}`];
    const end = (error, stdout) => (error ? reject(error) : resolve(stdout));
    execFile(process.execPath, args, { timeout: 20_000, env }, end);
  });

// --- Polling ------------------------------------------------------------------------------------------------------

test("polling: a GET, and a POST as plain text", async (t) => {
  const { url } = await serve(t, async (asked, response) => {
    response.end(JSON.stringify({ method: asked.method, headers: asked.headers, body: await bodyOf(asked) }));
  });
  const got = await ask(`${url}/a?b=c`, undefined);
  assert.equal(got.status, 200);
  assert.equal(got.context.status, 200);
  assert.equal(got.context.responseText, got.text);
  const get = JSON.parse(got.text);
  assert.equal(get.method, "GET");
  assert.equal(get.headers.accept, "*/*");
  assert.equal(get.headers["content-type"], undefined);

  const post = JSON.parse((await ask(url, "4ü\u001e4€")).text);
  assert.equal(post.method, "POST");
  assert.equal(post.body, "4ü\u001e4€");
  assert.equal(post.headers.accept, "*/*");
  assert.equal(post.headers["content-type"], "text/plain;charset=UTF-8");
  assert.equal(post.headers["content-length"], "8");
});

test("polling: characters that arrive in pieces", async (t) => {
  const { url } = await serve(t, (_, response) => {
    const bytes = Buffer.from("a€b");
    response.write(bytes.subarray(0, 2));
    setImmediate(() => response.end(bytes.subarray(2)));
  });
  assert.equal((await ask(url)).text, "a€b");
});

test("polling: an error status comes with its body and what people read of an XMLHttpRequest", async (t) => {
  const { url } = await serve(t, (_, response) => {
    response.writeHead(400, { "x-why": "because" }).end('{"code":1}');
  });
  const { status, text, context } = await ask(url);
  assert.deepEqual([status, text], [400, '{"code":1}']);
  assert.deepEqual(
    [context.status, context.statusText, context.responseText, context.response, context.readyState],
    [400, "Bad Request", text, text, 4],
  );
  assert.equal(context.getResponseHeader("X-Why"), "because");
  assert.equal(context.getResponseHeader("x-none"), null);
  assert.match(context.getAllResponseHeaders(), /^x-why: because$/m);
});

test("polling: a request that fails has status 0 and the error", async (t) => {
  const { url, server } = await serve(t);
  await new Promise((resolve) => server.close(resolve));
  const refused = await ask(url);
  assert.deepEqual([refused.status, refused.text, refused.context.status], [0, "", 0]);
  assert.equal(refused.context.error.code, "ECONNREFUSED");

  assert.equal((await ask("http://[bad")).context.error.code, "ERR_INVALID_URL");
  const header = await ask(url, undefined, { extraHeaders: { "x-bad": "line\nbreak" } });
  assert.equal(header.context.error.code, "ERR_INVALID_CHAR");

  const cut = await serve(t, (asked, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half");
    asked.socket.destroySoon();
  });
  assert.deepEqual([(await ask(cut.url)).status, (await ask(cut.url)).context.error.code], [0, "ECONNRESET"]);
});

test("polling: connections are kept, each client's by itself", async (t) => {
  const { url, sockets } = await serve(t);
  const first = { pool: {} };
  const second = { pool: {} };
  for (let i = 0; i < 3; i += 1) await ask(url, i ? "x" : undefined, first);
  assert.equal(sockets.length, 1);
  // The transport's options are merged anew at times: `pool` says whose they are.
  await ask(url, undefined, { ...first });
  assert.equal(sockets.length, 1);
  await ask(url, undefined, second);
  assert.equal(sockets.length, 2);
  // The next request begins when the last one has ended, while nobody waits: on the same connection.
  const third = { pool: {} };
  await within(
    new Promise((resolve) => {
      request(url, undefined, third, 1e6, () => {
        request(url, undefined, third, 1e6, () => {
          request(url, "x", third, 1e6, resolve);
        });
      });
    }),
    "the last answer",
  );
  assert.equal(sockets.length, 3);
});

test("polling: an agent of the application is used", async (t) => {
  const { url } = await serve(t, (asked, response) => response.end(asked.headers.connection));
  const agent = new http.Agent({ keepAlive: true });
  let made = 0;
  const create = agent.createConnection;
  agent.createConnection = function (...args) {
    made += 1;
    return create.apply(this, args);
  };
  t.after(() => agent.destroy());
  assert.equal((await ask(url, undefined, { agent })).text, "keep-alive");
  assert.equal(made, 1);
  // The documented default.
  assert.equal((await ask(url, undefined, { agent: false })).status, 200);
  assert.equal(made, 1);
});

test("polling: headers of the application, whatever their case; its object stays as it is", async (t) => {
  const { url } = await serve(t, (asked, response) => response.end(JSON.stringify(asked.rawHeaders)));
  const extraHeaders = Object.freeze({
    "X-Name": "one",
    Cookie: "own=1",
    "content-type": "x/y",
    ACCEPT: "a/b",
    gone: undefined,
  });
  const jar = new CookieJar();
  jar.store(["jar=2"]);
  for (let i = 0; i < 2; i += 1) {
    const raw = JSON.parse((await ask(url, "body", { extraHeaders, jar })).text);
    const list = raw.flatMap((name, at) => (at % 2 ? [] : [[name.toLowerCase(), raw[at + 1]]]));
    const sent = Object.fromEntries(list);
    assert.equal(sent["x-name"], "one");
    assert.equal(sent.cookie, "own=1; jar=2");
    assert.equal(sent.accept, "a/b");
    assert.equal(sent["content-type"], "text/plain;charset=UTF-8");
    assert.equal(new Set(list.map(([name]) => name)).size, list.length);
  }
});

test("polling: the jar keeps what responses set, also those that fail", async (t) => {
  const answers = [["a=1; Path=/", "b=2"], ["a=3", "b=; MAX-AGE=0"], []];
  let count = 0;
  const { url } = await serve(t, (asked, response) => {
    response.setHeader("set-cookie", answers[count]);
    response.statusCode = count === 1 ? 500 : 200;
    count += 1;
    response.end(asked.headers.cookie ?? "none");
  });
  const opts = { jar: new CookieJar() };
  assert.equal((await ask(url, undefined, opts)).text, "none");
  assert.equal((await ask(url, "x", opts)).text, "a=1; b=2");
  assert.equal((await ask(url, undefined, opts)).text, "a=3");
});

test("polling: nothing is reported after abort(), and the request ends", async (t) => {
  const ended = [];
  const waiting = new Map();
  const { url } = await serve(t, (asked, response) => {
    if (asked.url === "/") return response.end();
    if (asked.url === "/started") response.write("x");
    asked.socket.on("close", () => ended.push(asked.url));
    waiting.get(asked.url)();
  });
  for (const path of ["/silent", "/started"]) {
    const arrived = new Promise((resolve) => waiting.set(path, resolve));
    const running = request(url + path, undefined, { pool: {} }, 1e6, () => assert.fail("done() after abort()"));
    await within(arrived, "the request");
    running.abort();
    running.abort();
    await until(() => ended.includes(path));
  }
  // At once, when not even a connection is there; and one that cannot be made at all.
  request(url, undefined, {}, 1e6, () => assert.fail("done() after abort()")).abort();
  request("bad", undefined, {}, 1e6, () => assert.fail("done() after abort()")).abort();
  await ask(url);
});

test("polling: a body beyond the limit is not read to its end", async (t) => {
  const chunk = "x".repeat(1000);
  let closed;
  const { url } = await serve(t, (asked, response) => {
    if (asked.url === "/fits") return response.end(chunk);
    closed = new Promise((resolve) => asked.socket.on("close", resolve));
    // For ever.
    const more = () => response.destroyed || response.write(chunk, more);
    more();
  });
  assert.equal((await ask(`${url}/fits`, undefined, {}, 1000)).text, chunk);
  const { status, text, context } = await ask(url, undefined, {}, 10_000);
  assert.deepEqual([status, text], [0, ""]);
  assert.match(context.error.message, /longer than 10000 bytes/);
  await within(closed, "the end of the connection");
});

test("polling: by fetch, with headers and cookies, and any success", async (t) => {
  const { url } = await serve(t, async (asked, response) => {
    const { "x-name": name, cookie, "content-type": type } = asked.headers;
    response.writeHead(asked.url === "/gone" ? 410 : 202, { "set-cookie": "b=2" });
    response.end(JSON.stringify([asked.method, name, cookie, type, await bodyOf(asked)]));
  });
  const jar = new CookieJar();
  jar.store(["a=1"]);
  const opts = { fetch: true, jar, extraHeaders: { "x-name": "one" } };
  const { status, text, context } = await ask(url, "4ü", opts);
  assert.equal(status, 200);
  assert.ok(context instanceof Response);
  assert.deepEqual(JSON.parse(text), ["POST", "one", "a=1", "text/plain;charset=UTF-8", "4ü"]);
  const gone = await ask(`${url}/gone`, undefined, opts);
  assert.equal(gone.status, 410);
  assert.deepEqual(JSON.parse(gone.text).slice(0, 3), ["GET", "one", "a=1; b=2"]);
  assert.ok((await ask("http://[bad", undefined, opts)).context.error instanceof Error);
  request(url, undefined, opts, 1e6, () => assert.fail("done() after abort()")).abort();
});

test("polling: redirects are followed; another origin gets no secrets", async (t) => {
  const other = await serve(t, async (asked, response) => {
    response.setHeader("set-cookie", "theirs=1");
    response.end(JSON.stringify({ headers: asked.headers, body: await bodyOf(asked), method: asked.method }));
  });
  const { url } = await serve(t, (asked, response) => {
    const [, status, where] = asked.url.split("/");
    if (where === "loop") return response.writeHead(302, { location: asked.url }).end();
    if (where === "away") return response.writeHead(status, { location: `${other.url}/x` }).end();
    if (where === "near") return response.writeHead(status, { location: "/landed" }).end();
    if (where === "bad") return response.writeHead(status, { location: "http://[" }).end();
    response.end(JSON.stringify({ headers: asked.headers, method: asked.method }));
  });
  const jar = new CookieJar();
  jar.store(["c=1"]);
  const opts = { jar, extraHeaders: { Authorization: "secret", "x-kept": "1" } };
  const near = JSON.parse((await ask(`${url}/307/near`, "body", opts)).text);
  assert.deepEqual([near.method, near.headers.authorization, near.headers.cookie], ["POST", "secret", "c=1"]);
  const changed = JSON.parse((await ask(`${url}/303/near`, "body", opts)).text);
  assert.deepEqual([changed.method, changed.headers["content-type"]], ["GET", undefined]);
  const away = JSON.parse((await ask(`${url}/308/away`, "body", opts)).text);
  assert.deepEqual([away.method, away.body, away.headers["x-kept"]], ["POST", "body", "1"]);
  assert.deepEqual([away.headers.authorization, away.headers.cookie], [undefined, undefined]);
  assert.equal(jar.header(), "c=1");
  assert.match((await ask(`${url}/302/loop`)).context.error.message, /too many redirects/);
  assert.equal((await ask(`${url}/302/bad`)).context.error.code, "ERR_INVALID_URL");
});

test("polling: what done() throws reaches the process, and the connection is kept", async (t) => {
  const { url, sockets } = await serve(t);
  const opts = { pool: {} };
  const thrown = uncaught();
  request(url, undefined, opts, 1e6, () => {
    throw new Error("listener");
  });
  assert.equal((await within(thrown, "the exception")).message, "listener");
  assert.equal((await ask(url, undefined, opts)).status, 200);
  assert.equal(sockets.length, 1);
});

for (const [when, opts, unref] of [
  ["autoUnref", "{ autoUnref: true }", ""],
  ["unref()", "{}", ".unref()"],
]) {
  test(`polling: a pending request with ${when} does not keep the process alive`, async (t) => {
    const { url } = await serve(t, (asked, response) => asked.url === "/hang" || response.end("x"));
    const call = (path) => `request(${JSON.stringify(url + path)}, undefined, opts, 1e6, done)${unref};`;
    const out = await script(`
      const opts = { pool: {}, ...${opts} };
      // The second one on the connection of the first.
      const hold = setTimeout(() => {}, 20_000);
      const done = (status) => {
        console.log(status);
        ${call("/hang")}
        clearTimeout(hold);
      };
      ${call("/")}`);
    assert.equal(out, "200\n");
  });
}

test("polling: an idle connection does not keep the process alive", async (t) => {
  const { url } = await serve(t);
  const asked = `request(${JSON.stringify(url)}, undefined, {}, 1e6, (status) => console.log(status));`;
  assert.equal(await script(asked), "200\n");
});

// --- TLS ----------------------------------------------------------------------------------------------------------

test("TLS options: own authority, no check, client certificate", async (t) => {
  const plain = await serve(t, undefined, {});
  assert.match((await ask(plain.url)).context.error.code, /SELF_SIGNED/);
  assert.equal((await ask(plain.url, undefined, { ca: cert })).status, 200);
  assert.equal((await ask(plain.url, undefined, { rejectUnauthorized: false })).status, 200);

  const handler = (asked, response) => response.end(String(asked.client.authorized));
  const mutual = await serve(t, handler, { requestCert: true, rejectUnauthorized: true, ca: cert });
  new WebSocketServer({ server: mutual.server }).on("connection", (socket) => socket.send("in"));
  assert.equal((await ask(mutual.url, undefined, { ca: cert })).status, 0);
  const opts = { ca: cert, cert, key };
  assert.equal((await ask(mutual.url, undefined, opts)).text, "true");
  const opened = socketOf(t, mutual.ws, opts);
  assert.deepEqual(await opened.next(2), [["open"], ["message", "in"]]);
  const [[name, event]] = await socketOf(t, mutual.ws, { ca: cert }).next(1);
  assert.equal(name, "error");
  assert.ok(event.error instanceof Error);
});

// --- WebSocket ----------------------------------------------------------------------------------------------------

/** A WebSocket with its events in a list; gone with the test. */
function socketOf(t, url, opts = {}) {
  const log = [];
  const push = (entry) => {
    if (!socket) throw new Error(`${entry[0]} within openWebSocket()`);
    log.push(entry);
  };
  let socket;
  socket = openWebSocket(url, opts, {
    open: () => push(["open"]),
    message: (data) => push(["message", data]),
    error: (event) => push(["error", event]),
    close: (event) => push(["close", event]),
  });
  t.after(() => socket.raw?.terminate?.());
  const next = async (count) => {
    await until(() => log.length >= count, `${count} events of the WebSocket`);
    return log.splice(0, count);
  };
  return { socket, log, next };
}

/** A WebSocket server that sends back what it gets, and keeps the requests in `requests`. */
async function echo(t, options = {}) {
  const at = await serve(t);
  const requests = [];
  const wss = new WebSocketServer({ server: at.server, ...options });
  wss.on("connection", (socket, asked) => {
    requests.push(asked);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return { ...at, requests, wss };
}

test("WebSocket: text, binary in its forms, and close", async (t) => {
  const { ws, wss } = await echo(t);
  const { socket, log, next } = socketOf(t, ws);
  assert.deepEqual(await next(1), [["open"]]);
  assert.equal(socket.bufferedAmount, 0);
  socket.send("4ü", true);
  const bytes = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4);
  for (const data of [Buffer.from(bytes), bytes, bytes.slice().buffer, new DataView(bytes.buffer, 1, 3)]) {
    socket.send(data, false);
  }
  const got = await next(5);
  assert.deepEqual(got[0], ["message", "4ü"]);
  for (const [, data] of got.slice(1)) {
    assert.ok(Buffer.isBuffer(data));
    assert.deepEqual([...data], [1, 2, 3]);
  }

  const [peer] = wss.clients;
  const closed = new Promise((resolve) => peer.once("close", resolve));
  socket.close();
  peer.send("too late");
  assert.equal(await within(closed, "the server's close"), 1005);
  assert.deepEqual(log, []);
});

test("WebSocket: the server's close", async (t) => {
  const { ws, wss } = await echo(t);
  const { next } = socketOf(t, ws);
  await next(1);
  for (const peer of wss.clients) peer.close(4001, "enough");
  const [[name, event]] = await next(1);
  assert.equal(name, "close");
  assert.deepEqual([event.code, event.reason, event.wasClean], [4001, "enough", true]);
});

test("WebSocket: errors come as events, then close", async (t) => {
  const refused = await serve(t, (_, response) => response.writeHead(404).end());
  const { next } = socketOf(t, refused.ws);
  const [[error, cause], [close, { code }]] = await next(2);
  assert.deepEqual([error, close, code], ["error", "close", 1006]);
  assert.match(cause.message, /404/);
  assert.throws(() => openWebSocket(refused.ws, { protocols: ["not valid"] }, {}), SyntaxError);
  assert.throws(() => openWebSocket("http://[", {}, {}), SyntaxError);
});

test("WebSocket: close() while connecting is silent", async (t) => {
  const tcp = createTcp();
  await new Promise((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  t.after(() => tcp.close());
  const accepted = new Promise((resolve) => tcp.once("connection", resolve));
  const { socket, log } = socketOf(t, `ws://127.0.0.1:${tcp.address().port}`);
  const peer = await within(accepted, "the connection");
  socket.close();
  await within(new Promise((resolve) => peer.resume().once("close", resolve)), "its end");
  assert.deepEqual(log, []);
});

test("WebSocket: sub-protocols, headers, cookies and origin; nothing is written into the options", async (t) => {
  const { ws, requests } = await echo(t, { handleProtocols: (set) => [...set].at(-1) });
  const jar = new CookieJar();
  jar.store(["a=1", "b=2"]);
  const extraHeaders = Object.freeze({ "X-One": "1", cookie: Object.freeze(["own=0"]) });
  const opts = Object.freeze({ protocols: ["p1", "p2"], extraHeaders, jar, origin: "http://app" });
  for (let i = 0; i < 3; i += 1) {
    const { socket, next } = socketOf(t, ws, opts);
    await next(1);
    assert.equal(socket.raw.protocol, "p2");
    const { headers } = requests.at(-1);
    assert.deepEqual(
      [headers["x-one"], headers.cookie, headers.origin, headers["sec-websocket-protocol"]],
      ["1", "own=0; a=1; b=2", "http://app", "p1,p2"],
    );
  }
});

test("WebSocket: compression is offered, short and marked messages go without", async (t) => {
  const { ws, wss, requests } = await echo(t, { perMessageDeflate: { threshold: 0 } });
  const { socket, next } = socketOf(t, ws);
  await next(1);
  assert.match(requests[0].headers["sec-websocket-extensions"], /permessage-deflate/);
  const [peer] = wss.clients;
  // Whether a frame is compressed: its first byte's second bit, in what the server reads.
  const frames = [];
  peer._socket.prependListener("data", (data) => frames.push((data[0] & 0x40) !== 0));
  const send = async (data, compress) => {
    socket.send(data, compress);
    await next(1);
    return frames.splice(0)[0];
  };
  assert.equal(await send("x".repeat(2000), true), true);
  assert.equal(await send("x".repeat(2000), false), false);
  assert.equal(await send("x".repeat(1000), true), false);
  // 1,200 bytes in 400 characters.
  assert.equal(await send("€".repeat(400), true), true);
  assert.equal(await send(new Uint8Array(1000).buffer, true), false);

  const without = socketOf(t, ws, { perMessageDeflate: false });
  await without.next(1);
  assert.equal(requests[1].headers["sec-websocket-extensions"], undefined);
});

test("WebSocket: what a handler throws reaches the process, and messages go on", async (t) => {
  const { ws, wss } = await echo(t);
  const seen = [];
  const socket = openWebSocket(ws, {}, {
    open() {},
    message(data) {
      seen.push(data);
      if (data === "1") throw new Error("listener");
    },
    error: (event) => seen.push(event),
    close() {},
  });
  t.after(() => socket.close());
  await until(() => wss.clients.size === 1);
  const thrown = uncaught();
  for (const peer of wss.clients) for (const text of ["1", "2", "3"]) peer.send(text);
  assert.equal((await within(thrown, "the exception")).message, "listener");
  await until(() => seen.length === 3);
  assert.deepEqual(seen, ["1", "2", "3"]);
});

test("WebSocket: an agent of the application is used", async (t) => {
  const { ws } = await echo(t);
  let made = 0;
  const agent = new http.Agent();
  const create = agent.createConnection;
  agent.createConnection = function (...args) {
    made += 1;
    return create.apply(this, args);
  };
  await socketOf(t, ws, { agent }).next(1);
  assert.equal(made, 1);
});

test("WebSocket: the runtime's own, unless the options need more", async (t) => {
  const { ws, requests } = await echo(t);
  const saved = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  let made = [];
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      made.push(args);
      super(...args);
    }
  };
  t.after(() => {
    delete globalThis.WebSocket;
    if (saved) Object.defineProperty(globalThis, "WebSocket", saved);
  });
  const plain = [
    { agent: false, rejectUnauthorized: true, perMessageDeflate: { threshold: 1024 }, extraHeaders: {} },
    { jar: new CookieJar(), protocols: ["p"], autoUnref: false, pfx: undefined, ca: null },
  ];
  for (const opts of plain) {
    const { socket, next } = socketOf(t, ws, opts);
    await next(1);
    socket.send(new Uint8Array([1, 2]), true);
    const [[, data]] = await next(1);
    assert.ok(Buffer.isBuffer(data));
    assert.deepEqual([...data], [1, 2]);
    assert.equal(socket.bufferedAmount, 0);
    socket.unref();
  }
  assert.deepEqual(made, [[ws], [ws, ["p"]]]);
  made = [];
  const more = [
    { extraHeaders: { a: "b" } },
    { agent: new http.Agent() },
    { rejectUnauthorized: false },
    { autoUnref: true },
    { perMessageDeflate: false },
    { builtin: false },
  ];
  for (const opts of more) await socketOf(t, ws, opts).next(1);
  assert.equal(requests.length, plain.length + more.length);
  assert.deepEqual(made, []);
});

test("WebSocket: without `ws` the error says what to install", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "no-ws-"));
  t.after(() => rmSync(dir, { recursive: true }));
  cpSync(join(source, ".."), dir, { recursive: true });
  writeFileSync(join(dir, "package.json"), '{"type":"module"}');
  const out = await script(
    `
    const log = (name) => (event) => console.log(name, event?.message ?? event?.code);
    const handlers = { open: log("open"), close: log("close"), error: log("error") };
    // Temporary files may lie in the checkout, below the tests' own packages.
    (await import("node:module")).default._nodeModulePaths = () => [];
    delete globalThis.WebSocket;
    openWebSocket("ws://127.0.0.1:1", {}, handlers).send("x");
    openWebSocket("ws://127.0.0.1:1", {}, handlers).close();
    globalThis.WebSocket = class { constructor() { console.log("own"); } };
    openWebSocket("ws://127.0.0.1:1", { autoUnref: true }, handlers);
    openWebSocket("ws://127.0.0.1:1", { extraHeaders: { a: "b" }, ca: "c" }, handlers);`,
    join(dir, "node"),
    { ...process.env, NODE_PATH: "" },
  );
  assert.deepEqual(out.trim().split("\n"), [
    "own",
    'error this runtime has no WebSocket: install the "ws" package (npm install ws)',
    "close 1006",
    'error this runtime\'s WebSocket cannot do request headers, ca: install the "ws" package (npm install ws)',
    "close 1006",
  ]);
});

for (const [when, opts, unref] of [
  ["autoUnref", "{ autoUnref: true }", ""],
  ["unref()", "{}", "socket.unref();"],
]) {
  test(`WebSocket: with ${when} an open one does not keep the process alive`, async (t) => {
    const { ws } = await echo(t);
    const out = await script(`
      const hold = setTimeout(() => {}, 20_000);
      const open = () => (console.log("open"), clearTimeout(hold));
      const none = () => {};
      const socket = openWebSocket(${JSON.stringify(ws)}, ${opts}, { open, message: none, error: none, close: none });
      ${unref}`);
    assert.equal(out, "open\n");
  });
}

// --- Cookies ------------------------------------------------------------------------------------------------------

test("cookies: attributes in any case, values as they are", () => {
  const now = 1_000_000;
  const expires = (header) => parseCookie(header, now).expires;
  assert.deepEqual(parseCookie("a=b=c; Path=/; Secure; HttpOnly", now), { name: "a", value: "b=c", expires: Infinity });
  assert.deepEqual(parseCookie(' a = "q" ', now), { name: "a", value: "q", expires: Infinity });
  assert.equal(parseCookie("a=", now).value, "");
  for (const bad of ["", "a", "=b", "; a=b", `a=${"x".repeat(5000)}`]) assert.equal(parseCookie(bad, now), undefined);
  assert.equal(expires("a=b;mAx-AgE=10"), now + 10_000);
  for (const age of ["0", "-1", "", "soon"]) assert.equal(expires(`a=b; Max-Age=${age}`), 0);
  assert.equal(expires("a=b; EXPIRES=Thu, 01 Jan 1970 00:00:02 GMT"), 2000);
  assert.equal(expires("a=b; expires=never"), 0);
  // Max-Age counts, wherever it stands.
  assert.equal(expires("a=b; Max-Age=1; Expires=Thu, 01 Jan 1970 00:00:02 GMT"), now + 1000);
  assert.equal(expires("a=b; Expires=Thu, 01 Jan 1970 00:00:02 GMT; Max-Age=1"), now + 1000);
});

test("cookies: replaced, deleted, expired, and never too many", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  const jar = new CookieJar();
  jar.store(undefined);
  assert.equal(jar.header(), "");
  jar.store(["a=1", "b=2; Max-Age=10", "c=3"]);
  jar.store(["a=4", "c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"]);
  assert.equal(jar.header(), "b=2; a=4");
  t.mock.timers.tick(10_000);
  assert.equal(jar.header(), "a=4");
  assert.equal(jar.size, 1);
  for (let i = 0; i < 1000; i += 1) jar.store([`n${i}=x`]);
  assert.equal(jar.size, 180);
  assert.ok(jar.header().endsWith("n999=x"));
});
