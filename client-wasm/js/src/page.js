// What the page tells all connections: that the network is gone or back, and that the page goes away.

/** Managers with a session, and those that lost it with the network. */
const open = new Set();
const offline = new Set();
let listening = false;

// Not within `watch`, whose scope, and with it the first manager, they would keep as long as the page is there. In a table,
// because minifiers move a function that is named once to where it is named.
const listeners = {
  offline() {
    for (const each of [...open]) {
      if (each.engine.hostname === "localhost") continue;
      offline.add(each);
      each._online(false);
    }
  },
  online() {
    for (const each of [...offline]) {
      offline.delete(each);
      each._online(true);
    }
  },
  beforeunload() {
    for (const each of open) if (each.opts.closeOnBeforeunload) each._links.silence();
  },
};

/** Follows a manager whose session has just begun. */
export function watch(manager) {
  if (typeof addEventListener !== "function") return;
  open.add(manager);
  if (listening) return;
  listening = true;
  for (const [event, listener] of Object.entries(listeners)) addEventListener(event, listener);
}

/** Its session has ended. */
export function unwatch(manager) {
  open.delete(manager);
}
