// What servers make of the questions by which a session's lost connection is taken over: observed, whatever it is, and the
// client stays correct with each. Writes `.work/cluster-takeover.md`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as http } from "node:http";
import { request as https } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { WebSocket } from "ws";
import { root } from "../../client-wasm/js/cargo.mjs";
import { Child } from "../cuts/child.mjs";
import { Proxy } from "../cuts/proxy.mjs";
import { until } from "../js/server.mjs";
import { build, start as startWww } from "../page/www.mjs";
import { startTls } from "./balancers.mjs";
import { Client } from "./client.mjs";
import { publish } from "./results.mjs";

const tls = (name) => join(root, "tests/js/tls", name);
const ca = readFileSync(tls("cert.pem"));

/** Hardly a heartbeat disturbs what is asked. */
const PATIENT = { pingInterval: 25_000, pingTimeout: 20_000 };

/** A server: where it is, how everybody is told something, and whether it resumes sessions. */
async function node(t) {
  const options = JSON.stringify({ connectionStateRecovery: {}, ...PATIENT });
  const child = new Child(process.execPath, [join(root, "tests/servers/node.mjs"), options]);
  t.after(() => child.kill());
  const port = await child.next("its port", ({ port }) => port);
  return { port, resumes: true, tell: () => child.send({ emit: ["tick"] }), event: "tick" };
}

async function behindTls(t) {
  const server = await node(t);
  const directory = mkdtempSync(join(tmpdir(), "takeover-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const front = await startTls(directory, server.port, Buffer.concat([ca, readFileSync(tls("key.pem"))]));
  t.after(() => front.child.kill());
  return { ...server, port: front.port, secure: true };
}

async function python(t) {
  const env = { PING_INTERVAL: "25", PING_TIMEOUT: "20" };
  const child = new Child("/usr/bin/python3", [join(root, "tests/servers/faults.py")], env);
  t.after(() => child.kill());
  const port = await child.next("its port", ({ port }) => port);
  return { port, tell: () => child.send({ tick: 1 }), event: "tick" };
}

/** The demonstration's server, which tells everybody who is there. */
async function socketioxide(t) {
  const www = await startWww(await build("www"));
  t.after(() => www.kill());
  const teller = await Client.connect(t, `http://127.0.0.1:${www.port}/`);
  let joined = 0;
  const tell = () => teller.call("join", { name: `teller ${(joined += 1)}`, room: "lobby" });
  return { port: Number(www.port), tell, event: "who" };
}

const at = ({ port, secure }, scheme, query) =>
  `${scheme}${secure ? "s" : ""}://127.0.0.1:${port}/socket.io/?EIO=4&${query}`;

/** A WebSocket, or the status with which it was refused; its texts are waited for one by one. */
async function open(server, query) {
  const socket = new WebSocket(at(server, "ws", `transport=websocket${query}`), { ca });
  const texts = [];
  let end;
  // But heartbeats.
  socket.on("message", (data) => (data.toString() === "2" ? socket.send("3") : texts.push(data.toString())));
  socket.on("close", (code) => (end ??= `close ${code}`));
  socket.on("error", () => {});
  const status = await new Promise((resolve) => {
    socket.on("open", () => resolve(101));
    socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
    socket.on("close", () => resolve("cut off"));
  });
  const hear = () => until(() => texts.shift() ?? end, "a packet, or the end");
  return { socket, status, hear };
}

/** What a GET of the session is answered with, or that it waits. */
async function ask(server, sid) {
  const request = (server.secure ? https : http)(at(server, "http", `transport=polling&sid=${sid}`), { ca });
  const answer = (async () => {
    const [response] = await once(request, "response");
    let body = "";
    for await (const chunk of response) body += chunk;
    return `${response.statusCode} ${body}`.trim();
  })();
  answer.catch(() => {});
  request.end();
  // A GET of a session that polls is kept open by every server.
  const waits = new Promise((resolve) => setTimeout(resolve, 2_000, "waits")).then((text) => (request.destroy(), text));
  return Promise.race([answer, waits]);
}

/** As `client-core/src/manager/takeover.rs` asks, but by hand. */
async function observe(server) {
  const first = await open(server, "");
  assert.equal(first.status, 101);
  const { sid } = JSON.parse((await first.hear()).slice(1));
  first.socket.send("40");
  assert.match(await first.hear(), /^40/);
  const row = { "GET of its session": await ask(server, sid) };
  const second = await open(server, `&sid=${sid}`);
  row["second WebSocket"] = `${second.status}`;
  if (second.status === 101) {
    second.socket.send("2probe");
    const answer = await second.hear();
    row["second WebSocket"] += `, to \`2probe\` ${answer}`;
    if (answer === "3probe") second.socket.send("5");
  }
  second.socket.terminate();
  // The server hears of the end on its own time.
  const told = () => ask(server, sid);
  row["GET after that"] = await told();
  for (let asked = 0; asked < 50 && row["second WebSocket"].endsWith("3probe") && !/unknown/i.test(row["GET after that"]); asked += 1) {
    row["GET after that"] = await told();
  }
  first.socket.terminate();
  return row;
}

/** A client whose connection is half-open: how it came back, and that it hears. */
async function behave(t, server) {
  const proxy = await new Proxy(server.port).listen();
  t.after(() => proxy.close());
  const options = ["--transports", "websocket", ...(server.secure ? ["--ca", tls("cert.pem")] : [])];
  const client = await Client.connect(t, `http${server.secure ? "s" : ""}://127.0.0.1:${proxy.port}/`, { options });
  const heard = async () => {
    const before = client.count(server.event);
    await server.tell();
    await client.until("an event", () => client.count(server.event) > before);
  };
  await heard();
  for (const link of proxy.links) link.abandon(true);
  await server.tell();
  await client.until("its return", () => client.of("connect").length > 1);
  await heard();
  const { recovered } = client.of("connect")[1];
  const gaps = client.of("gap").map(({ reason }) => reason);
  const replayed = client.received(server.event).filter((event) => event.replayed).length;
  // What was missed came, or that it may be missing was told.
  assert.ok(recovered ? replayed === 1 && gaps.length === 0 : gaps.length === 1, JSON.stringify({ recovered, replayed, gaps }));
  if (server.resumes) assert.ok(recovered, "it was not resumed");
  return { recovered: `${recovered}`, gap: gaps.join(", ") || "–" };
}

const rows = [];
const servers = { "Node": node, "Node, HAProxy with TLS": behindTls, "python-socketio": python, "socketioxide": socketioxide };

for (const [name, serve] of Object.entries(servers)) {
  test(`a connection that only its client has lost: ${name}`, async (t) => {
    const server = await serve(t);
    rows.push({ server: name, ...(await observe(server)), ...(await behave(t, server)) });
  });
}

after(() => {
  const head = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => head.map((column) => `${row[column] ?? ""}`.replaceAll("|", "\\|").replaceAll("\u001e", "␞")));
  publish("cluster-takeover", "Take-over: what servers answer about a session whose client has gone without their knowing, and what our client makes of it:", [head, ...cells]);
});
