// Who sends: what a client says in `auth.$delivery`, and the name under which its events are remembered.
import { createHash } from "node:crypto";

const ID = /^[A-Za-z0-9_.-]{1,64}$/;

// Names end up in keys of Redis, and in those that handlers write into their database.
const LONGEST = 256;

/** `{ id, base }` of what a client says, `null` where it is nothing we know, `undefined` where it says nothing. */
export function readDelivery(auth) {
  if (auth === null || typeof auth !== "object" || !Object.hasOwn(auth, "$delivery")) return undefined;
  const said = auth.$delivery;
  if (said === null || typeof said !== "object" || said.v !== 1) return null;
  const { id, base = 0 } = said;
  if (typeof id !== "string" || !ID.test(id) || !Number.isSafeInteger(base) || base < 0) return null;
  return { id, base };
}

const part = (text) => text.replace(/[%|{}]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);

const digest = (algorithm, frames) => frames.reduce((hash, frame) => hash.update(frame).update("\0"), createHash(algorithm));

/** `user|id|namespace`: one counter of ack ids. */
export function scopeName(user, id, namespace) {
  const name = [user, id, namespace].map(part).join("|");
  return name.length <= LONGEST ? name : `sha256|${digest("sha256", [name]).digest("base64url")}`;
}

/** 22 characters that stand for an event's name and arguments. */
export const fingerprint = (frames) => digest("sha256", frames).digest("base64url").slice(0, 22);
