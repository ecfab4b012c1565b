// @ts-check
/** The page: joins the connection, the microphone, the loudspeaker and what is to be seen. */

import { Microphone, MicrophoneError } from "./microphone.js";
import { Player } from "./player.js";
import { TOOLS, perform } from "./tools.js";
import { Transcript } from "./transcript.js";
import { VoiceClient } from "./voice-client.js";

/** @typedef {import("./voice-client.js").Frame} Frame */

const CONNECTION_WORDS = {
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  refused: "Not allowed",
  replaced: "Opened elsewhere",
  closed: "Closed",
};
const HINTS_AWAY = {
  connecting: "One moment",
  reconnecting: "The connection is lost. Trying again",
  refused: "This server lets nobody in without a token",
  replaced: "This conversation goes on in another window",
  closed: "Reload the page to talk again",
};
const HINTS = {
  idle: "Press the microphone and speak",
  listening: "Listening",
  hearing: "Listening",
  thinking: "One moment",
  speaking: "Speaking",
};

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
const element = (id) => /** @type {T} */ (document.getElementById(id));

const page = document.body;
const microphoneButton = /** @type {HTMLButtonElement} */ (element("microphone"));
const sendButton = /** @type {HTMLButtonElement} */ (element("send"));
const textInput = /** @type {HTMLInputElement} */ (element("text"));
const language = /** @type {HTMLSelectElement} */ (element("language"));
const voice = /** @type {HTMLSelectElement} */ (element("voice"));

const suggestions = /** @type {NodeListOf<HTMLButtonElement>} */ (
  document.querySelectorAll(".suggestion")
);

const transcript = new Transcript(element("log"));
const player = new Player();
const client = new VoiceClient(
  location.origin.replace(/^http/, "ws") + "/api/voice/ws",
  {
    settings: settings(),
    context: { application: "the Cedar Voice page" },
    output: { encoding: "mp3", framing: "self_contained", maxLeadMs: 1000 },
    tools: TOOLS,
  },
  new URLSearchParams(location.hash.slice(1) || location.search).get("token"),
);
const microphone = new Microphone(
  (data) => client.send({ type: "audio_chunk", data, timestamp: Date.now() }),
  () => void stopListening(),
);

let isHearing = false;
let isThinking = false;
let isStarting = false;
let answerId = 0;

function settings() {
  return { language: language.value, voiceId: voice.value };
}

// -- what the user does ---------------------------------------------------------------------------

async function startListening() {
  if (isStarting) return;
  isStarting = true;
  try {
    player.unlock();
    interrupt();
    client.send({ type: "start_listening" });
    await microphone.start();
    showProblem("");
  } catch (error) {
    showProblem(error instanceof MicrophoneError ? error.message : "The recording failed.");
  } finally {
    isStarting = false;
    render();
  }
}

async function stopListening() {
  if (!microphone.isOn) return;
  isThinking ||= isHearing;
  const stopped = microphone.stop();
  render();
  await stopped;
  client.send({ type: "stop_listening" });
}

/** @param {string} text */
function say(text) {
  if (!text.trim() || client.status !== "connected") return;
  player.unlock();
  interrupt();
  client.send({ type: "text", text });
  transcript.userSaid(text);
  textInput.value = "";
  isThinking = true;
  showProblem("");
  render();
}

/** Stop the answer that is being given, and say how much of it was heard. */
function interrupt() {
  if (!player.isPlaying && !isThinking) return;
  const playedMs = player.playedMs(answerId);
  player.silence(answerId);
  client.send({ type: "interrupt", responseId: answerId, playedMs });
}

microphoneButton.onclick = () => void (microphone.isOn ? stopListening() : startListening());
element("stop").onclick = interrupt;
element("problem-dismiss").onclick = () => showProblem("");
element("composer").onsubmit = (event) => {
  event.preventDefault();
  say(textInput.value);
};
for (const suggestion of suggestions) suggestion.onclick = () => say(suggestion.textContent);
for (const select of [language, voice]) {
  select.onchange = () => client.configure({ settings: settings() });
}
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") interrupt();
});
window.addEventListener("online", () => {
  if (client.status === "reconnecting") client.connect();
});

// -- what the service says ------------------------------------------------------------------------

/** @type {Record<string, (frame: Frame) => void>} */
const HEARD = {
  speech({ event }) {
    isHearing = event === "started";
    isThinking = event === "turn_ended";
  },
  transcription_partial({ text }) {
    transcript.userSays(text);
  },
  transcription_final({ text }) {
    isHearing = false;
    isThinking = text !== "";
    transcript.userSaid(text);
  },
  response_start({ responseId }) {
    answerId = responseId;
    isThinking = true;
    transcript.answerBegins(responseId);
  },
  response_chunk({ responseId, text }) {
    transcript.answerGoesOn(responseId, text);
  },
  response_complete({ responseId, text }) {
    transcript.answerIsWritten(responseId, text);
  },
  audio_chunk({ responseId, data }) {
    player.play(responseId, data).catch(() => showProblem("An answer could not be played."));
  },
  audio_complete({ responseId }) {
    isThinking = false;
    transcript.answerIsOver(responseId);
  },
  interruption({ responseId, keptText }) {
    player.silence(responseId);
    transcript.answerIsCut(responseId, keptText);
  },
  action(frame) {
    const done = perform(/** @type {any} */ (frame));
    if (done) transcript.note(done);
  },
  error({ message }) {
    isThinking = false;
    showProblem(message);
  },
};

client.addEventListener("frame", (event) => {
  const frame = /** @type {CustomEvent<Frame>} */ (event).detail;
  HEARD[frame.type]?.(frame);
  render();
});
client.addEventListener("status", () => {
  if (client.status === "connected") showProblem("");
  else void loseConnection();
  if (client.status === "refused") {
    showProblem("This server wants a token: add #token=… to the address of this page.");
  }
  render();
});
player.addEventListener("change", () => {
  isThinking &&= !player.isPlaying;
  render();
});

/** A recording cannot go on without its beginning, so it ends with the connection. */
async function loseConnection() {
  isHearing = isThinking = false;
  transcript.userSaid("");
  await microphone.stop();
  render();
}

// -- what is to be seen ---------------------------------------------------------------------------

function state() {
  if (player.isPlaying) return "speaking";
  if (isThinking) return "thinking";
  if (!microphone.isOn) return "idle";
  return isHearing ? "hearing" : "listening";
}

function render() {
  const now = state();
  const isConnected = client.status === "connected";
  page.dataset.state = now;
  page.dataset.connection = client.status;
  page.dataset.decodedSeconds = player.decodedSeconds.toFixed(3);
  write("connection", CONNECTION_WORDS[client.status]);
  write("hint", client.status === "connected" ? HINTS[now] : HINTS_AWAY[client.status]);
  element("stop").hidden = now !== "speaking";
  element("welcome").hidden = element("log").childElementCount > 0;
  for (const button of [microphoneButton, sendButton, ...suggestions]) {
    button.disabled = !isConnected;
  }
  microphoneButton.ariaPressed = String(microphone.isOn);
  microphoneButton.ariaLabel = microphone.isOn ? "Stop the microphone" : "Start the microphone";
}

/**
 * Screen readers read out what is written, so nothing is written twice.
 *
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}

/** @param {string} message empty to take it away */
function showProblem(message) {
  element("problem").hidden = !message;
  element("problem-text").textContent = message;
}

client.connect();
render();
