// @ts-check
/** The settings form: changes are sent at once, and the values in force are shown. */

import { element, elementOf } from "./document.js";

/** @typedef {import("../frames.js").Settings} Settings */

export class SettingsForm {
  #form = elementOf("settings", HTMLFormElement);

  /** @param {(settings: Settings) => void} onChange receives the values of the form */
  constructor(onChange) {
    this.#form.oninput = () => this.#showNumbers();
    this.#form.onchange = () => onChange(this.values);
    this.#form.onsubmit = (event) => event.preventDefault();
    this.#showNumbers();
  }

  /** Values of the form. @returns {Settings} */
  get values() {
    return Object.fromEntries(this.#controls().map((control) => [control.name, valueOf(control)]));
  }

  /**
   * Show the settings in force, except in the control that the user is changing.
   *
   * @param {Settings} settings
   */
  showEffective(settings) {
    const effective = /** @type {Record<string, unknown>} */ (settings);
    for (const control of this.#controls()) {
      const value = effective[control.name];
      if (value !== undefined && control !== document.activeElement) setValue(control, value);
    }
    this.#showNumbers();
  }

  #controls() {
    return [...this.#form.elements].filter(
      (control) => control instanceof HTMLInputElement || control instanceof HTMLSelectElement,
    );
  }

  #showNumbers() {
    for (const control of this.#controls()) {
      if (control.type !== "range") continue;
      const number = Number(control.value);
      const text = control.name === "volume" ? `${Math.round(number * 100)} %` : `${number.toFixed(2)} ×`;
      element(`${control.id}-number`).textContent = text;
      control.ariaValueText = text;
    }
  }
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
function valueOf(control) {
  if (control instanceof HTMLSelectElement) return control.value;
  return control.type === "checkbox" ? control.checked : Number(control.value);
}

/**
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {unknown} value
 */
function setValue(control, value) {
  if (control instanceof HTMLInputElement) {
    if (control.type === "checkbox") control.checked = value === true;
    else control.value = String(value);
  } else if ([...control.options].some((option) => option.value === value)) {
    control.value = String(value);
  }
}
