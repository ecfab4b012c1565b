// @ts-check
/**
 * The send queue: frames that wait for a connection, and written ones that the bridge has not
 * acknowledged, which a lost connection may have swallowed. In order, bounded by bytes. Pure.
 */

/** @typedef {{ type: string, data?: string, seq?: number }} QueuedFrame the fields read here */

const EBML_BASE64 = "GkXf"; // the first bytes of WebM
const FTYP_BASE64 = "Z0eX"; // "ftyp", which begins with the fifth byte of MP4
const SURVIVES_SESSION_LOSS = new Set(["text", "say"]);

/** Sequence numbers left to frames that an earlier page of the session may still have in flight. */
const IN_FLIGHT_GAP = 1_000_000;

/** @template {QueuedFrame} T */
export class Outbox {
  #maxBytes;
  #bytes = 0;
  /** Highest sequence number assigned. */
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
   * Queue a frame. When there is no room, written frames are dropped, oldest first. A queue full of
   * unwritten frames refuses more: a recording without its end can be recognized, one without its
   * beginning cannot.
   *
   * @param {T} frame
   * @returns {boolean} whether it was queued
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
   * Write the unwritten frames, in order, until one fails.
   *
   * @param {(frame: T) => boolean} write returns whether the frame was written
   */
  flush(write) {
    for (const entry of this.#entries.filter(({ isWritten }) => !isWritten)) {
      const { frame } = entry;
      if (this.#isAcknowledged && !frame.seq) entry.frame = { ...frame, seq: ++this.#seq };
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
   * Keep only the frames that make sense to a new session, which has none of the earlier input.
   * Drops written frames, and all frames before the beginning of the next recording except typed
   * text and texts to speak.
   *
   * @param {number} [received] see `resume`
   * @returns {number} number of unwritten frames that were dropped
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

  /**
   * Drop the frames that have arrived.
   *
   * @param {number} received highest number that the bridge acknowledges
   */
  acknowledge(received) {
    while ((this.#entries[0]?.frame.seq ?? Infinity) <= received) this.#dropOldest();
  }

  /**
   * Drop all frames.
   *
   * @returns {number} number of unwritten frames that were dropped
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
 * Whether a recording begins with this frame: by its type, or by the header of a container.
 *
 * @param {QueuedFrame} frame
 */
function beginsRecording({ type, data = "" }) {
  if (type !== "audio_chunk") return type === "start_listening";
  return data.startsWith(EBML_BASE64) || data.slice(6, 10) === FTYP_BASE64;
}
