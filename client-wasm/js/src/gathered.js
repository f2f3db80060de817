// A body on its way.

/** A text has no more. */
const LONGEST = 2 ** 29;

/** All that has come of it, in one buffer: pieces of a byte each would take a hundred times as much. */
export class Gathered {
  #bytes = new Uint8Array(0);
  #size = 0;
  #limit;

  /** Holds no more than so many bytes. */
  constructor(limit) {
    this.#limit = Math.min(limit, LONGEST);
  }

  /** Whether the piece has room; where it has not, nothing of it is kept. */
  add(piece) {
    const size = this.#size + piece.length;
    if (size > this.#limit) return false;
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#limit, Math.max(size, 2 * this.#bytes.length)));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#size);
    this.#size = size;
    return true;
  }

  /** Throws where it is none and that is `fatal`. */
  text(fatal) {
    return new TextDecoder("utf-8", { fatal }).decode(this.#bytes.subarray(0, this.#size));
  }
}
