// @ts-check
/** Messages of a voice conversation in a Cedar store. */

/** @typedef {import("./voice-slice.js").GetState} GetState */

/**
 * Adds the user's words and the assistant's answers to the store. A user who resumes speaking
 * before any of the answer was heard reopens the turn: the turn's message is then replaced, and the
 * answer's is deleted. A store that cannot change messages gets the additional words as a new one.
 */
export class Chat {
  #get;
  #lastTurn = { turnId: 0, text: "", id: /** @type {string | undefined} */ (undefined) };
  #lastAnswer = { responseId: 0, id: /** @type {string | undefined} */ (undefined) };

  /** @param {GetState} get */
  constructor(get) {
    this.#get = get;
  }

  /**
   * Add the final words of a turn, or replace those of a reopened turn.
   *
   * @param {string} text the whole text of the turn; empty when no word was recognized
   * @param {number} [turnId]
   */
  addUserText(text, turnId = 0) {
    const previous = this.#lastTurn;
    const isReopened = turnId > 0 && turnId === previous.turnId;
    if (!text) return;
    if (!isReopened) {
      this.#lastTurn = { turnId, text, id: this.#add("user", text) };
    } else if (this.#change(previous.id, text)) {
      this.#lastTurn = { ...previous, text };
    } else {
      const isExtension = text.startsWith(previous.text);
      const added = isExtension ? text.slice(previous.text.length).trim() : text;
      this.#lastTurn = { turnId, text, id: added ? this.#add("user", added) : previous.id };
    }
  }

  /**
   * Add an answer.
   *
   * @param {string} text
   * @param {object | undefined} usage
   * @param {number} responseId
   */
  addAnswer(text, usage, responseId) {
    this.#lastAnswer = { responseId, id: this.#add("assistant", text, { usage }) };
  }

  /** @param {number} responseId of an answer withdrawn before any of it was heard */
  withdrawAnswer(responseId) {
    const { deleteMessage } = this.#get();
    const { id } = this.#lastAnswer;
    if (responseId === this.#lastAnswer.responseId && id !== undefined) deleteMessage?.(id);
  }

  /**
   * @param {string | undefined} id
   * @param {string} content
   * @returns {boolean} whether the store can change messages
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
   * @returns {string | undefined} id of the message, where the store returns it
   */
  #add(role, content, metadata = {}) {
    const { voiceSettings, addMessage } = this.#get();
    if (!voiceSettings.autoAddToMessages) return undefined;
    const timestamp = new Date().toISOString();
    const allMetadata = { source: "voice", ...metadata, timestamp };
    return addMessage?.({ type: "text", role, content, metadata: allMetadata })?.id;
  }
}
