// Calls of the core by number; the same as in src/js/calls.rs, which says what they take.

/** What the application wants. `core.act` returns whether something happened that is to be polled. */
export const ACT = {
  OPEN: 0,
  CLOSE: 1,
  DROP_SESSION: 2,
  RECONNECTION: 3,
  ONLINE: 4,
  MESSAGE: 5,
  PING_DEADLINE: 6,
  CONNECT: 7,
  DISCONNECT: 8,
  AUTHENTICATE: 9,
  UNRESOLVED: 10,
  CANCEL: 11,
  FOLLOW: 12,
  WITHOUT: 13,
  RESERVED: 14,
  ADOPT: 15,
  RESYNCED: 16,
  RESUME: 17,
  DROPPED: 18,
};

/** What is noted: `core.note`. */
export const NOTE = {
  OPTION: 0,
  UPGRADED_BEFORE: 1,
  PART: 2,
  OBSERVE: 3,
  DISCARD: 4,
  FORGET: 5,
  FATES: 6,
  MAX_AGE: 7,
  TERMS: 8,
  RESYNC: 9,
};

/** What the application says with a text: `core.say` returns what `act` does. */
export const SAY = {
  MESSAGE: 0,
  PATH: 1,
  TIMESTAMP_PARAM: 2,
  ADDRESS: 3,
  NAMESPACE: 4,
  COALESCE: 5,
  LEAD: 6,
  SERVER: 7,
  RESTORE: 8,
};

/** What transports heard. `core.hear` returns what `poll` does. */
export const HEAR = {
  OPENED: 0,
  GOT: 1,
  POSTED: 2,
  ENDED: 3,
  BINARY: 4,
};

/** What `core.look` looks up. */
export const LOOK = {
  NUMBER: 0,
  SLOT: 1,
  UPGRADED_BEFORE: 2,
  PING_DEADLINE: 3,
  ACTIVE: 4,
  QUEUED: 5,
  HELD: 6,
  HELD_TICKET: 7,
  HELD_SLOT: 8,
  ADOPTED: 9,
  TAKE_ID: 10,
  SAVED: 11,
  CONNECTED: 12,
  SAVED_BEFORE: 13,
};
