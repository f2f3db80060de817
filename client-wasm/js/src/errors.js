// Why an event is not sent, or not answered.

/**
 * What the core says of an emit or ack that it did not take, from -2 down. Another ack came too late, which is nobody's
 * fault.
 */
export const REFUSED = [
  "the buffer is full",
  "the event is larger than the server accepts (maxPayload)",
  "the event has more attachments than most servers accept (option maxAttachments)",
  undefined,
  "the event was held for longer than its age limit (maxAge, bufferMaxAge)",
  "the event was dropped for a newer one (bufferPolicy, coalesce)",
];
export const FULL = -2;
export const notSent = (reason) => new Error(REFUSED[-2 - reason] ?? "the event cannot be sent");

/** Why no ack comes. */
export const TIMEOUT = 1;
export const TIMED_OUT = "operation has timed out";
export const CANCELLED = 4;
export const cancelled = (signal) => (signal?.aborted ? signal.reason : new Error("the event was cancelled"));

export const V2_SERVER =
  "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are not compatible " +
  "(more information here: https://socket.io/docs/v3/migrating-from-2-x-to-3-0/)";

/** How a transport failed. */
export class TransportError extends Error {
  type = "TransportError";

  constructor(message, description, context) {
    super(message);
    this.description = description;
    this.context = context;
  }
}
