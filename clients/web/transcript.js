// @ts-check
/** The conversation on the page: one bubble for each thing that was said. */

export class Transcript {
  #list;
  /** @type {HTMLElement | null} what the user is saying, not final yet */
  #pending = null;
  /** @type {Map<number, HTMLElement>} */
  #answers = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {string} text all of it so far */
  userSays(text) {
    if (!text) return;
    this.#pending ??= this.#add("user pending", "You");
    this.#write(this.#pending, text);
  }

  /** @param {string} text empty when no word was understood */
  userSaid(text) {
    this.userSays(text);
    if (text) this.#pending?.classList.remove("pending");
    else this.#pending?.remove();
    this.#pending = null;
  }

  /** @param {number} responseId */
  answerBegins(responseId) {
    this.#answers.set(responseId, this.#add("assistant pending", "Answer"));
  }

  /**
   * @param {number} responseId
   * @param {string} text what comes next
   */
  answerGoesOn(responseId, text) {
    const answer = this.#answers.get(responseId);
    if (answer) this.#write(answer, answer.textContent + text);
  }

  /**
   * @param {number} responseId
   * @param {string} text all of it
   */
  answerIsWritten(responseId, text) {
    const answer = this.#answers.get(responseId);
    if (answer && !answer.classList.contains("interrupted")) this.#write(answer, text);
  }

  /** @param {number} responseId */
  answerIsOver(responseId) {
    const answer = this.#answers.get(responseId);
    answer?.classList.remove("pending");
    if (answer?.className === "assistant" && !answer.textContent) answer.remove();
  }

  /**
   * @param {number} responseId
   * @param {string} keptText what the user has heard of it
   */
  answerIsCut(responseId, keptText) {
    const answer = this.#answers.get(responseId);
    if (!answer) return;
    answer.classList.add("interrupted");
    this.#write(answer, keptText);
  }

  /** @param {string} text of something that was done */
  note(text) {
    this.#write(this.#add("note", "Done"), text);
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
    this.#list.scrollTo({ top: this.#list.scrollHeight });
  }
}
