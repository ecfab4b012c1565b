// @ts-check
/** The conversation on the page: one bubble for each thing that was said. */

export class Transcript {
  #list;
  /** @type {HTMLElement | null} what the user is saying, not final yet */
  #pending = null;
  /** What the recognizer said last, and may take back. */
  #latest = "";
  /** @type {Map<number, HTMLElement>} */
  #answers = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /**
   * Words that came twice are likely to stay; those behind them are greyed.
   *
   * @param {string} text all of it so far
   */
  userSays(text) {
    if (!text) return;
    this.#pending ??= this.#add("user pending", "You");
    this.#pending.ariaBusy = "true"; // read out when it is final
    const stable = stablePart(this.#latest, text);
    const unstable = document.createElement("span");
    unstable.className = "unstable";
    unstable.textContent = text.slice(stable.length);
    this.#pending.replaceChildren(stable, unstable);
    this.#latest = text;
    this.#scroll();
  }

  /** @param {string} text empty when no word was understood */
  userSaid(text) {
    const said = this.#pending ?? (text ? this.#add("user", "You") : null);
    this.#pending = null;
    this.#latest = "";
    if (!said) return;
    if (!text) return said.remove();
    said.classList.remove("pending");
    said.ariaBusy = "false";
    this.#write(said, text);
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
    this.#scroll();
  }

  #scroll() {
    this.#list.scrollTo({ top: this.#list.scrollHeight });
  }
}

/**
 * The words that both begin with.
 *
 * @param {string} before
 * @param {string} now
 */
function stablePart(before, now) {
  const [old, words] = [before.split(/(?<= )/), now.split(/(?<= )/)];
  const end = words.findIndex((word, index) => word.trim() !== old[index]?.trim());
  return (end < 0 ? words : words.slice(0, end)).join("");
}
