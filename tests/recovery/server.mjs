// `servers/recovery.mjs` as a child process.
import { join } from "node:path";
import { root } from "../../client-wasm/js/cargo.mjs";
import { Child } from "../cuts/child.mjs";

/** So short, so that what nobody tells is found out soon. ms */
export const HEARTBEAT = { pingInterval: 300, pingTimeout: 300 };

/** Pages are of another origin. */
const anywhere = { cors: { origin: "*" } };

/** So long it takes a server, at most, to find out by itself, on a busy machine. ms */
export const NOTICE_LIMIT = 10_000;

export class RecoveryServer {
  runs = [];
  here = [];
  gone = [];
  asked = [];
  sessions = 0;
  upgrades = 0;

  static async start(settings = {}) {
    const server = new RecoveryServer(settings);
    server.port = await server.child.next("its port", ({ port }) => port);
    return server;
  }

  constructor({ options, ...settings }) {
    const argument = JSON.stringify({ ...settings, options: { ...HEARTBEAT, ...anywhere, ...options } });
    this.child = new Child(process.execPath, [join(root, "tests/servers/recovery.mjs"), argument]);
    this.child.on("line", ({ run, here, gone, asked, sessions, upgraded }) => {
      if (run) this.runs.push(run);
      if (here) this.here.push(here);
      if (gone) this.gone.push(gone);
      if (asked) this.asked.push(asked);
      if (upgraded) this.upgrades += 1;
      if (sessions !== undefined) this.sessions = sessions;
    });
  }

  /** Says it, and waits for the answer that has this field: its value. */
  async ask(command, field) {
    const answer = this.child.next(field, (line) => line[field] !== undefined && [line[field]]);
    this.child.send(command);
    return (await answer)[0];
  }

  emit(event, how = {}) {
    return this.ask({ emit: event, ...how }, "emitted");
  }

  /** Resolves once it has so many Engine.IO sessions; with false, if that takes too long. */
  async settled(sessions, limit = NOTICE_LIMIT) {
    if (this.sessions === sessions) return true;
    return this.child.next(`${sessions} sessions`, () => this.sessions === sessions, { limit }).then(() => true, () => false);
  }

  /** Resolves once so many sessions have moved to WebSocket. */
  async upgraded(times) {
    if (this.upgrades < times) await this.child.next(`${times} upgrades`, () => this.upgrades >= times);
  }

  /** Resolves once the process is gone. */
  async ended() {
    const { child } = this;
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(reject, NOTICE_LIMIT, child.error("it does not end"))));
    await Promise.race([child.exit, late]).finally(() => clearTimeout(timer));
  }

  async stop() {
    await this.child.kill();
  }
}
