// @ts-check
/** The page: joins the connection, the microphone, the loudspeaker and what is to be seen. */

import { BrowserVoice } from "./browser-voice.js";
import { Microphone, MicrophoneError } from "./microphone.js";
import { logAction } from "./page/action-log.js";
import { button, element, elementOf } from "./page/document.js";
import { showLastTurn } from "./page/last-turn.js";
import { ReconnectBanner } from "./page/reconnect-banner.js";
import { SettingsForm } from "./page/settings-form.js";
import { offerPanel, show, showProblem, suggestions } from "./page/view.js";
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
const settings = new SettingsForm((wishes) => client.configure({ settings: wishes }));
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

let isHearing = false;
let isThinking = false; // an answer is to come, or more of it
let isStarting = false;
let answerId = 0; // 0: of whichever comes

// -- what the user does ---------------------------------------------------------------------------

async function startListening() {
  if (isStarting) return;
  isStarting = true;
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
    isStarting = false;
    render();
  }
}

async function stopListening() {
  if (!microphone.isOn) return;
  if (isHearing) think();
  isHearing = false;
  const stopped = microphone.stop();
  render();
  await stopped;
  void client.stopListening();
}

/** @param {string} text */
function say(text) {
  if (!text.trim() || client.status !== "connected") return;
  player.unlock();
  interrupt();
  client.sendText(text);
  transcript.userSaid(text);
  textInput.value = "";
  think();
  showProblem("");
  render();
}

/** An answer is to come. */
function think() {
  isThinking = true;
  answerId = 0;
}

/** Stop the answer that is being given, and say how much of it was heard. */
function interrupt() {
  if (!isSpeaking() && !isThinking) return;
  const playedMs = browserVoice.isPlaying ? browserVoice.playedMs : player.playedMs(answerId);
  beSilent(answerId);
  client.interrupt(answerId, playedMs);
  isThinking = false;
  render();
}

/** @param {number} responseId */
function beSilent(responseId) {
  player.silence(responseId);
  browserVoice.silence();
}

button("microphone").onclick = () => void (microphone.isOn ? stopListening() : startListening());
button("stop").onclick = interrupt;
button("problem-dismiss").onclick = () => showProblem("");
element("composer").onsubmit = (event) => {
  event.preventDefault();
  say(textInput.value);
};
for (const suggestion of suggestions) suggestion.onclick = () => say(suggestion.textContent);
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") interrupt();
});
window.addEventListener("online", () => {
  if (client.status === "reconnecting") client.connect();
});
offerPanel();

// -- what the service says ------------------------------------------------------------------------

/** @type {{ [K in keyof DownFrames]?: (frame: DownFrames[K]) => void }} */
const HEARD = {
  ready(frame) {
    settings.adopt(frame.settings);
  },
  speech({ event }) {
    isHearing = event === "started";
    isThinking = false;
    if (event === "turn_ended") think();
  },
  transcription_partial({ text, stableText = "", turnId }) {
    transcript.userSays(text, stableText, turnId);
  },
  transcription_final({ text, turnId }) {
    isHearing = false;
    isThinking = false;
    if (text) think();
    transcript.userSaid(text, turnId);
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
    const { useBrowserTTS, ...voice } = settings.values;
    if (useBrowserTTS && !browserVoice.say(text, voice)) {
      showProblem("This browser has no voice of its own. Switch its speech off in the settings.");
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
    isThinking = false;
    transcript.answerIsOver(responseId);
  },
  interruption({ responseId, reason, keptText }) {
    beSilent(responseId);
    if (reason === "turn_reopened") transcript.answerIsVoid(responseId);
    else transcript.answerIsCut(responseId, keptText);
  },
  action(frame) {
    const done = perform(frame);
    logAction(frame, done !== "");
    if (done) transcript.note(done);
  },
  error({ message }) {
    isThinking = false;
    showProblem(message);
  },
  turn_metrics(frame) {
    if (frame.turnTotalMs !== undefined) showLastTurn(frame); // else there was no answer
  },
};

for (const [type, hear] of Object.entries(HEARD)) {
  client.on(/** @type {keyof DownFrames} */ (type), (frame) => {
    /** @type {(frame: any) => void} */ (hear)(frame);
    render();
  });
}
client.on("status", (status) => {
  if (status === "connected") showProblem("");
  else loseConnection(status);
  if (status === "refused") {
    showProblem("This server wants a token: add #token=… to the address of this page.");
  }
  render();
});
for (const loudspeaker of [player, browserVoice]) {
  loudspeaker.addEventListener("change", render);
}
player.onPlayback = client.reportPlayback.bind(client);
player.addEventListener("failure", () => showProblem("An answer could not be played."));

/**
 * A recording goes on through a lost connection, with a beginning that a new session understands,
 * and ends with one that is over.
 *
 * @param {import("./voice-client.js").Status} status
 */
function loseConnection(status) {
  isHearing = isThinking = false;
  player.release(); // whoever held it may be gone
  transcript.nothingWasSaid();
  const isComing = status === "connecting" || status === "reconnecting";
  const changed = isComing ? microphone.restart() : microphone.stop();
  void changed.then(render, () => showProblem("The recording failed."));
}

// -- what is to be seen ---------------------------------------------------------------------------

function isSpeaking() {
  return player.isPlaying || browserVoice.isPlaying;
}

function state() {
  if (player.isHeld) return "held";
  if (isSpeaking()) return "speaking";
  if (isThinking) return "thinking";
  if (!microphone.isOn) return "idle";
  return isHearing ? "hearing" : "listening";
}

function render() {
  const [connection, isRecording] = [client.status, microphone.isOn];
  show({ state: state(), connection, isRecording, decodedSeconds: player.decodedSeconds });
  banner.show(connection === "reconnecting");
  waveform.run(isRecording);
}

client.connect();
render();
