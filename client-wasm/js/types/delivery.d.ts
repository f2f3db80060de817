/**
 * What is known of an emit. Each ends in one of those that stay.
 *
 * - `held`: never sent, or provably not
 * - `inFlight`: handed to the connection; the server may or may not have it
 * - `delivered`: the server has read it; whether a listener handled it is not known
 * - `acknowledged`: the server's listener has answered
 * - `refused`, `expired`, `dropped`, `cancelled`: certainly never sent
 * - `uncertain`: sent at least once, or about to be when its namespace was left, and no answer will come
 */
export type Fate = FinalFate | "held" | "inFlight";
/** A fate that stays. */
export type FinalFate =
  | "delivered"
  | "acknowledged"
  | "refused"
  | "expired"
  | "dropped"
  | "cancelled"
  | "uncertain";

/** A fate, and what is known beside it. */
export interface FateChange<F extends Fate = Fate> {
  /** The emit's number, as its `Delivery` has it. Undefined where it was not accepted. */
  id: number | undefined;
  fate: F;
  /** `inFlight`: which attempt this is, from 1. */
  attempt?: number;
  /** `uncertain`: how often it was sent. */
  attempts?: number;
  /** `uncertain`, of emits that are sent again: when it was last sent, as `Date.now()` has it. */
  lastSentAt?: number;
  /** `uncertain`, with `exactlyOnce`: its acknowledgement's id, by which the server knows it. */
  key?: number;
  /** `acknowledged`: the arguments of the answer. */
  args?: any[];
  /** What was never sent: name and arguments. */
  value?: any[];
  /** Why. */
  error?: Error;
}

/** One emit: see `socket.deliver`. */
export interface Delivery {
  /** By it `onFate` names the emit. Undefined where it was not accepted. */
  readonly id: number | undefined;
  /** What is known now. */
  readonly fate: Fate;
  /**
   * Resolves to `true` once the emit is stored (option `outbox`), or acknowledged before that; to `false` if it ends otherwise
   * before, or cannot be stored.
   */
  readonly stored: Promise<boolean>;
  /** Resolves to the fate that stays. Never rejects. */
  readonly settled: Promise<FateChange<FinalFate>>;
  /**
   * Takes the emit back: `true` if it is certainly never sent. Of one that was sent already the answer is not waited for
   * any longer; it ends as `uncertain`. With `outbox` it may be known only later: see `settled`.
   */
  cancel(): boolean;
}

export {};
