// @ts-check
/** The browser's own speech, for answers that come without audio. */

/** Dispatches `change` when it begins or ends to speak. */
export class BrowserVoice extends EventTarget {
  /** @type {SpeechSynthesisUtterance | null} */
  #saying = null;

  constructor() {
    super();
    if (this.#canSpeak) speechSynthesis.getVoices(); // some browsers only load them when asked
  }

  get #canSpeak() {
    return "speechSynthesis" in globalThis;
  }

  /** Whether something is being spoken. */
  get isPlaying() {
    return this.#saying !== null;
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
    utterance.onend = utterance.onerror = () => this.#become(null);
    this.#become(utterance);
    speechSynthesis.speak(utterance);
    return true;
  }

  /** Be silent at once. */
  silence() {
    if (!this.#saying) return;
    this.#saying.onend = this.#saying.onerror = null;
    speechSynthesis.cancel();
    this.#become(null);
  }

  /** @param {SpeechSynthesisUtterance | null} utterance */
  #become(utterance) {
    this.#saying = utterance;
    this.dispatchEvent(new Event("change"));
  }
}
