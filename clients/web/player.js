// @ts-check
/** Playback of answer audio: pieces in order, without a gap, until they are silenced. */

import { toBytes } from "./base64.js";
import { PlaybackPosition } from "./playback-position.js";

const HEAD_START_S = 0.06; // time to schedule a piece without cutting its beginning
const TOO_NEAR_S = 0.005; // the audio thread is ahead of the clock by some blocks
const FADE_S = 0.005; // an end in the middle of a wave clicks
const TICK_MS = 50;
const REPORT_MS = 1_000;

/**
 * The `output` for a `VoiceClient` whose answers a player plays: an encoding that it decodes, the
 * lead of the audio over its playback, and the support of holds.
 */
export const PLAYER_OUTPUT = Object.freeze(
  /** @type {const} */ ({
    encoding: "mp3",
    framing: "self_contained",
    maxLeadMs: 1000,
    supportsHold: true,
  }),
);

/**
 * Playback position of a response.
 *
 * @typedef {object} Playback
 * @property {number} responseId
 * @property {number} playedMs length of its audio that has played, without pauses between pieces
 * @property {boolean} isPlaying whether more of its audio is in the queue
 */

/**
 * @typedef {object} Piece
 * @property {number} responseId
 * @property {number} startsAt seconds of the context
 * @property {number} endsAt
 * @property {AudioBufferSourceNode} source
 * @property {GainNode} gain
 */

/**
 * Dispatches `change` when playback begins, continues with another piece, ends, is held, is
 * released, or is blocked by the browser; and `failure`, with `{responseId, error}` in `detail`, when
 * a piece cannot be decoded.
 */
export class Player extends EventTarget {
  /** Seconds of audio decoded and queued so far. */
  decodedSeconds = 0;
  /**
   * Called when a response begins to sound, after each second of it, and at its end or cut.
   *
   * @type {(playback: Playback) => void}
   */
  onPlayback = () => {};

  #openContext;
  /** @type {AudioContext | null} */
  #context = null;
  /** The pieces that sound now or later, in order. @type {Piece[]} */
  #queue = [];
  #position = new PlaybackPosition();
  #latestId = 0;
  #silencedId = -1;
  /** The held response; null while none is held. @type {number | null} */
  #heldId = null;
  /** Resolves when the pieces so far are queued or have failed: it keeps them in order. */
  #queued = Promise.resolve();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #reportTimer;
  /** The latest playback report. */
  #lastReport = { responseId: 0, playedMs: 0 };

  /** @param {() => AudioContext} openContext */
  constructor(openContext = () => new AudioContext()) {
    super();
    this.#openContext = openContext;
  }

  /** Whether audio is playing or queued. */
  get isPlaying() {
    return this.#queue.length > 0;
  }

  /** Whether playback is paused until `release`. */
  get isHeld() {
    return this.#heldId !== null;
  }

  /** Whether the browser blocks sound until the user interacts with the page. */
  get isBlocked() {
    return this.isPlaying && !this.isHeld && this.#context?.state !== "running";
  }

  /** Unblock sound. Browsers require that an action of the user calls it. */
  unlock() {
    const context = this.#open();
    if (context.state !== "running" && !this.isHeld) void context.resume().catch(() => {});
  }

  /**
   * Pause playback at once, and keep the queue and the pieces that arrive. The hold ends with
   * `release`, or when the response is silenced.
   *
   * @param {number} responseId
   */
  hold(responseId) {
    if (responseId <= this.#silencedId) return;
    this.#heldId = responseId;
    void this.#context?.suspend();
    this.dispatchEvent(new Event("change"));
  }

  /** Resume playback where it was held. */
  release() {
    if (!this.isHeld) return;
    this.#heldId = null;
    void this.#context?.resume().catch(() => {}); // even while it is still being suspended
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Queue a piece after the earlier ones.
   *
   * A piece that cannot be decoded is left out, and the next ones are played: the player dispatches
   * `failure`, and the promise rejects. The rejection may be left unhandled.
   *
   * @param {number} responseId increasing, from 1
   * @param {string | Uint8Array<ArrayBuffer>} data a complete audio file, as base64 or bytes
   * @returns {Promise<void>} resolves when the piece is queued
   */
  play(responseId, data) {
    if (responseId <= this.#silencedId) return Promise.resolve();
    this.unlock();
    this.#latestId = Math.max(this.#latestId, responseId);
    const decoding = this.#decode(data);
    decoding.catch(() => {}); // the queue below handles a failure in order
    const queued = this.#queued.then(async () => this.#enqueue(responseId, await decoding));
    this.#queued = queued.catch((error) => this.#fail(responseId, error));
    return queued;
  }

  /**
   * Stop playback of this response and of older ones at once, and ignore their later pieces.
   *
   * @param {number} responseId
   */
  silence(responseId) {
    this.#silencedId = Math.max(this.#silencedId, responseId);
    const silenced = this.#queue.filter((piece) => piece.responseId <= responseId);
    this.#queue = this.#queue.filter((piece) => piece.responseId > responseId);
    for (const piece of silenced) this.#cut(piece);
    if (this.#heldId !== null && this.#heldId <= responseId) this.release();
    for (const id of new Set(silenced.map((piece) => piece.responseId))) this.#playbackChanged(id);
  }

  /**
   * Stop playback of every response so far at once, and ignore their later pieces.
   *
   * @returns {{ responseId: number, playedMs: number }} playback position of the latest response
   */
  flush() {
    this.silence(this.#latestId);
    return { responseId: this.#latestId, playedMs: this.playedMs(this.#latestId) };
  }

  /**
   * Return the length of a response that the user has heard. Audio handed to the device counts from
   * the moment at which it sounds; for a response that is over, all of it counts.
   *
   * @param {number} responseId
   * @returns {number} milliseconds
   */
  playedMs(responseId) {
    const context = this.#context;
    const isOver = !context || !this.#queue.some((piece) => piece.responseId === responseId);
    const now = isOver ? Infinity : context.currentTime - (context.outputLatency || 0);
    return Math.round(this.#position.playedSeconds(responseId, now) * 1000);
  }

  /** Stop playback and release the audio device; a later `play` opens it again. */
  async close() {
    this.flush();
    if (this.#context && this.#context.state !== "closed") await this.#context.close();
  }

  /** @returns {AudioContext} */
  #open() {
    if (this.#context && this.#context.state !== "closed") return this.#context;
    const context = this.#openContext();
    context.onstatechange = () => this.dispatchEvent(new Event("change"));
    if (this.isHeld) void context.suspend();
    this.#context = context;
    this.#position = new PlaybackPosition(); // the new context's clock begins at 0
    return context;
  }

  /** @param {string | Uint8Array<ArrayBuffer>} data */
  async #decode(data) {
    const bytes = typeof data === "string" ? toBytes(data) : data.slice();
    return this.#open().decodeAudioData(bytes.buffer);
  }

  /**
   * @param {number} responseId
   * @param {AudioBuffer} buffer
   */
  #enqueue(responseId, buffer) {
    if (responseId <= this.#silencedId) return;
    const context = this.#open();
    const [source, gain] = [context.createBufferSource(), context.createGain()];
    source.buffer = buffer;
    source.connect(gain).connect(context.destination);
    const startsAt = this.#nextStart(context.currentTime);
    const endsAt = startsAt + buffer.duration;
    const piece = { responseId, startsAt, endsAt, source, gain };
    source.onended = () => this.#end(piece);
    source.start(startsAt);
    this.#position.add(responseId, startsAt, endsAt);
    this.decodedSeconds += buffer.duration;
    this.#queue.push(piece);
    this.#reportTimer ??= setInterval(() => this.#reportWhenDue(), TICK_MS);
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Return the start of the next piece: the end of the queue, for playback without a gap, or after
   * a head start when that is past or too near.
   *
   * @param {number} now
   */
  #nextStart(now) {
    const endsAt = this.#queue.at(-1)?.endsAt ?? -Infinity;
    return endsAt > now + TOO_NEAR_S ? endsAt : now + HEAD_START_S;
  }

  /** @param {Piece} piece */
  #cut({ source, gain, startsAt, responseId }) {
    const { currentTime: now, state } = this.#open();
    const isSounding = startsAt < now && state === "running";
    this.#position.cut(responseId, now);
    source.onended = null;
    if (isSounding) gain.gain.setTargetAtTime(0, now, FADE_S / 3);
    else gain.disconnect();
    source.stop(now + (isSounding ? FADE_S : 0));
  }

  /** @param {Piece} piece */
  #end(piece) {
    piece.gain.disconnect();
    this.#queue = this.#queue.filter((other) => other !== piece);
    this.#playbackChanged(piece.responseId);
  }

  /** @param {number} responseId response of a piece that has ended or was cut off */
  #playbackChanged(responseId) {
    const next = this.#queue[0]?.responseId;
    if (next === undefined) {
      clearInterval(this.#reportTimer);
      this.#reportTimer = undefined;
    }
    if (next !== responseId) this.#report(responseId); // else it continues, and the timer reports
    this.dispatchEvent(new Event("change"));
  }

  #reportWhenDue() {
    const { responseId } = this.#queue[0];
    const playedMs = this.playedMs(responseId);
    const isKnown = this.#lastReport.responseId === responseId;
    const dueMs = isKnown ? this.#lastReport.playedMs + REPORT_MS : 1;
    if (playedMs >= dueMs) this.#report(responseId);
  }

  /** @param {number} responseId */
  #report(responseId) {
    const isPlaying = this.#queue.some((piece) => piece.responseId === responseId);
    this.#lastReport = { responseId, playedMs: this.playedMs(responseId) };
    this.onPlayback({ ...this.#lastReport, isPlaying });
  }

  /**
   * @param {number} responseId
   * @param {unknown} error
   */
  #fail(responseId, error) {
    this.dispatchEvent(new CustomEvent("failure", { detail: { responseId, error } }));
  }
}
