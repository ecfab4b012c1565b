// @ts-check
/** Whether somebody speaks into the microphone, told by loudness. */

import { LevelMeter } from "./level-meter.js";

const THRESHOLD = 30;
const SILENCE_TIMEOUT_MS = 2_000;
const POLL_MS = 50;

/** @typedef {{ readonly loudness: number }} LoudnessMeter what loudness, 0 to 255, is read from */

/** Finds where speech begins and ends in readings of loudness. Pure; the time is an argument. */
export class SpeechEdges {
  /** Loudness above which it is speech, 0 to 255. */
  threshold = THRESHOLD;
  /** Silence that ends speech. */
  silenceTimeoutMs = SILENCE_TIMEOUT_MS;

  #isSpeaking = false;
  #loudAtMs = 0;

  /** Whether speech has begun and not ended. */
  get isSpeaking() {
    return this.#isSpeaking;
  }

  /**
   * Take a reading.
   *
   * @param {number} loudness 0 to 255
   * @param {number} nowMs
   * @returns {"start" | "end" | null} the edge, once
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

  /** Forget that somebody speaks. */
  reset() {
    this.#isSpeaking = false;
  }
}

/** Listens to a stream and says when speech begins and ends: once each. */
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
   * @param {() => number} now milliseconds, of a clock that does not go back
   */
  constructor(source, now = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  /** Whether somebody speaks, as far as it is known; false while it does not listen. */
  get isSpeaking() {
    return this.#edges.isSpeaking;
  }

  /**
   * Begin to listen. Whoever was told before is told no more.
   *
   * @param {() => void} onSpeechStart
   * @param {() => void} onSpeechEnd after the silence timeout; never without a start before
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

  /** Stop to listen, and let go of the stream. Nobody is told. */
  stopDetection() {
    clearInterval(this.#polling);
    this.#ownMeter?.close();
    this.#ownMeter = null;
    this.#edges.reset();
  }

  /** @param {number} threshold loudness above which it is speech, 0 to 255 */
  setThreshold(threshold) {
    this.#edges.threshold = threshold;
  }

  /** @param {number} timeoutMs silence that ends speech */
  setSilenceTimeout(timeoutMs) {
    this.#edges.silenceTimeoutMs = timeoutMs;
  }

  /** @param {MediaStream} stream */
  #open(stream) {
    this.#ownMeter = new LevelMeter(stream);
    return this.#ownMeter;
  }
}
