// Connections that are cut in the middle of plain emits, in browsers, with the built package: by the `bufferedAmount` of the
// WebSocket that ended, what never left goes back to its place; nothing is sent for a second time.
import { cutTests } from "../../wasm/cuts.mjs";
import { browserModule, upstream } from "../client.mjs";
import { sioServer } from "../server.mjs";
import { servePackage } from "./tab.mjs";

/** In the page: a socket for each lane. The rounds of all. */
const rounds = async (client, size, lanes) => {
  const { io } = await import(client);
  const filler = "x".repeat(size);

  async function round(socket, number, bytes) {
    const fates = new Map();
    const note = ({ id, fate }) => fates.set(id, [...(fates.get(id) ?? []), fate]);
    socket.onFate(note);
    if (!socket.connected) await new Promise((connected) => socket.once("connect", connected));
    await globalThis.arm(socket.io.uri, bytes);
    const sent = Array.from({ length: 100 }, (_, index) => socket.deliver("one", number, 100 + index, filler));
    const ends = await Promise.all(sent.map(({ settled }) => settled));
    const seen = await socket.emitWithAck("seen", number);
    socket.offFate(note);
    const told = sent.map(({ id }) => fates.get(id));
    if (ends.some(({ fate }, index) => fate !== told[index].at(-1))) throw new Error("the handle says something else");
    return { bytes, fates: told, seen };
  }

  async function lane({ url, cuts }) {
    const options = { transports: ["websocket"], receipts: "namespace", reconnectionDelay: 5, randomizationFactor: 0 };
    const socket = io(url, { ...options, forceNew: true });
    const played = [];
    for (const [index, bytes] of cuts.entries()) played.push(await round(socket, 1000 + index, bytes));
    socket.disconnect();
    return played;
  }
  return (await Promise.all(lanes.map(lane))).flat();
};

const serve = async (t) => `${(await sioServer(t, { plain: servePackage })).url}/blank`;

if (!upstream) cutTests({ serve, play: (tab, lanes, size) => tab.evaluate(rounds, `/client/${browserModule}`, size, lanes) });
