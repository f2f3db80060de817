// What the page tells all connections: that the network is gone or back, that the page goes away, and that it is seen again.

/** Managers with a session, and those that lost it with the network. */
const open = new Set();
const offline = new Set();
/** Those that wait for their next attempt. */
const waiting = new Set();
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
    resume();
  },
  visibilitychange() {
    if (document.visibilityState === "visible") resume();
  },
  pageshow({ persisted }) {
    if (persisted) resume();
  },
  beforeunload() {
    for (const each of open) if (each.opts.closeOnBeforeunload) each._links.silence();
  },
};

/** Connections may be gone without a word, and it may be possible again to make one. */
function resume() {
  for (const each of [...open, ...waiting]) if (open.has(each) || each._reconnecting) each._resume();
}

/** Follows a manager whose session has just begun. */
export function watch(manager) {
  open.add(manager);
  waiting.delete(manager);
  listen();
}

/** Follows one that waits for its next attempt. */
export function watchWaiting(manager) {
  waiting.add(manager);
  listen();
}

function listen() {
  if (listening || typeof addEventListener !== "function") return;
  listening = true;
  for (const [event, listener] of Object.entries(listeners)) addEventListener(event, listener);
}

/** Its session has ended. */
export function unwatch(manager) {
  open.delete(manager);
  waiting.delete(manager);
}
