// @ts-check
/** The list of the assistant's actions on the page, newest first. */

import { element } from "./document.js";

/** @typedef {import("../frames.js").DownFrames["action"]} Action */

const MAX_ENTRIES = 50;

/**
 * @param {Action} action
 * @param {boolean} isDone false when the page has no such setter
 */
export function logAction({ stateKey, setterKey, toolName, args }, isDone) {
  const item = document.createElement("li");
  const call = document.createElement("code");
  const name = setterKey ? `${stateKey}.${setterKey}` : (toolName ?? "");
  call.textContent = `${name}(${args.map((value) => JSON.stringify(value)).join(", ")})`;
  const when = document.createElement("time");
  when.textContent = new Date().toLocaleTimeString();
  item.append(call, when);
  if (!isDone) item.append("not available on this page");
  const list = element("actions");
  list.prepend(item);
  if (list.childElementCount > MAX_ENTRIES) list.lastElementChild?.remove();
  element("actions-none").hidden = true;
}
