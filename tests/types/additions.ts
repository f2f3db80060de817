// What our declarations have and the published ones lack.
import { io, Manager, Socket } from "PACKAGE";
import type { DefaultEventsMap, EventsMap } from "PACKAGE";

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
}
