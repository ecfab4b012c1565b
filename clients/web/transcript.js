// @ts-check
/** The conversation on the page: one bubble for each turn of the user, answer and action. */

export class Transcript {
  #list;
  /** Bubble of the current partial transcription. @type {HTMLElement | null} */
  #pending = null;
  /** The latest final transcription, which is replaced when its turn is reopened. */
  #lastFinal = { turnId: 0, bubble: /** @type {HTMLElement | null} */ (null), text: "" };
  /** @type {Map<number, HTMLElement>} */
  #answers = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /**
   * Show a partial transcription, with the words that may still change greyed.
   *
   * @param {string} text the whole text so far
   * @param {string} stableText beginning of the text that stays
   * @param {number} [turnId] turn whose final transcription it replaces, when it is reopened
   */
  showPartial(text, stableText, turnId) {
    if (!text) return;
    this.#pending ??= this.#bubbleOf(turnId) ?? this.#add("user", "You");
    this.#pending.classList.add("pending");
    this.#pending.ariaBusy = "true"; // screen readers wait for the final text
    const unstable = document.createElement("span");
    unstable.className = "unstable";
    unstable.textContent = text.slice(stableText.length);
    this.#pending.replaceChildren(stableText, unstable);
    this.#scroll();
  }

  /**
   * Show a final transcription.
   *
   * @param {string} text empty when no word was recognized
   * @param {number} [turnId] turn of the text; replaces an earlier final text of the same turn
   */
  showFinal(text, turnId = 0) {
    const bubble = this.#pending ?? this.#bubbleOf(turnId) ?? (text ? this.#add("user", "You") : null);
    this.#pending = null;
    if (!bubble) return;
    this.#lastFinal = { turnId, bubble, text };
    if (!text) return bubble.remove();
    bubble.classList.remove("pending");
    bubble.ariaBusy = "false";
    this.#write(bubble, text);
  }

  /** Drop the partial transcription; a reopened turn shows its final text again. */
  dropPartial() {
    if (this.#pending === null) return;
    const isReopened = this.#pending === this.#lastFinal.bubble;
    this.showFinal(isReopened ? this.#lastFinal.text : "", isReopened ? this.#lastFinal.turnId : 0);
  }

  /** @param {number} responseId */
  startAnswer(responseId) {
    this.#answers.set(responseId, this.#add("assistant pending", "Answer"));
  }

  /**
   * @param {number} responseId
   * @param {string} text the next part
   */
  appendToAnswer(responseId, text) {
    const answer = this.#answers.get(responseId);
    if (answer) this.#write(answer, answer.textContent + text);
  }

  /**
   * @param {number} responseId
   * @param {string} text the whole text
   */
  completeAnswer(responseId, text) {
    const answer = this.#answers.get(responseId);
    if (answer && !answer.classList.contains("interrupted")) this.#write(answer, text);
  }

  /** @param {number} responseId */
  endAnswer(responseId) {
    const answer = this.#answers.get(responseId);
    answer?.classList.remove("pending");
    if (answer?.className === "assistant" && !answer.textContent) answer.remove();
  }

  /**
   * @param {number} responseId
   * @param {string} keptText the part that the user heard
   */
  cutAnswer(responseId, keptText) {
    const answer = this.#answers.get(responseId);
    if (!answer) return;
    answer.classList.add("interrupted");
    this.#write(answer, keptText);
  }

  /** @param {number} responseId of an answer withdrawn before the user heard any of it */
  removeAnswer(responseId) {
    this.#answers.get(responseId)?.remove();
    this.#answers.delete(responseId);
  }

  /** @param {string} text description of an executed action */
  addNote(text) {
    this.#write(this.#add("note", "Done"), text);
  }

  /** @param {number | undefined} turnId */
  #bubbleOf(turnId) {
    return turnId && turnId === this.#lastFinal.turnId ? this.#lastFinal.bubble : null;
  }

  /**
   * @param {string} kind
   * @param {string} label for users who do not see the colours
   */
  #add(kind, label) {
    const item = document.createElement("article");
    item.className = kind;
    item.ariaLabel = label;
    this.#list.append(item);
    return item;
  }

  /**
   * @param {HTMLElement} item
   * @param {string} text
   */
  #write(item, text) {
    item.textContent = text;
    this.#scroll();
  }

  #scroll() {
    this.#list.scrollTo({ top: this.#list.scrollHeight });
  }
}
