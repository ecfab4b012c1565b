// @ts-check
/** Voice activity detection by loudness. */

import { LevelMeter } from "./level-meter.js";

const THRESHOLD = 30;
const SILENCE_TIMEOUT_MS = 2_000;
const POLL_MS = 50;

/** @typedef {{ readonly loudness: number }} LoudnessMeter source of the loudness, 0 to 255 */

/** Finds the start and the end of speech in readings of loudness. Pure; the time is an argument. */
export class SpeechEdges {
  /** Loudness above which audio counts as speech, 0 to 255. */
  threshold = THRESHOLD;
  /** Silence that ends speech, in milliseconds. */
  silenceTimeoutMs = SILENCE_TIMEOUT_MS;

  #isSpeaking = false;
  #loudAtMs = 0;

  /** Whether speech has started and not ended. */
  get isSpeaking() {
    return this.#isSpeaking;
  }

  /**
   * Process a reading.
   *
   * @param {number} loudness 0 to 255
   * @param {number} nowMs milliseconds of a monotonic clock
   * @returns {"start" | "end" | null} the start or end of speech, once each
   */
  observe(loudness, nowMs) {
    if (loudness > this.threshold) {
      this.#loudAtMs = nowMs;
      if (this.#isSpeaking) return null;
      this.#isSpeaking = true;
      return "start";
    }
    if (!this.#isSpeaking || nowMs - this.#loudAtMs < this.silenceTimeoutMs) return null;
    this.#isSpeaking = false;
    return "end";
  }

  /** Forget speech in progress. */
  reset() {
    this.#isSpeaking = false;
  }
}

/** Listens to a stream and reports the start and the end of speech, once each. */
export class VoiceActivityDetector {
  #source;
  #now;
  #edges = new SpeechEdges();
  /** @type {LevelMeter | null} */
  #ownMeter = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #polling;

  /**
   * @param {MediaStream | LoudnessMeter} source
   * @param {() => number} now milliseconds of a monotonic clock
   */
  constructor(source, now = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  /** Whether the user is speaking; false while detection is stopped. */
  get isSpeaking() {
    return this.#edges.isSpeaking;
  }

  /**
   * Start detection. The callbacks replace those of an earlier call.
   *
   * @param {() => void} onSpeechStart
   * @param {() => void} onSpeechEnd called after the silence timeout, and only after a start
   */
  startDetection(onSpeechStart, onSpeechEnd) {
    this.stopDetection();
    const meter = "loudness" in this.#source ? this.#source : this.#open(this.#source);
    this.#polling = setInterval(() => {
      const edge = this.#edges.observe(meter.loudness, this.#now());
      if (edge === "start") onSpeechStart();
      else if (edge === "end") onSpeechEnd();
    }, POLL_MS);
  }

  /** Stop detection and release the stream, without a callback. */
  stopDetection() {
    clearInterval(this.#polling);
    this.#ownMeter?.close();
    this.#ownMeter = null;
    this.#edges.reset();
  }

  /** @param {number} threshold loudness above which audio counts as speech, 0 to 255 */
  setThreshold(threshold) {
    this.#edges.threshold = threshold;
  }

  /** @param {number} timeoutMs silence that ends speech, in milliseconds */
  setSilenceTimeout(timeoutMs) {
    this.#edges.silenceTimeoutMs = timeoutMs;
  }

  /** @param {MediaStream} stream */
  #open(stream) {
    this.#ownMeter = new LevelMeter(stream);
    return this.#ownMeter;
  }
}
