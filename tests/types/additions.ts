// What our declarations have and the published ones lack.
import { io, Manager, Socket } from "PACKAGE";
import type { DefaultEventsMap, Delivery, EventsMap, Fate, FateChange, FinalFate, Gap } from "PACKAGE";

//# additions
{
  const made: Socket<DefaultEventsMap> = new io.Socket(new io.Manager("https://example.com"), "/");
  const same: typeof io = io.io;
  const also: typeof io = io.connect;
  const map: EventsMap = {};
  io({ perMessageDeflate: false, agent: {}, ca: [new Uint8Array()] });
  made.addEventListener("news", () => {}).removeEventListener("news");
  io({ maxAttachments: 100, recovery: false });
  const host: string = made.io.engine.hostname;
  new Manager().disconnect();

  io({ retries: Infinity, retryWindow: 16, retryDelay: 10, retryDelayMax: 100, exactlyOnce: true, closeTimeout: 100 });
  io({ bufferSize: 10, bufferBytes: 1000, bufferMaxAge: 5000, bufferPolicy: "dropOldest", receipts: false });
  // @ts-expect-error no such policy
  io({ bufferPolicy: "drop" });
  const chat = io() as Socket<{}, { say: (text: string) => void; ask: (text: string, cb: (answer: number) => void) => void }>;
  const signal = { aborted: false, addEventListener() {}, removeEventListener() {} };
  const delivery: Delivery = chat.maxAge(1000).coalesce("draft").signal(signal).deliver("say", "hi");
  chat.deliver("ask", "why");
  chat.deliver("ask", "why", (answer: number) => answer);
  // @ts-expect-error a number is no text
  chat.deliver("say", 1);
  const now: Fate = delivery.fate;
  delivery.settled.then(({ fate, args, value, error }) => {
    const last: FinalFate = fate;
    // @ts-expect-error it stays so no longer
    if (fate === "held") return;
  });
  delivery.stored.then((stored: boolean) => stored);
  const taken: boolean = delivery.cancel();
  const listener = ({ id, fate }: FateChange) => id;
  chat.onFate(listener).offFate(listener).offFate();
  chat.on("not_sent", (error: Error, value?: any[]) => error.message);
  chat.on("delivery_unsupported", () => {});
  io({ outbox: "orders", outboxDurability: "writeBehind", outboxMaxAge: 1000 });
  chat.on("outbox_settled", ({ seq, fate, args }) => [seq.toFixed(), fate, args]);
  chat.on("outbox_error", ({ code, kept, lost }) => [code, kept, lost]);
  io({ recoveryTakeover: false, recoveryTakeoverTimeout: 500, recoveryOverlap: 100, recoveryDedupe: "content", gap: "all", recoveryStore: "session" });
  io({ outbox: "orders", recoveryStore: "outbox" });
  io({ urls: ["https://other.example.com"], shuffleUrls: true, holdEvents: ["news"], holdSize: 10 });
  io({ offset: { key: "serverOffset", of: (event, ...args) => args[1] }, resync: async ({ since }: Gap) => since.toFixed() });
  // @ts-expect-error no such level
  io({ gap: "some" });
  chat.on("gap", ({ reason, recovered, lastOffset, possiblyMissed }) => {
    const last: string | null = lastOffset;
    // @ts-expect-error no such reason
    if (reason === "lost") return;
  });
  const gap: Gap | undefined = chat.lastGap;
  chat.outbox?.clear().then(() => {});
  chat.disconnect({ force: true }).close();
}
