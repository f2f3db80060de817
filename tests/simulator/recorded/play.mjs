// Plays the client's side of a recording against the server, and writes what the server says between its lines.
import { Link } from "./link.mjs";
import { startServer } from "./server.mjs";

const PATH = "/socket.io/?";
/** U+001E, between packets of a body, as it is shown. */
const SEPARATOR = "␞";
const NAMES = /<(?:sid|pid|offset) \d+>/g;

/** Ids by their order of appearance. */
class Names {
  #ids = new Map();
  #counts = { sid: 0, pid: 0, offset: 0 };

  note(kind, id) {
    if ([...this.#ids.values()].includes(id)) return;
    this.#counts[kind] += 1;
    this.#ids.set(`<${kind} ${this.#counts[kind]}>`, id);
  }

  /** Those in what the server says; which texts are offsets it knows itself. */
  hear(text, offsets) {
    for (const [, kind, id] of text.matchAll(/"(sid|pid)":"([^"]+)"/g)) this.note(kind, id);
    for (const [, id] of text.matchAll(/,"([^"]+)"\]/g)) if (offsets.includes(id)) this.note("offset", id);
    for (const [name, id] of this.#ids) text = text.replaceAll(`"${id}"`, `"${name}"`);
    return text;
  }

  fill(text) {
    return text.replace(NAMES, (name) => {
      const id = this.#ids.get(name);
      if (id === undefined) throw new Error(`${name} is not known yet`);
      return id;
    });
  }
}

const json = (word) => {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
};

/** What a client does with a connection, by the word behind `>`. */
const doings = {
  GET: (link, query) => link.request("GET", PATH + query),
  POST: (link, text) => {
    const [, query, body] = /^(\S+) ?(.*)$/s.exec(text);
    link.request("POST", PATH + query, body);
  },
  "POST-PART": (link, text) => {
    const [, bytes, query, body] = /^(\d+) (\S+) (.*)$/s.exec(text);
    link.part(PATH + query, body, Number(bytes));
  },
  OPEN: (link, query) => link.upgrade(PATH + query),
  TEXT: (link, text) => link.text(text),
  "TEXT-PART": (link, text) => {
    const [, bytes, rest] = /^(\d+) (.*)$/s.exec(text);
    link.half(rest, Number(bytes));
  },
  BYTES: (link, text) => link.bytes(Buffer.from(text, "base64")),
  CLOSE: (link) => link.close(),
  CUT: (link) => link.cut(),
};

/** Until everything that was written has been read, on both sides, and nothing follows from it. */
async function settle(server, links) {
  const balance = () => {
    const ours = [...links.values()].map(({ traffic }) => traffic).filter(Boolean);
    const theirs = server.traffic();
    const even = ours.every(([port, read, written]) => {
      const [theirRead, theirWritten] = theirs.get(port) ?? [written, read];
      return theirRead === written && theirWritten === read;
    });
    return even && JSON.stringify([ours, [...theirs]]);
  };
  for (let [calm, before] = [0, ""]; calm < 12; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = balance();
    calm = now && now === before ? calm + 1 : 0;
    before = now;
  }
}

/** The same recording, with what this server says. */
export async function play(text) {
  const lines = text.trimEnd().split("\n");
  const options = JSON.parse(lines.find((line) => line.startsWith("server: ")).slice("server: ".length));
  const server = await startServer(options);
  const [links, names, out] = [new Map(), new Names(), []];
  let said = [];
  for (const line of lines) {
    if (/^\d+ < /.test(line)) continue;
    out.push(line);
    const [, conn, what, rest = ""] = /^(\d+) > (\S+) ?(.*)$/.exec(line) ?? [];
    if (conn) {
      if (!links.has(conn)) {
        const link = new Link(server.port, (answer) => said.push([Number(conn), answer]));
        links.set(conn, link);
        await link.ready;
      }
      doings[what](links.get(conn), names.fill(rest).replaceAll(SEPARATOR, "\x1e"));
    } else if (line.startsWith("! time ")) server.pass(Number(line.slice("! time ".length)));
    else if (line.startsWith("! ")) server.act(...line.slice(2).split(" ").map(json));
    else continue;
    await settle(server, links);
    // Order is certain on each connection only.
    said.sort(([a], [b]) => a - b);
    const offsets = server.offsets();
    for (const [of, answer] of said) out.push(`${of} < ${names.hear(answer.replaceAll("\x1e", SEPARATOR), offsets)}`.trimEnd());
    said = [];
  }
  for (const link of links.values()) link.cut();
  await server.close();
  return `${out.join("\n")}\n`;
}
