// @ts-check
/** The browser's own speech, for answers that come without audio. */

/** Dispatches `change` when it begins or ends to speak. */
export class BrowserVoice extends EventTarget {
  /** @type {SpeechSynthesisUtterance | null} */
  #utterance = null;
  #now;
  /** When it was first heard; NaN until then. */
  #startedAt = NaN;

  /** @param {() => number} now milliseconds of a clock */
  constructor(now = () => performance.now()) {
    super();
    this.#now = now;
    if (this.#canSpeak) speechSynthesis.getVoices(); // some browsers only load them when asked
  }

  get #canSpeak() {
    return "speechSynthesis" in globalThis;
  }

  /** Whether something is being spoken. */
  get isPlaying() {
    return this.#utterance !== null;
  }

  /** For how many milliseconds the present text has been heard. */
  get playedMs() {
    return this.#utterance ? Math.round(this.#now() - this.#startedAt) || 0 : 0;
  }

  /**
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

  /** Be silent at once. */
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
