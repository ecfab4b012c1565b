// @ts-check
/** The loudspeaker: answer audio, piece after piece without a gap, until told to be silent. */

import { toBytes } from "./base64.js";
import { PlaybackPosition } from "./playback-position.js";

const HEAD_START_S = 0.06; // so that a piece is not cut by its own scheduling
const TOO_NEAR_S = 0.005; // the audio thread is ahead of the clock by some blocks
const FADE_S = 0.005; // an end in the middle of a wave would click
const TICK_MS = 50;
const REPORT_MS = 1_000;

/**
 * The `output` of a `VoiceClient` whose answers a player plays: what it can decode, how much it may
 * be sent ahead, and that it can be held.
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
 * How far a response has been heard.
 *
 * @typedef {object} Playback
 * @property {number} responseId
 * @property {number} playedMs of the response, without pauses between its pieces
 * @property {boolean} isPlaying whether more of it is in the queue
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
 * Dispatches `change` when it begins, goes on with another piece, falls silent, is held or goes on,
 * or is kept from sounding by the browser; `failure`, with `{responseId, error}` in `detail`, when a piece cannot
 * be decoded.
 */
export class Player extends EventTarget {
  /** Seconds of audio that were decoded and put into the queue. */
  decodedSeconds = 0;
  /**
   * Told when a response begins to be heard, after each second of it, and when it ends or is cut.
   *
   * @type {(playback: Playback) => void}
   */
  onPlayback = () => {};

  #openContext;
  /** @type {AudioContext | null} */
  #context = null;
  /** What is or will be heard, in order. @type {Piece[]} */
  #queue = [];
  #position = new PlaybackPosition();
  #latestId = 0;
  #silencedId = -1;
  /** The response that is held; null while none is. @type {number | null} */
  #heldId = null;
  /** Keeps pieces in order: each is put into the queue after the one before it. */
  #queued = Promise.resolve();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #reportTimer;
  /** The newest report. */
  #lastReport = { responseId: 0, playedMs: 0 };

  /** @param {() => AudioContext} openContext */
  constructor(openContext = () => new AudioContext()) {
    super();
    this.#openContext = openContext;
  }

  /** Whether anything is being played. */
  get isPlaying() {
    return this.#queue.length > 0;
  }

  /** Whether it is silent until `release`. */
  get isHeld() {
    return this.#heldId !== null;
  }

  /** Whether the browser lets no sound out until the user has done something. */
  get isBlocked() {
    return this.isPlaying && !this.isHeld && this.#context?.state !== "running";
  }

  /** Let sound out. Browsers want it called by something that the user does. */
  unlock() {
    const context = this.#open();
    if (context.state !== "running" && !this.isHeld) void context.resume().catch(() => {});
  }

  /**
   * Be silent at once, and keep everything that is in the queue or comes into it. Also over when
   * the response is silenced.
   *
   * @param {number} responseId
   */
  hold(responseId) {
    if (responseId <= this.#silencedId) return;
    this.#heldId = responseId;
    void this.#context?.suspend();
    this.dispatchEvent(new Event("change"));
  }

  /** Go on where it was held. */
  release() {
    if (!this.isHeld) return;
    this.#heldId = null;
    void this.#context?.resume().catch(() => {}); // even while it is still being suspended
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Play a piece after those before it.
   *
   * A piece that cannot be decoded is left out, and the next ones are played; `failure` says so. The
   * promise says so too, and nothing happens to those who do not wait for it.
   *
   * @param {number} responseId counts upward, from 1
   * @param {string | Uint8Array<ArrayBuffer>} data a complete audio file, as base64 or bytes
   * @returns {Promise<void>} resolved when it is in the queue
   */
  play(responseId, data) {
    if (responseId <= this.#silencedId) return Promise.resolve();
    this.unlock();
    this.#latestId = Math.max(this.#latestId, responseId);
    const decoding = this.#decode(data);
    decoding.catch(() => {}); // its turn to fail comes below
    const queued = this.#queued.then(async () => this.#enqueue(responseId, await decoding));
    this.#queued = queued.catch((error) => this.#fail(responseId, error));
    return queued;
  }

  /**
   * Be silent at once, and play nothing more of this response or an older one.
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
   * Be silent at once, and play nothing more of what has come.
   *
   * @returns {{ responseId: number, playedMs: number }} how much of the latest response was heard
   */
  flush() {
    this.silence(this.#latestId);
    return { responseId: this.#latestId, playedMs: this.playedMs(this.#latestId) };
  }

  /**
   * How much of a response has been heard. What the browser has given to the device counts when it
   * sounds; of a response that is over, all that it has been given.
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

  /** Be silent and give the loudspeaker back; a later `play` takes it again. */
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
    this.#position = new PlaybackPosition(); // its clock begins at 0
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
    this.#reportTimer ??= setInterval(() => this.#reportWhenDue(this.#queue[0].responseId), TICK_MS);
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Where the queue ends: there without a gap, or after a moment if that is over or too near.
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

  /** @param {number} responseId of what has ended */
  #playbackChanged(responseId) {
    const next = this.#queue[0]?.responseId;
    if (next === undefined) {
      clearInterval(this.#reportTimer);
      this.#reportTimer = undefined;
    }
    if (next !== responseId) this.#report(responseId); // else it goes on, and the interval tells
    this.dispatchEvent(new Event("change"));
  }

  /** @param {number} responseId of what is next to be heard, or is heard */
  #reportWhenDue(responseId) {
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
