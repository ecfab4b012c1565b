// @ts-check
/** Tells frames of a session that came before from new ones. Pure. */

export class FrameDeduplicator {
  #seq = 0;
  /** Types of the frames of the newest place: an event may be told in several. @type {Set<string>} */
  #types = new Set();

  /** The newest place in the session's sequence; 0 before the first. */
  get lastSeq() {
    return this.#seq;
  }

  /**
   * Note a frame.
   *
   * @param {{ type: string, seq?: number }} frame
   * @returns {boolean} whether it is new; one without a place always is
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

  /** Another session begins, with a sequence of its own. */
  reset() {
    this.#seq = 0;
    this.#types.clear();
  }
}
