// @ts-check
/** The conversation on the page: one bubble for each thing that was said. */

export class Transcript {
  #list;
  /** @type {HTMLElement | null} what the user is saying, not final yet */
  #pending = null;
  /** The latest final words: a turn may be opened again, and then its words are replaced. */
  #lastFinal = { turnId: 0, bubble: /** @type {HTMLElement | null} */ (null), text: "" };
  /** @type {Map<number, HTMLElement>} */
  #answers = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /**
   * What may still change is greyed.
   *
   * @param {string} text all of it so far
   * @param {string} stableText its beginning, which stays
   * @param {number} [turnId] whose final words are replaced, if they are known
   */
  showPartial(text, stableText, turnId) {
    if (!text) return;
    this.#pending ??= this.#bubbleOf(turnId) ?? this.#add("user", "You");
    this.#pending.classList.add("pending");
    this.#pending.ariaBusy = "true"; // read out when it is final
    const unstable = document.createElement("span");
    unstable.className = "unstable";
    unstable.textContent = text.slice(stableText.length);
    this.#pending.replaceChildren(stableText, unstable);
    this.#scroll();
  }

  /**
   * @param {string} text empty when no word was understood
   * @param {number} [turnId] whose words these are, instead of others that were final before
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

  /** What is not final stays as it was before. */
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
   * @param {string} text what comes next
   */
  appendToAnswer(responseId, text) {
    const answer = this.#answers.get(responseId);
    if (answer) this.#write(answer, answer.textContent + text);
  }

  /**
   * @param {number} responseId
   * @param {string} text all of it
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
   * @param {string} keptText what the user has heard of it
   */
  cutAnswer(responseId, keptText) {
    const answer = this.#answers.get(responseId);
    if (!answer) return;
    answer.classList.add("interrupted");
    this.#write(answer, keptText);
  }

  /** @param {number} responseId of an answer that the user went on before hearing any of */
  removeAnswer(responseId) {
    this.#answers.get(responseId)?.remove();
    this.#answers.delete(responseId);
  }

  /** @param {string} text of something that was done */
  addNote(text) {
    this.#write(this.#add("note", "Done"), text);
  }

  /** @param {number | undefined} turnId */
  #bubbleOf(turnId) {
    return turnId && turnId === this.#lastFinal.turnId ? this.#lastFinal.bubble : null;
  }

  /**
   * @param {string} kind
   * @param {string} label for those who do not see the colours
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
