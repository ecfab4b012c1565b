// @ts-check
/** The voice page: connects the client, microphone and loudspeaker with the visible elements. */

import { BrowserVoice } from "./browser-voice.js";
import { Microphone, MicrophoneError } from "./microphone.js";
import { logAction } from "./page/action-log.js";
import { button, element, elementOf } from "./page/document.js";
import { showLastTurn } from "./page/last-turn.js";
import { ReconnectBanner } from "./page/reconnect-banner.js";
import { SettingsForm } from "./page/settings-form.js";
import { enablePanel, show, showProblem, suggestions } from "./page/view.js";
import { Waveform } from "./page/waveform.js";
import { PLAYER_OUTPUT, Player } from "./player.js";
import { TOOLS, perform } from "./tools.js";
import { Transcript } from "./transcript.js";
import { VoiceClient } from "./voice-client.js";

/** @typedef {import("./frames.js").DownFrames} DownFrames */

const textInput = elementOf("text", HTMLInputElement);

const transcript = new Transcript(element("log"));
const player = new Player();
const browserVoice = new BrowserVoice();
const settings = new SettingsForm((changes) => client.configure({ settings: changes }));
const client = new VoiceClient(
  location.origin.replace(/^http/, "ws") + "/api/voice/ws",
  {
    settings: settings.values,
    context: { application: "the Cedar Voice page" },
    output: PLAYER_OUTPUT,
    tools: TOOLS,
  },
  new URLSearchParams(location.hash.slice(1) || location.search).get("token"),
);
const microphone = new Microphone(
  (data) => void client.sendAudio(data),
  () => void stopListening(),
  { backlogBytes: () => client.socket?.bufferedAmount ?? 0 },
);
const waveform = new Waveform(elementOf("waveform", HTMLCanvasElement), () => microphone.level);
const banner = new ReconnectBanner(
  () => (client.retryAt === null ? null : client.retryAt - performance.now()),
  () => client.connect(),
);

let isUserSpeaking = false;
let isAnswerPending = false; // an answer, or more of it, is expected
let isMicrophoneStarting = false;
let answerId = 0; // 0 until the expected answer begins

// -- actions of the user --------------------------------------------------------------------------

async function startListening() {
  if (isMicrophoneStarting) return;
  isMicrophoneStarting = true;
  try {
    player.unlock();
    await microphone.requestPermission();
    interrupt();
    void client.startListening();
    await microphone.start();
    showProblem("");
  } catch (error) {
    showProblem(error instanceof MicrophoneError ? error.message : "The recording failed.");
  } finally {
    isMicrophoneStarting = false;
    render();
  }
}

async function stopListening() {
  if (!microphone.isOn) return;
  if (isUserSpeaking) expectAnswer();
  isUserSpeaking = false;
  const stopped = microphone.stop();
  render();
  await stopped;
  void client.stopListening();
}

/** @param {string} text */
function sendText(text) {
  if (!text.trim() || client.status !== "connected") return;
  player.unlock();
  interrupt();
  client.sendText(text);
  transcript.showFinal(text);
  textInput.value = "";
  expectAnswer();
  showProblem("");
  render();
}

/** Show that an answer is expected. */
function expectAnswer() {
  isAnswerPending = true;
  answerId = 0;
}

/** Stop the current answer, and report how much of it the user heard. */
function interrupt() {
  if (!isSpeaking() && !isAnswerPending) return;
  const playedMs = browserVoice.isPlaying ? browserVoice.playedMs : player.playedMs(answerId);
  stopPlayback(answerId);
  client.interrupt(answerId, playedMs);
  isAnswerPending = false;
  render();
}

/** @param {number} responseId */
function stopPlayback(responseId) {
  player.silence(responseId);
  browserVoice.silence();
}

button("microphone").onclick = () => void (microphone.isOn ? stopListening() : startListening());
button("stop").onclick = interrupt;
button("problem-dismiss").onclick = () => showProblem("");
element("composer").onsubmit = (event) => {
  event.preventDefault();
  sendText(textInput.value);
};
for (const suggestion of suggestions) suggestion.onclick = () => sendText(suggestion.textContent);
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") interrupt();
});
window.addEventListener("online", () => {
  if (client.status === "reconnecting") client.connect();
});
enablePanel();

// -- frames of the service ------------------------------------------------------------------------

/** @type {{ [K in keyof DownFrames]?: (frame: DownFrames[K]) => void }} */
const HANDLERS = {
  ready(frame) {
    settings.showEffective(frame.settings);
  },
  speech({ event }) {
    isUserSpeaking = event === "started";
    isAnswerPending = false;
    if (event === "turn_ended") expectAnswer();
  },
  transcription_partial({ text, stableText = "", turnId }) {
    transcript.showPartial(text, stableText, turnId);
  },
  transcription_final({ text, turnId }) {
    isUserSpeaking = false;
    isAnswerPending = false;
    if (text) expectAnswer();
    transcript.showFinal(text, turnId);
  },
  response_start({ responseId }) {
    answerId = responseId;
    isAnswerPending = true;
    transcript.startAnswer(responseId);
  },
  response_chunk({ responseId, text }) {
    transcript.appendToAnswer(responseId, text);
  },
  response_complete({ responseId, text }) {
    transcript.completeAnswer(responseId, text);
    const { useBrowserTTS, ...voice } = settings.values;
    if (useBrowserTTS && !browserVoice.say(text, voice)) {
      showProblem("This browser has no voice. Turn off browser speech in the settings.");
    }
  },
  audio_chunk({ responseId, data }) {
    void player.play(responseId, data);
  },
  hold({ responseId, held }) {
    if (held) player.hold(responseId);
    else player.release();
  },
  audio_complete({ responseId }) {
    isAnswerPending = false;
    transcript.endAnswer(responseId);
  },
  interruption({ responseId, reason, keptText }) {
    stopPlayback(responseId);
    if (reason === "turn_reopened") transcript.removeAnswer(responseId);
    else transcript.cutAnswer(responseId, keptText);
  },
  action(frame) {
    const done = perform(frame);
    logAction(frame, done !== "");
    if (done) transcript.addNote(done);
  },
  error({ message }) {
    isAnswerPending = false;
    showProblem(message);
  },
  turn_metrics(frame) {
    if (frame.turnTotalMs !== undefined) showLastTurn(frame); // unset: no answer
  },
};

for (const [type, handle] of Object.entries(HANDLERS)) {
  client.on(/** @type {keyof DownFrames} */ (type), (frame) => {
    /** @type {(frame: any) => void} */ (handle)(frame);
    render();
  });
}
client.on("status", (status) => {
  if (status === "connected") showProblem("");
  else connectionLost(status);
  if (status === "refused") {
    showProblem("This server requires a token: add #token=… to the address of this page.");
  }
  render();
});
for (const loudspeaker of [player, browserVoice]) {
  loudspeaker.addEventListener("change", render);
}
player.onPlayback = client.reportPlayback.bind(client);
player.addEventListener("failure", () => showProblem("An answer could not be played."));

/**
 * Continue the recording through a lost connection, in a new container that a new session can
 * decode, or stop it when the connection is closed.
 *
 * @param {import("./voice-client.js").Status} status
 */
function connectionLost(status) {
  isUserSpeaking = isAnswerPending = false;
  player.release(); // the session that held it may be lost
  transcript.dropPartial();
  const isPending = status === "connecting" || status === "reconnecting";
  const changed = isPending ? microphone.restart() : microphone.stop();
  void changed.then(render, () => showProblem("The recording failed."));
}

// -- display --------------------------------------------------------------------------------------

function isSpeaking() {
  return player.isPlaying || browserVoice.isPlaying;
}

function state() {
  if (player.isHeld) return "held";
  if (isSpeaking()) return "speaking";
  if (isAnswerPending) return "thinking";
  if (!microphone.isOn) return "idle";
  return isUserSpeaking ? "hearing" : "listening";
}

function render() {
  const [connection, isRecording] = [client.status, microphone.isOn];
  show({ state: state(), connection, isRecording, decodedSeconds: player.decodedSeconds });
  banner.show(connection === "reconnecting");
  waveform.run(isRecording);
}

client.connect();
render();
