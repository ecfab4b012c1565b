// @ts-check
/**
 * Frames on their way: those that wait for a connection, and those that were written and may have
 * been swallowed by it. In order, bounded by bytes. Pure.
 */

/** @typedef {{ type: string, data?: string, seq?: number }} Sent the part of a frame that matters */

const EBML_BASE64 = "GkXf"; // the first bytes of WebM
const FTYP_BASE64 = "Z0eX"; // "ftyp", which begins with the fifth byte of MP4
const OUTLIVES_ITS_SESSION = new Set(["text", "say"]);

/** Frames of a page before this one that may be under way: their numbers are left to them. */
const UNDER_WAY = 1_000_000;

/** @template {Sent} T */
export class Outbox {
  #maxBytes;
  #bytes = 0;
  /** The newest number that was given. */
  #seq = 0;
  /** Whether the other side tells what has arrived, so that frames are numbered and kept. */
  #isTold = false;
  /** @type {{ frame: T, bytes: number, isWritten: boolean }[]} */
  #entries = [];

  /** @param {number} maxBytes of all frames as JSON */
  constructor(maxBytes) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Take a frame. Where there is no room, frames that were written already are kept no longer; a box
   * full of frames that wait takes no more, since a recording without its end can be understood,
   * and one without its beginning cannot.
   *
   * @param {T} frame
   * @returns {boolean} whether there was room
   */
  add(frame) {
    const bytes = frame.data?.length ?? JSON.stringify(frame).length;
    while (this.#bytes + bytes > this.#maxBytes && this.#entries[0]?.isWritten) this.#forget();
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    this.#entries.push({ frame, bytes, isWritten: false });
    return true;
  }

  /**
   * Write what is to be written, in order, until that fails.
   *
   * @param {(frame: T) => boolean} write whether it was written
   */
  flush(write) {
    for (const entry of this.#entries.filter(({ isWritten }) => !isWritten)) {
      if (this.#isTold && !entry.frame.seq) entry.frame = { ...entry.frame, seq: ++this.#seq };
      if (!write(entry.frame)) return;
      entry.isWritten = true;
    }
    while (!this.#isTold && this.#entries[0]?.isWritten) this.#forget();
  }

  /**
   * A connection to the same session begins: what has not arrived is to be written again.
   *
   * @param {number} [received] the newest number that has arrived; nothing where that is not told
   */
  resume(received) {
    this.#isTold = received !== undefined;
    this.arrived(received ?? this.#seq);
    if (this.#seq <= (received ?? 0)) this.#seq = (received ?? 0) + UNDER_WAY;
    for (const entry of this.#entries) entry.isWritten = false;
  }

  /**
   * Another session begins, which knows nothing of what was said before. Forget what was written,
   * and what only makes sense to the session that is gone: up to the beginning of the next
   * recording, all but typed text and what is to be said.
   *
   * @param {number} [received] see `resume`
   * @returns {number} frames forgotten that were not written
   */
  beginAnew(received) {
    this.#isTold = received !== undefined;
    const waiting = this.#entries.filter(({ isWritten }) => !isWritten);
    const found = waiting.findIndex(({ frame }) => beginsRecording(frame));
    const end = found < 0 ? waiting.length : found;
    this.#entries = waiting.filter(
      ({ frame }, index) => index >= end || OUTLIVES_ITS_SESSION.has(frame.type),
    );
    this.#bytes = this.#entries.reduce((sum, { bytes }) => sum + bytes, 0);
    return waiting.length - this.#entries.length;
  }

  /** @param {number} received the newest number that has arrived */
  arrived(received) {
    while ((this.#entries[0]?.frame.seq ?? Infinity) <= received) this.#forget();
  }

  /**
   * Forget everything.
   *
   * @returns {number} frames that were not written
   */
  clear() {
    const waiting = this.#entries.filter(({ isWritten }) => !isWritten).length;
    this.#entries = [];
    this.#bytes = 0;
    return waiting;
  }

  #forget() {
    this.#bytes -= this.#entries.shift()?.bytes ?? 0;
  }
}

/**
 * Whether a recording begins here: it is said so, or the header of its container is here.
 *
 * @param {Sent} frame
 */
function beginsRecording({ type, data = "" }) {
  if (type !== "audio_chunk") return type === "start_listening";
  return data.startsWith(EBML_BASE64) || data.slice(6, 10) === FTYP_BASE64;
}
