// @ts-check
/** Actions of the assistant on this page: tools for the model, and the setters that they call. */

export const TOOLS = [
  {
    name: "change_theme",
    description: "Change the colours of this page.",
    parameters: {
      type: "object",
      properties: { theme: { type: "string", enum: ["light", "dark"] } },
      required: ["theme"],
    },
    stateKey: "page",
    setterKey: "setTheme",
    argumentOrder: ["theme"],
  },
];

/** @type {Record<string, Record<string, (...args: any[]) => string>>} */
const SETTERS = {
  page: {
    setTheme(theme) {
      document.documentElement.dataset.theme = theme === "dark" ? "dark" : "light";
      return `Changed the theme to ${theme}`;
    },
  },
};

/**
 * Execute an `action` frame.
 *
 * @param {{ stateKey: string, setterKey: string, args: any[] }} action
 * @returns {string} description for the user; empty when this page has no such setter
 */
export function perform({ stateKey, setterKey, args }) {
  const setter = Object.hasOwn(SETTERS, stateKey) && SETTERS[stateKey][setterKey];
  return setter ? setter(...args) : "";
}
