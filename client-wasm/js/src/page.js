// What the page tells all connections: that the network is gone or back, and that the page goes away.

/** Managers with a session, and those that lost it with the network. */
const open = new Set();
const offline = new Set();
let listening = false;

/** Follows a manager whose session has just begun. */
export function watch(manager) {
  if (typeof addEventListener !== "function") return;
  open.add(manager);
  if (listening) return;
  listening = true;
  addEventListener("offline", () => {
    for (const each of [...open]) {
      if (each.engine.hostname === "localhost") continue;
      offline.add(each);
      each._offline();
    }
  });
  addEventListener("online", () => {
    for (const each of [...offline]) {
      offline.delete(each);
      each._online();
    }
  });
  addEventListener("beforeunload", () => {
    for (const each of open) if (each.opts.closeOnBeforeunload) each._links.silence();
  });
}

/** Its session has ended. */
export function unwatch(manager) {
  open.delete(manager);
}
