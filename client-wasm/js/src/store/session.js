// The session of a namespace, in the database of its outbox: for the tab that leads next. Whose name stands there may ask the
// server for it, and nobody else.
import { sealed, unsealed } from "./record.js";

/** In the place of one that the server is being asked for. It cannot be read: who comes next has missed something. */
const CLAIMED = "-";

const place = (key) => `session ${key}`;

/** For a tab that begins to lead: `{ text, by }`, an empty text for what cannot be read; undefined if there is none. */
export async function takeSession(tx, key, tab) {
  const stored = await tx.get(place(key));
  if (stored === undefined) return undefined;
  const { session, tab: by } = unsealed(stored) ?? {};
  const text = typeof session === "string" ? session : "";
  saveSession(tx, key, tab, text);
  return text === CLAIMED ? { text } : { text, by };
}

/** An empty text: there is none. True: it is done. */
export function saveSession(tx, key, tab, session) {
  if (session === "") tx.unset(place(key));
  else tx.set(place(key), sealed({ tab, session }));
  return true;
}

/** `{ by, remains }`: whose it is, `"this"` tab's, `"other"` or `"nobody"`; whether the place is this tab's afterwards. */
export async function claimSession(tx, key, tab, leads) {
  const stored = await tx.get(place(key));
  if (stored !== undefined && unsealed(stored)?.tab !== tab) return { by: "other", remains: false };
  saveSession(tx, key, tab, leads ? CLAIMED : "");
  // In memory there is nobody else.
  return { by: stored === undefined && !tx.alone ? "nobody" : "this", remains: leads };
}
