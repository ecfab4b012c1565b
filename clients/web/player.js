// @ts-check
/** The loudspeaker: answer audio, piece after piece without a gap, until told to be silent. */

const HEAD_START_S = 0.06; // so that the first piece is not cut by its own scheduling

/**
 * @typedef {{ responseId: number, startsAt: number, duration: number,
 *   source: AudioBufferSourceNode }} Piece
 */

/** Dispatches `change` when it begins, goes on with another piece, or falls silent. */
export class Player extends EventTarget {
  /** Seconds of audio that were decoded and put into the queue. */
  decodedSeconds = 0;

  /** @type {AudioContext | null} */
  #context = null;
  /** @type {Piece[]} */
  #pieces = [];
  #playing = 0;
  #silencedId = 0;
  /** Keeps pieces in order: they are decoded one after the other. */
  #decoding = Promise.resolve();

  /** Whether anything is being played. */
  get isPlaying() {
    return this.#playing > 0;
  }

  /** Let sound out. Browsers want it called by something that the user does. */
  unlock() {
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") void this.#context.resume();
  }

  /**
   * Play a piece after those before it.
   *
   * @param {number} responseId
   * @param {string} base64 a complete audio file
   * @returns {Promise<void>} rejected when the browser cannot decode it
   */
  play(responseId, base64) {
    const played = this.#decoding.then(() => this.#enqueue(responseId, base64));
    this.#decoding = played.catch(() => {});
    return played;
  }

  /**
   * Be silent at once, and play nothing more of this response or an older one.
   *
   * @param {number} responseId
   */
  silence(responseId) {
    this.#silencedId = Math.max(this.#silencedId, responseId);
    for (const piece of this.#pieces) {
      if (piece.responseId <= responseId) piece.source.stop();
    }
    this.#pieces = this.#pieces.filter((piece) => piece.responseId > responseId);
  }

  /**
   * How much of a response has been heard.
   *
   * @param {number} responseId
   * @returns {number} milliseconds
   */
  playedMs(responseId) {
    const context = this.#context;
    if (!context) return 0;
    const now = context.currentTime - (context.outputLatency || 0);
    const seconds = this.#pieces
      .filter((piece) => piece.responseId === responseId)
      .map((piece) => Math.min(Math.max(now - piece.startsAt, 0), piece.duration))
      .reduce((sum, played) => sum + played, 0);
    return Math.round(seconds * 1000);
  }

  /**
   * @param {number} responseId
   * @param {string} base64
   */
  async #enqueue(responseId, base64) {
    this.unlock();
    const context = this.#context;
    if (!context || responseId <= this.#silencedId) return;
    const buffer = await context.decodeAudioData(toBytes(base64).buffer);
    if (responseId <= this.#silencedId) return;
    const source = new AudioBufferSourceNode(context, { buffer });
    const now = context.currentTime;
    const startsAt = Math.max(now + HEAD_START_S, ...this.#pieces.map(endOf));
    this.#pieces = this.#pieces.filter(
      (piece) => piece.responseId === responseId || endOf(piece) > now,
    );
    this.#pieces.push({ responseId, startsAt, duration: buffer.duration, source });
    source.connect(context.destination);
    source.onended = () => this.#count(-1);
    source.start(startsAt);
    this.decodedSeconds += buffer.duration;
    this.#count(1);
  }

  /** @param {number} change */
  #count(change) {
    this.#playing += change;
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Piece} piece */
function endOf(piece) {
  return piece.startsAt + piece.duration;
}

/**
 * @param {string} base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
function toBytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
