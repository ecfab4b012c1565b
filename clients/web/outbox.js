// @ts-check
/**
 * Frames on their way: those that wait for a connection, and those that were written and may have
 * been swallowed by it. In order, bounded by bytes. Pure.
 */

/** @typedef {{ type: string, data?: string, seq?: number }} QueuedFrame the part of a frame that matters */

const EBML_BASE64 = "GkXf"; // the first bytes of WebM
const FTYP_BASE64 = "Z0eX"; // "ftyp", which begins with the fifth byte of MP4
const SURVIVES_SESSION_LOSS = new Set(["text", "say"]);

/** Frames of a page before this one that may be under way: their numbers are left to them. */
const IN_FLIGHT_GAP = 1_000_000;

/** @template {QueuedFrame} T */
export class Outbox {
  #maxBytes;
  #bytes = 0;
  /** The newest number that was given. */
  #seq = 0;
  /** Whether the bridge acknowledges frames: they are then numbered, and kept until it does. */
  #isAcknowledged = false;
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
    while (this.#bytes + bytes > this.#maxBytes && this.#entries[0]?.isWritten) this.#dropOldest();
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
      if (this.#isAcknowledged && !entry.frame.seq) entry.frame = { ...entry.frame, seq: ++this.#seq };
      if (!write(entry.frame)) return;
      entry.isWritten = true;
    }
    while (!this.#isAcknowledged && this.#entries[0]?.isWritten) this.#dropOldest();
  }

  /**
   * Schedule unacknowledged frames to be written again, on a new connection to the same session.
   *
   * @param {number} [received] highest number acknowledged; undefined where the bridge sends none
   */
  resume(received) {
    this.#isAcknowledged = received !== undefined;
    this.acknowledge(received ?? this.#seq);
    if (this.#seq <= (received ?? 0)) this.#seq = (received ?? 0) + IN_FLIGHT_GAP;
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
  startNewSession(received) {
    this.#isAcknowledged = received !== undefined;
    const waiting = this.#entries.filter(({ isWritten }) => !isWritten);
    const found = waiting.findIndex(({ frame }) => beginsRecording(frame));
    const end = found < 0 ? waiting.length : found;
    this.#entries = waiting.filter(
      ({ frame }, index) => index >= end || SURVIVES_SESSION_LOSS.has(frame.type),
    );
    this.#bytes = this.#entries.reduce((sum, { bytes }) => sum + bytes, 0);
    return waiting.length - this.#entries.length;
  }

  /** @param {number} received highest number that the bridge acknowledges */
  acknowledge(received) {
    while ((this.#entries[0]?.frame.seq ?? Infinity) <= received) this.#dropOldest();
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

  #dropOldest() {
    this.#bytes -= this.#entries.shift()?.bytes ?? 0;
  }
}

/**
 * Whether a recording begins here: it is said so, or the header of its container is here.
 *
 * @param {QueuedFrame} frame
 */
function beginsRecording({ type, data = "" }) {
  if (type !== "audio_chunk") return type === "start_listening";
  return data.startsWith(EBML_BASE64) || data.slice(6, 10) === FTYP_BASE64;
}
