import { put, shapeOf, value } from "../slots.js";

/** A parser of the application (option `parser`) between the core's packets and Engine.IO messages. */
export class Parser {
  #encoder;
  #decoder;
  #decoded;

  /** `decoded(type, nsp, id, slot, shape)` is called for each packet. */
  constructor({ Encoder, Decoder }, decoded) {
    this.#encoder = new Encoder();
    this.#decoder = new Decoder();
    this.#decoded = ({ type, nsp, id, data }) => {
      const there = data !== undefined;
      decoded(type, nsp, id ?? -1, there ? put(data) : 0, there ? shapeOf(data) : 0);
    };
    this.#decoder.on("decoded", this.#decoded);
  }

  /** Throws what the application's decoder throws. */
  add(data) {
    this.#decoder.add(data);
  }

  /** Messages: texts and binary data. */
  encode(kind, nsp, id, slot, options) {
    const packet = { type: kind, nsp, data: slot < 0 ? undefined : value(slot), options };
    if (id >= 0) packet.id = id;
    return this.#encoder.encode(packet);
  }

  /** The connection has ended. A decoder may drop its listeners with it. */
  destroy() {
    this.#decoder.off?.("decoded", this.#decoded);
    this.#decoder.destroy?.();
    this.#decoder.on("decoded", this.#decoded);
  }
}
