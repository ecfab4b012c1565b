// @ts-check
/** Access to the elements of the page by their ids. */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 * @throws {TypeError} the page has no such element
 */
export function elementOf(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`the page has no ${kind.name} "${id}"`);
  return found;
}

/** @param {string} id */
export const element = (id) => elementOf(id, HTMLElement);

/** @param {string} id */
export const button = (id) => elementOf(id, HTMLButtonElement);

/**
 * Write a text, unless it is already there: screen readers announce every write.
 *
 * @param {string} id
 * @param {string} text
 */
export function write(id, text) {
  const found = element(id);
  if (found.textContent !== text) found.textContent = text;
}
