// @ts-check
/** Drops frames of a session that have already been received, by sequence number. Pure. */

export class FrameDeduplicator {
  #seq = 0;
  /** Types received with that number: one event may be several frames. @type {Set<string>} */
  #types = new Set();

  /** Highest sequence number received; 0 before the first. */
  get lastSeq() {
    return this.#seq;
  }

  /**
   * Record a frame.
   *
   * @param {{ type: string, seq?: number }} frame
   * @returns {boolean} whether it is new; a frame without a sequence number always is
   */
  accept({ type, seq = 0 }) {
    if (seq === 0) return true;
    if (seq < this.#seq) return false;
    if (seq > this.#seq) this.#types.clear();
    this.#seq = seq;
    if (this.#types.has(type)) return false;
    this.#types.add(type);
    return true;
  }

  /** Start over, for another session with a sequence of its own. */
  reset() {
    this.#seq = 0;
    this.#types.clear();
  }
}
