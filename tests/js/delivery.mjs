// A client that counts its events, as little of it as tests need: WebSocket only, everything said by hand. And the servers
// it talks to.
import { spawn } from "node:child_process";
import { once as emitted } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Server } from "socket.io";
import { WebSocket } from "ws";
import { exactlyOnce } from "../../client-wasm/js/server/index.js";
import { until, within } from "./server.mjs";

/** What a client says at CONNECT. */
export const delivery = (id, base = 0) => ({ $delivery: { v: 1, id, base } });

/** One connection. `acks` are `[id, args]` in order of arrival. */
export class Link {
  acks = [];
  #attachments;

  /** Connected, and in the namespace. */
  static async open(t, port, auth = {}, { namespace = "/", encode = JSON.stringify } = {}) {
    const link = new Link();
    link.namespace = namespace === "/" ? "" : `${namespace},`;
    link.ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false });
    link.ws.on("error", () => {});
    link.closed = emitted(link.ws, "close");
    t.after(() => link.ws.terminate());
    const joined = new Promise((resolve, reject) => {
      link.ws.on("message", (data, binary) => link.#read(data, binary, { resolve, reject, auth: encode(auth) }));
      link.closed.then(() => reject(new Error("closed before the namespace was joined")));
    });
    link.joined = await within(joined, "the namespace is joined");
    return link;
  }

  #read(data, binary, { resolve, reject, auth }) {
    if (binary) return this.#attachments.push(data);
    const text = data.toString();
    if (text.startsWith("0")) return this.ws.send(`40${this.namespace}${auth}`);
    if (text === "2") return this.ws.send("3");
    const [, type, rest] = /^4(\d)(.*)$/s.exec(text);
    if (type === "0") return resolve(JSON.parse(rest.slice(this.namespace.length)));
    if (type === "4") return reject(new Error(rest));
    const [, id, args] = /^(?:\d+-)?(?:\/[^,]*,)?(\d+)(\[.*)$/s.exec(rest) ?? [];
    if (type !== "3" && type !== "6") return;
    // Attachments follow.
    this.#attachments = [];
    this.acks.push([Number(id), JSON.parse(args), this.#attachments]);
    this.onAck?.(Number(id), JSON.parse(args)[0]);
  }

  /** An event with an ack id; `null` for none. */
  emit(id, ...args) {
    this.ws.send(`42${this.namespace}${id ?? ""}${JSON.stringify(args)}`);
  }

  /** An event with one attachment, `{_placeholder:true,num:0}` in the arguments. */
  emitBinary(id, args, bytes) {
    this.ws.send(`451-${this.namespace}${id}${JSON.stringify(args)}`);
    this.ws.send(bytes);
  }

  /** The answers to an event so far. */
  answers(id) {
    return this.acks.filter(([acked]) => acked === id).map(([, args]) => args);
  }

  /** The first answer to an event. */
  async answer(id) {
    await until(() => this.answers(id).length > 0, `an answer to ${id}`);
    return this.answers(id)[0];
  }

  /** Everything sent before was dispatched: the middleware's own answer. */
  async sync(id = 1_000_000) {
    this.emit(id, "$delivery", { sync: 1 });
    return this.answer(id);
  }

  /** Gone without a word; what is on its way is lost. */
  async cut() {
    this.ws.terminate();
    await this.closed;
  }
}

/**
 * A server with the middleware, in this process: `{ io, once, port, sockets }`. `behave(socket)` adds its listeners;
 * `options` are those of the middleware, `server` those of the server.
 */
export async function onceServer(t, behave, { server = {}, ...options } = {}) {
  const http = createServer();
  const errors = [];
  const once = exactlyOnce({ onError: (error) => errors.push(error.message), ...options });
  const io = new Server(http, { parser: once.parser, ...server });
  once.install(io);
  const sockets = [];
  io.on("connection", (socket) => {
    sockets.push(socket);
    behave?.(socket);
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => io.close());
  return { io, once, sockets, errors, port: http.address().port };
}

/** A process that ends with the test; then `cleanUp()` is called. */
function child(t, command, args, { cleanUp, ...options } = {}) {
  const process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], ...options });
  const exited = emitted(process, "exit");
  t.after(async () => {
    process.kill("SIGKILL");
    await exited;
    cleanUp?.();
  });
  return { process, exited };
}

/** A Redis of its own: the path of its socket. */
export async function redisServer(t) {
  // The path of a socket has 107 bytes at most.
  const folder = mkdtempSync(join(tmpdir().length < 80 ? tmpdir() : "/tmp", "redis-"));
  const path = join(folder, "socket");
  const args = ["--port", "0", "--unixsocket", path, "--save", "", "--dir", folder];
  const cleanUp = () => rmSync(folder, { recursive: true, force: true });
  const { process, exited } = child(t, "redis-server", args, { cleanUp });
  const ready = new Promise((resolve) => {
    createInterface({ input: process.stdout }).on("line", (line) => /ready to accept connections/i.test(line) && resolve());
  });
  await within(Promise.race([ready, exited.then(() => Promise.reject(new Error("redis-server ended")))]), "redis-server");
  return path;
}

const folder = fileURLToPath(new URL("../servers", import.meta.url));

/**
 * tests/servers/exactly-once.mjs as a process, or with `python` as its interpreter exactly_once.py:
 * `{ port, runs, stats(), kill() }`. `environment` as it says there.
 */
export async function serverProcess(t, environment, python) {
  const file = join(folder, python ? "exactly_once.py" : "exactly-once.mjs");
  const options = { env: { ...process.env, ...environment } };
  const { process: server, exited } = child(t, python ?? process.execPath, [file], options);
  const runs = [];
  let [port, said] = [];
  createInterface({ input: server.stdout }).on("line", (line) => {
    const message = JSON.parse(line);
    if (message.run) runs.push(message.run);
    port ??= message.port;
    said = message.stats ?? said;
  });
  await until(() => port, "the server listens");
  const stats = async () => {
    said = undefined;
    server.stdin.write("stats\n");
    return until(() => said, "the server's counters");
  };
  const kill = async () => {
    server.kill("SIGKILL");
    await exited;
  };
  return { port, runs, stats, kill };
}

/** A handler that notes its runs, and keeps their acknowledgements until the test calls them. */
export function slow() {
  const runs = [];
  return { runs, behave: (socket) => socket.on("op", (value, ack) => runs.push({ value, ack, socket })) };
}
