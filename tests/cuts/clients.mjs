// The clients, each with the configuration that it runs with.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cargo, root } from "../../client-wasm/js/cargo.mjs";
import { buildNative } from "../wasm/build.mjs";
import { isOnce } from "./servers.mjs";

const js = join(root, "tests/cuts/drivers/js.mjs");

const node = (env) => ({ command: process.execPath, args: [js], env });

function npm() {
  const built = join(root, "client-wasm/js/dist/node.mjs");
  if (!existsSync(built)) throw new Error("client-wasm/js/dist is not built: tests/run only package");
  return node({ CLIENT: "" });
}

function rustSocketio() {
  const manifest = join(root, "tests/cuts/peer/Cargo.toml");
  const command = cargo("cargo", ["build", "--release", "--manifest-path", manifest], "cuts-peer", "");
  // A word on a panic is enough.
  return { command, args: [], env: { RUST_BACKTRACE: "0" } };
}

const endless = { retries: "Infinity", ackTimeout: 10_000 };

/**
 * `program()`: `{ command, args, env }`; `options(server, window)`: what the client is built with; `ours`: it has promises
 * to keep; `windows`: what it can do; `unqueued`: how many are in flight is the application's affair.
 */
export const clients = {
  ours: { ours: true, program: () => ({ command: buildNative("cuts", "tests"), args: [] }), options: reliable },
  npm: { ours: true, program: npm, options: reliable },
  // As https://socket.io/docs/v4/delivery-guarantees/, the values of its example.
  upstream: {
    program: () => node({ CLIENT: "upstream" }),
    options: () => ({ retries: 3, ackTimeout: 10_000 }),
    windows: [1],
  },
  // That one and the middleware's wire format by hand: tells a fault of the servers from one of ours.
  reference: {
    program: () => node({ CLIENT: "upstream" }),
    options: (_server, window) => ({ reference: true, window }),
  },
  // The published client's configuration without giving up.
  "upstream-endless": { program: () => node({ CLIENT: "upstream" }), options: () => endless, windows: [1] },
  // As its README and its example `async.rs` have it, and with what these leave to the application: `peer/src/main.rs`.
  rust_socketio: { program: rustSocketio, options: () => ({ resend: false }), unqueued: true },
  "rust_socketio-resend": { program: rustSocketio, options: () => ({ resend: true }), unqueued: true },
};

/** Ours: for ever, and each once where the server has the middleware. */
function reliable(server, window) {
  return { ...endless, retryWindow: window, ...(isOnce(server) && { exactlyOnce: true }) };
}
