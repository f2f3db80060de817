/** What a store has to say that is no fate. `code` is one of those below; `cause` what the browser said. */
export class OutboxError extends Error {
  name = "OutboxError";

  /** `kept` and `lost` are numbers of records where they are known. */
  constructor(code, cause, { kept = null, lost = null } = {}) {
    super(`outbox: ${TEXTS[code]}`, { cause });
    this.code = code;
    this.kept = kept;
    this.lost = lost;
  }
}

const TEXTS = {
  unavailable: "no database; what is emitted from now on lives as long as this page",
  newer: "the database is of a newer version; what is emitted from now on lives as long as this page",
  deleted: "the database was deleted",
  corrupt: "records were damaged and are skipped",
  metadata: "the delivery id was damaged; records are sent under a new one, perhaps for a second time",
  storage: "not stored",
  full: "the buffer is full",
  follower: "this tab does not lead any longer",
  closed: "the outbox is closed",
};

/** Another tab leads: it has written its epoch. */
export class Fenced extends Error {}
