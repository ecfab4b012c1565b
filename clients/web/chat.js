// @ts-check
/** The messages of a Cedar store that come from a voice conversation. */

/** @typedef {import("./voice-slice.js").GetState} GetState */

/**
 * Adds what was said and answered. A user who goes on speaking before the answer is heard opens the
 * turn again: then its message is replaced, and the answer's is taken back. A store that cannot
 * change messages is given the words that it lacks.
 */
export class Chat {
  #get;
  #said = { turnId: 0, text: "", id: /** @type {string | undefined} */ (undefined) };
  #answer = { responseId: 0, id: /** @type {string | undefined} */ (undefined) };

  /** @param {GetState} get */
  constructor(get) {
    this.#get = get;
  }

  /**
   * @param {string} text of a turn, all of it; empty when no word was understood
   * @param {number} [turnId]
   */
  userSaid(text, turnId = 0) {
    const before = this.#said;
    const isOpenedAgain = turnId > 0 && turnId === before.turnId;
    if (!text) return;
    if (!isOpenedAgain) {
      this.#said = { turnId, text, id: this.#add("user", text) };
    } else if (this.#change(before.id, text)) {
      this.#said = { ...before, text };
    } else {
      const goesOn = text.startsWith(before.text);
      const lacking = goesOn ? text.slice(before.text.length).trim() : text;
      this.#said = { turnId, text, id: lacking ? this.#add("user", lacking) : before.id };
    }
  }

  /**
   * @param {string} text
   * @param {object | undefined} usage
   * @param {number} responseId
   */
  answered(text, usage, responseId) {
    this.#answer = { responseId, id: this.#add("assistant", text, { usage }) };
  }

  /** @param {number} responseId of an answer that was given up before any of it was heard */
  answerIsVoid(responseId) {
    const { deleteMessage } = this.#get();
    const { id } = this.#answer;
    if (responseId === this.#answer.responseId && id !== undefined) deleteMessage?.(id);
  }

  /**
   * @param {string | undefined} id
   * @param {string} content
   * @returns {boolean} whether the store can
   */
  #change(id, content) {
    const { updateMessage } = this.#get();
    if (id === undefined || !updateMessage) return false;
    updateMessage(id, { content });
    return true;
  }

  /**
   * @param {"user" | "assistant"} role
   * @param {string} content
   * @param {object} metadata
   * @returns {string | undefined} the message's id, where the store tells it
   */
  #add(role, content, metadata = {}) {
    const { voiceSettings, addMessage } = this.#get();
    if (!voiceSettings.autoAddToMessages) return undefined;
    const timestamp = new Date().toISOString();
    const message = { type: "text", role, content, metadata: { source: "voice", ...metadata, timestamp } };
    return addMessage?.(message)?.id;
  }
}
