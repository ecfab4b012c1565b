// @ts-check
/** Frames that wait for a connection, in order, bounded by bytes. Pure. */

/** @typedef {{ type: string, data?: string }} Waiting the part of a frame that matters here */

const EBML_BASE64 = "GkXf"; // the first bytes of WebM
const FTYP_BASE64 = "Z0eX"; // "ftyp", which begins with the fifth byte of MP4
const OUTLIVES_ITS_SESSION = new Set(["text", "say"]);

/** @template {Waiting} T */
export class OfflineQueue {
  #maxBytes;
  #bytes = 0;
  /** @type {{ frame: T, bytes: number }[]} */
  #entries = [];

  /** @param {number} maxBytes of all frames as JSON */
  constructor(maxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** How many frames wait. */
  get length() {
    return this.#entries.length;
  }

  /**
   * Let a frame wait. A full queue takes no more, since a recording without its end can be
   * understood, and one without its beginning cannot.
   *
   * @param {T} frame
   * @returns {boolean} whether there was room
   */
  add(frame) {
    const bytes = JSON.stringify(frame).length;
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    this.#entries.push({ frame, bytes });
    return true;
  }

  /**
   * Forget what only makes sense to a session that is gone: up to the beginning of the next
   * recording, all but typed text and what is to be said.
   *
   * @returns {number} frames forgotten
   */
  forgetSession() {
    const found = this.#entries.findIndex(({ frame }) => beginsRecording(frame));
    const end = found < 0 ? this.#entries.length : found;
    const before = this.#entries.length;
    this.#entries = this.#entries.filter(
      ({ frame }, index) => index >= end || OUTLIVES_ITS_SESSION.has(frame.type),
    );
    this.#bytes = this.#entries.reduce((sum, { bytes }) => sum + bytes, 0);
    return before - this.#entries.length;
  }

  /**
   * Take everything out.
   *
   * @returns {T[]} in order
   */
  takeAll() {
    const frames = this.#entries.map(({ frame }) => frame);
    this.#entries = [];
    this.#bytes = 0;
    return frames;
  }
}

/**
 * Whether a recording begins here: it is said so, or the header of its container is here.
 *
 * @param {Waiting} frame
 */
function beginsRecording({ type, data = "" }) {
  if (type !== "audio_chunk") return type === "start_listening";
  return data.startsWith(EBML_BASE64) || data.slice(6, 10) === FTYP_BASE64;
}
