// What TypeScript must infer and refuse, the same for our package and for the published one: `types.test.mjs` compiles
// this file against both. A line `//# title` begins the test of that name. An unused `@ts-expect-error` is an error.
import connectByDefault, { connect, io, Manager, protocol, Socket } from "PACKAGE";
import type {
  DisconnectDescription,
  ExtendedError,
  ManagerOptions,
  ManagerReservedEvents,
  SocketOptions,
  SocketReservedEvents,
} from "PACKAGE";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `exactly<X>()(value)` compiles if the value's type is X, and not something that X could be assigned to. */
declare function exactly<Expected>(): <Actual>(
  value: Actual,
  ...wrong: Equal<Actual, Expected> extends true ? [] : [expected: Expected]
) => void;

{
  exactly<string>()("" as string);
  // @ts-expect-error: `exactly` itself
  exactly<string>()("" as any);
  // @ts-expect-error: `exactly` itself
  exactly<any>()("" as string);
}

type AnyEvents = { [event: string]: (...args: any[]) => void };

enum Names {
  Enumerated = "enumerated",
}

interface ChatEvents {
  message: (author: string, length: number, tags: string[]) => void;
  typing: () => void;
}

interface FromServer {
  news: (title: string, priority: number) => void;
  question: (text: string, answer: (yes: boolean) => void) => void;
}

interface ToServer {
  rename: (name: string) => void;
  search: (text: string, limit: number, done: (title: string, found: boolean) => void) => void;
  count: (what: string, done: (n: number) => void) => void;
  flush: (done: () => void) => void;
}

//# the ways to call io
{
  const url: string | undefined = Math.random() > 0.5 ? "https://example.com" : undefined;
  for (const open of [io, connect, connectByDefault]) {
    exactly<Socket>()(open());
    exactly<Socket>()(open("/admin"));
    exactly<Socket>()(open(url));
    exactly<Socket>()(open({ path: "/elsewhere" }));
    exactly<Socket>()(open("https://example.com", { auth: { token: "x" }, multiplex: false }));
  }
  // @ts-expect-error
  io(3000);
  // @ts-expect-error
  io({ reconnectionDelay: "1s" });
  exactly<number>()(protocol);
}

//# no event map > on > reserved events
{
  const socket = io();
  exactly<Socket<AnyEvents, AnyEvents>>()(socket as Socket<AnyEvents, AnyEvents>);
  socket.on("connect", () => {});
  // @ts-expect-error: connect comes without arguments
  socket.on("connect", (what) => {});
  socket.on("connect_error", (error) => {
    exactly<string>()(error.message);
    const plain: Error = error;
  });
  socket.on("disconnect", (reason, description) => {
    exactly<Socket.DisconnectReason>()(reason);
    exactly<DisconnectDescription | undefined>()(description);
  });
  // @ts-expect-error: the reason is no number
  socket.once("disconnect", (reason: number) => {});
}

//# no event map > on > other events have any arguments
{
  io().on("whatever", (first, second, ...rest) => {
    exactly<any>()(first);
    exactly<any>()(second);
    exactly<any[]>()(rest);
  });
  io().once("whatever", async (only) => exactly<any>()(only));
  io().off("whatever");
}

//# no event map > on > names from an enum
{
  const socket = io();
  socket.on(Names.Enumerated, (first, second) => {
    exactly<any>()(first);
    exactly<any>()(second);
  });
  socket.on("enumerated", (first) => exactly<any>()(first));
  socket.off(Names.Enumerated);
}

//# no event map > emit > any arguments
{
  const socket = io();
  exactly<typeof socket>()(socket.emit("nothing"));
  socket.emit("some", 1, "two", [3], { four: new Uint8Array(5) }, null, undefined);
  socket.emit("asked", 1, (first: string, ...rest: any[]) => {});
  socket.timeout(100).emit("asked", (error: Error, answer: number) => {});
  socket.send("as", "message");
}

//# no event map > emitWithAck > any arguments
async () => {
  const socket = io();
  exactly<any>()(await socket.emitWithAck("asked", 1, "two"));
  exactly<any>()(await socket.timeout(100).emitWithAck("asked"));
  exactly<any>()(await socket.volatile.compress(false).emitWithAck("asked"));
};

//# one event map > on > argument types
{
  const socket: Socket<ChatEvents> = io();
  exactly<Socket<ChatEvents, ChatEvents>>()(socket);
  socket.on("message", (author, length, tags) => {
    exactly<string>()(author);
    exactly<number>()(length);
    exactly<string[]>()(tags);
  });
  socket.on("message", (author) => exactly<string>()(author));
  socket.on("typing", () => {});
  socket.on("connect", () => {});
  exactly<ChatEvents["message"][]>()(socket.listeners("message"));
  exactly<boolean>()(socket.hasListeners("typing"));
}

//# one event map > on > wrong arguments
{
  const socket: Socket<ChatEvents> = io();
  // @ts-expect-error: a listener is missing
  socket.on("message");
  // @ts-expect-error: one argument too many
  socket.on("message", (author, length, tags, more) => {});
  // @ts-expect-error: another type
  socket.on("message", (author: number) => {});
  // @ts-expect-error: no such event
  socket.on("massage", () => {});
  // @ts-expect-error: neither a name nor a listener
  socket.on(1, 2);
  // @ts-expect-error: no such event
  socket.off("massage");
  // @ts-expect-error: not this event's listener
  socket.off("typing", (author: string) => {});
}

//# one event map > emit > right arguments
{
  const socket: Socket<ChatEvents> = io();
  socket.emit("message", "me", 2, ["a", "b"]);
  exactly<Socket<ChatEvents>>()(socket.emit("typing").emit("typing"));
  socket.volatile.emit("typing");
}

//# one event map > emit > wrong arguments
{
  const socket: Socket<ChatEvents> = io();
  // @ts-expect-error: all arguments are missing
  socket.emit("message");
  // @ts-expect-error: not these
  socket.emit("message", (author: string) => {});
  // @ts-expect-error: one too many
  socket.emit("typing", 1);
  // @ts-expect-error: reserved
  socket.emit("connect");
}

//# two event maps > on > argument types
{
  const socket: Socket<FromServer, ToServer> = io();
  exactly<Socket<FromServer, ToServer>>()(socket);
  socket.on("news", (title, priority) => {
    exactly<string>()(title);
    exactly<number>()(priority);
  });
  socket.once("question", (text, answer) => {
    exactly<string>()(text);
    exactly<(yes: boolean) => void>()(answer);
    answer(true);
    // @ts-expect-error: a boolean is needed
    answer("yes");
  });
}

//# two event maps > on > not what is emitted
{
  const socket: Socket<FromServer, ToServer> = io();
  // @ts-expect-error: goes the other way
  socket.on("rename", (name: string) => {});
  // @ts-expect-error: goes the other way
  socket.listeners("rename");
}

//# two event maps > emit > right arguments
{
  const socket: Socket<FromServer, ToServer> = io();
  socket.emit("rename", "somebody");
  socket.emit("search", "text", 10, (title, found) => {
    exactly<string>()(title);
    exactly<boolean>()(found);
  });
  socket.timeout(100).emit("search", "text", 10, (error, title, found) => {
    exactly<Error>()(error);
    exactly<string>()(title);
    exactly<boolean>()(found);
  });
  socket.emit("flush", () => {});
  socket.timeout(100).emit("flush", (error) => exactly<Error>()(error));
  // What is no function stays as it is.
  socket.timeout(100).emit("rename", "somebody");
}

//# two event maps > emit > wrong arguments
{
  const socket: Socket<FromServer, ToServer> = io();
  // @ts-expect-error: an argument is missing
  socket.emit("rename");
  // @ts-expect-error: another type
  socket.emit("rename", 1);
  // @ts-expect-error: one too many
  socket.emit("rename", "somebody", "else");
  // @ts-expect-error: comes from the server
  socket.emit("news", "title", 1);
  // @ts-expect-error: no such event
  socket.emit("renam");
  // @ts-expect-error: no such event
  socket.emit("renam", "somebody");
  // @ts-expect-error: with a timeout the error comes first
  socket.timeout(100).emit("search", "text", 10, (title: string, found: boolean) => {});
}

//# two event maps > emitWithAck > argument types
async () => {
  const socket: Socket<FromServer, ToServer> = io();
  exactly<number>()(await socket.emitWithAck("count", "all"));
  const counted: number = await socket.timeout(100).emitWithAck("count", "all");
  // The first one of several, at run time.
  const title: string = await socket.emitWithAck("search", "text", 10);
  // @ts-expect-error: an argument is missing
  await socket.emitWithAck("count");
  // @ts-expect-error: another type
  await socket.emitWithAck("count", 1);
};

//# a socket's members
{
  const socket: Socket<FromServer, ToServer> = io();
  exactly<string | undefined>()(socket.id);
  exactly<boolean[]>()([socket.connected, socket.disconnected, socket.active, socket.recovered]);
  exactly<Manager<FromServer, ToServer>>()(socket.io);
  exactly<typeof socket>()(socket.connect().open().disconnect().close());
  exactly<typeof socket>()(socket.compress(true));
  exactly<typeof socket>()(socket.volatile);
  socket.auth = { token: 1 };
  socket.auth = (give) => give({ token: 1 });
  socket.sendBuffer = [];
  socket.receiveBuffer = [];
  const catchAll = (event: string, ...args: any[]) => {};
  socket.onAny(catchAll).prependAny(catchAll).offAny(catchAll).offAny();
  socket.onAnyOutgoing(catchAll).prependAnyOutgoing(catchAll).offAnyOutgoing(catchAll).offAnyOutgoing();
  exactly<((...args: any[]) => void)[]>()(socket.listenersAny());
  exactly<((...args: any[]) => void)[]>()(socket.listenersAnyOutgoing());
  // Members that are not for use, yet used.
  exactly<any>()(socket["nsp"]);
  exactly<any>()(socket["acks"]);
  // @ts-expect-error: to be read only
  socket.io = new Manager();
  // @ts-expect-error: to be read only
  socket.active = true;
  // An untyped socket can be used as any typed one.
  const typed: Socket<ChatEvents> = io();
}

//# options
{
  const options: Partial<ManagerOptions & SocketOptions> = {
    forceNew: true,
    multiplex: true,
    path: "/x",
    reconnection: true,
    reconnectionAttempts: 1,
    reconnectionDelay: 1,
    reconnectionDelayMax: 1,
    randomizationFactor: 0,
    timeout: 1,
    autoConnect: false,
    parser: {},
    auth: (give) => give({}),
    retries: 1,
    ackTimeout: 1,
    host: "h",
    hostname: "h",
    secure: true,
    port: 1,
    query: { a: 1, b: "2" },
    agent: false,
    upgrade: true,
    forceBase64: true,
    timestampParam: "t",
    timestampRequests: true,
    transports: ["websocket", "polling", "webtransport", "other"],
    tryAllTransports: true,
    rememberUpgrade: true,
    requestTimeout: 1,
    transportOptions: { polling: { extraHeaders: {} } },
    pfx: "",
    key: "",
    passphrase: "",
    cert: "",
    ca: ["", ""],
    ciphers: "",
    rejectUnauthorized: true,
    extraHeaders: { a: "b" },
    withCredentials: true,
    closeOnBeforeunload: true,
    useNativeTimers: true,
    autoUnref: true,
    perMessageDeflate: { threshold: 1 },
    addTrailingSlash: true,
    protocols: ["p"],
  };
  const port: string | number | undefined = options.port;
  const name: string | undefined = options.path;
  const { retries, ackTimeout }: SocketOptions = options;
  exactly<number | undefined>()(retries);
  // @ts-expect-error
  const wrong: Partial<ManagerOptions> = { transports: "websocket" };
  // @ts-expect-error
  const alsoWrong: Partial<ManagerOptions> = { upgrade: "no" };
  // @ts-expect-error
  const unknown: Partial<ManagerOptions> = { transport: ["websocket"] };
  // @ts-expect-error
  const badAuth: SocketOptions = { auth: "token" };
}

//# a Manager
{
  const manager = new Manager("https://example.com", { autoConnect: false });
  new Manager({ path: "/x" });
  new Manager();
  exactly<Socket>()(manager.socket("/admin", { auth: {} }));
  exactly<typeof manager>()(manager.open((error) => exactly<Error | undefined>()(error)));
  exactly<typeof manager>()(manager.connect());
  exactly<boolean>()(manager.reconnection());
  exactly<number>()(manager.reconnectionAttempts());
  exactly<number>()(manager.reconnectionDelay());
  exactly<number>()(manager.reconnectionDelayMax());
  exactly<number>()(manager.randomizationFactor());
  exactly<number | boolean>()(manager.timeout());
  exactly<typeof manager>()(
    manager
      .reconnection(true)
      .reconnectionAttempts(1)
      .reconnectionDelay(1)
      .reconnectionDelayMax(1)
      .randomizationFactor(0.1)
      .timeout(false),
  );
  manager.on("open", () => {});
  manager.on("error", (error) => exactly<Error>()(error));
  manager.on("ping", () => {});
  manager.on("packet", (packet) => exactly<string>()(packet.nsp));
  manager.on("close", (reason, description) => {
    exactly<string>()(reason);
    exactly<DisconnectDescription | undefined>()(description);
  });
  manager.on("reconnect_failed", () => {});
  manager.on("reconnect_attempt", (attempt) => exactly<number>()(attempt));
  manager.on("reconnect_error", (error) => exactly<Error>()(error));
  manager.on("reconnect", (attempt) => exactly<number>()(attempt));
  // @ts-expect-error: no such event
  manager.on("reconnecting", () => {});
  manager._close();
}

//# the engine
{
  const { engine } = io().io;
  exactly<string>()(engine.id);
  exactly<string>()(engine.transport.name);
  exactly<boolean>()(engine.transport.writable);
  exactly<"opening" | "open" | "closing" | "closed">()(engine.readyState);
  engine.binaryType = "arraybuffer";
  engine.on("upgrade", (transport) => exactly<string>()(transport.name));
  engine.once("close", (reason) => exactly<string>()(reason));
  engine.on("packet", ({ type, data }) => exactly<any>()(data));
  engine.on("packetCreate", (packet) => exactly<boolean | undefined>()(packet.options?.compress));
  engine.on("handshake", (data) => exactly<number>()(data.pingInterval));
  engine.on("upgradeError", (error) => exactly<Error>()(error));
  exactly<typeof engine>()(engine.write("text", { compress: false }, () => {}).send("text").close());
  engine.off();
  // @ts-expect-error: no such event
  engine.on("closed", () => {});
}

//# exported types
{
  const listeners: Partial<SocketReservedEvents> = {
    connect() {},
    connect_error: (error: ExtendedError) => exactly<any>()(error.data),
    disconnect: (reason: Socket.DisconnectReason) => {},
  };
  exactly<[attempt: number]>()([1] as Parameters<ManagerReservedEvents["reconnect"]>);
  exactly<[err: Error]>()([new Error()] as Parameters<ManagerReservedEvents["error"]>);
  const reasons: Record<Socket.DisconnectReason, true> = {
    "io server disconnect": true,
    "io client disconnect": true,
    "ping timeout": true,
    "transport close": true,
    "transport error": true,
    "parse error": true,
  };
  const described: DisconnectDescription[] = [new Error(), { description: "x" }, { description: "x", context: 1 }];
}

//# generic code
{
  class Client<L extends { [event: string]: any }, E extends { [event: string]: any }> {
    constructor(readonly socket: Socket<L, E>) {
      socket.on("connect", () => {});
      socket.on("disconnect", (reason) => exactly<Socket.DisconnectReason>()(reason));
    }
    listen<N extends keyof L & string>(name: N, listener: L[N]) {
      this.socket.on(name, listener as any);
    }
  }
  new Client<FromServer, ToServer>(io()).listen("news", (title) => exactly<string>()(title));
  class Own extends Socket<FromServer, ToServer> {
    rename(name: string) {
      return this.emit("rename", name);
    }
  }
  exactly<Own>()(new Own(new Manager(), "/").rename("x"));
  type Emitted = Parameters<Socket<FromServer, ToServer>["emit"]>[0];
  exactly<keyof ToServer>()("flush" as Emitted);
  const mocked: Pick<Socket, "on" | "emit"> = io();
}
