// @ts-check
/** The parts of the page that depend on the state of the conversation. */

import { button, element, write } from "./document.js";

/**
 * @typedef {"idle" | "listening" | "hearing" | "thinking" | "speaking" | "held"} State
 *
 * @typedef {object} Moment
 * @property {State} state
 * @property {import("../voice-client.js").Status} connection
 * @property {boolean} isRecording
 * @property {number} decodedSeconds of answers
 */

const STATUS_LABELS = {
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  refused: "Not allowed",
  replaced: "Opened elsewhere",
  closed: "Closed",
};
const STATUS_HINTS = {
  connecting: "Connecting to the server",
  reconnecting: "Waiting for the connection",
  refused: "This server requires a token",
  replaced: "This conversation continues in another window",
  closed: "Reload the page to talk again",
};
const HINTS = {
  idle: "Press the microphone and speak",
  listening: "Listening",
  hearing: "Hearing you",
  thinking: "Thinking",
  speaking: "Speaking",
  held: "Paused while you speak",
};

/** @type {NodeListOf<HTMLButtonElement>} */
export const suggestions = document.querySelectorAll("button.suggestion");

/** @param {Moment} moment */
export function show({ state, connection, isRecording, decodedSeconds }) {
  const isConnected = connection === "connected";
  Object.assign(document.body.dataset, {
    state,
    connection,
    decodedSeconds: decodedSeconds.toFixed(3),
  });
  write("connection", STATUS_LABELS[connection]);
  write("hint", connection === "connected" ? HINTS[state] : STATUS_HINTS[connection]);
  element("stop").hidden = !["thinking", "speaking", "held"].includes(state);
  element("welcome").hidden = element("log").childElementCount > 0;
  const microphone = button("microphone");
  for (const control of [button("send"), ...suggestions]) control.disabled = !isConnected;
  microphone.disabled = !isConnected && !isRecording;
  microphone.ariaPressed = String(isRecording);
  microphone.ariaLabel = isRecording ? "Stop the microphone" : "Start the microphone";
}

/** @param {string} message error for the user; empty removes it */
export function showProblem(message) {
  element("problem").hidden = !message;
  write("problem-text", message);
}

/** Let the button open the panel on narrow screens; on wide ones the panel is always visible. */
export function enablePanel() {
  const [toggle, panel] = [button("panel-toggle"), element("panel")];
  /** @param {boolean} isOpen */
  const open = (isOpen) => {
    document.body.classList.toggle("panel-open", isOpen);
    toggle.ariaExpanded = String(isOpen);
    toggle.textContent = isOpen ? "Close" : "Settings";
    if (isOpen) panel.focus();
  };
  toggle.onclick = () => open(toggle.ariaExpanded !== "true");
  panel.onkeydown = (event) => {
    if (event.key !== "Escape" || toggle.ariaExpanded !== "true") return;
    event.stopPropagation(); // close the panel only, without an interruption
    open(false);
    toggle.focus();
  };
}
