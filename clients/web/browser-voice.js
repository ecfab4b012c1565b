// @ts-check
/** The browser's own speech synthesis, for answers that arrive without audio. */

/** Dispatches `change` when speech begins or ends. */
export class BrowserVoice extends EventTarget {
  /** @type {SpeechSynthesisUtterance | null} */
  #utterance = null;
  #now;
  /** Time of the first sound; NaN until then. */
  #startedAt = NaN;

  /** @param {() => number} now milliseconds of a monotonic clock */
  constructor(now = () => performance.now()) {
    super();
    this.#now = now;
    if (this.#canSpeak) speechSynthesis.getVoices(); // some browsers load them on the first call
  }

  get #canSpeak() {
    return "speechSynthesis" in globalThis;
  }

  /** Whether a text is being spoken. */
  get isPlaying() {
    return this.#utterance !== null;
  }

  /** Milliseconds for which the current text has been audible. */
  get playedMs() {
    return this.#utterance ? Math.round(this.#now() - this.#startedAt) || 0 : 0;
  }

  /**
   * Speak a text, instead of the current one.
   *
   * @param {string} text
   * @param {import("./frames.js").Settings} settings
   * @returns {boolean} false when this browser has no voice
   */
  say(text, { language = "en-US", rate = 1, pitch = 1, volume = 1 }) {
    this.silence();
    if (!this.#canSpeak || speechSynthesis.getVoices().length === 0) return false;
    const utterance = Object.assign(new SpeechSynthesisUtterance(text), { rate, pitch, volume });
    utterance.lang = language;
    this.#startedAt = NaN;
    utterance.onstart = () => (this.#startedAt = this.#now());
    utterance.onend = utterance.onerror = () => this.#setUtterance(null);
    this.#setUtterance(utterance);
    speechSynthesis.speak(utterance);
    return true;
  }

  /** Stop speaking at once. */
  silence() {
    if (!this.#utterance) return;
    this.#utterance.onstart = this.#utterance.onend = this.#utterance.onerror = null;
    speechSynthesis.cancel();
    this.#setUtterance(null);
  }

  /** @param {SpeechSynthesisUtterance | null} utterance */
  #setUtterance(utterance) {
    this.#utterance = utterance;
    this.dispatchEvent(new Event("change"));
  }
}
