import assert from "node:assert/strict";
import test from "node:test";

import { createWebSocketVoiceSlice } from "../voice-slice.js";
import { environment } from "./stand-ins.js";

class Loudspeaker extends EventTarget {
  played = [];
  silencedId = 0;
  heldId = 0;
  isPlaying = false;

  unlock() {}

  async play(responseId, data) {
    this.played.push([responseId, data]);
    this.turn(true);
  }

  silence(responseId) {
    this.silencedId = responseId;
    this.turn(false);
  }

  hold(responseId) {
    this.heldId = responseId;
  }

  release() {
    this.heldId = 0;
  }

  playedMs() {
    return 700;
  }

  turn(isPlaying) {
    this.isPlaying = isPlaying;
    this.dispatchEvent(new Event("change"));
  }
}

class BrowserVoice extends EventTarget {
  spoken = [];
  playedMs = 300;
  isPlaying = false;
  isAvailable = true;

  say(text, settings) {
    if (!this.isAvailable) return false;
    this.spoken.push([text, settings.language]);
    this.turn(true);
    return true;
  }

  silence() {
    this.turn(false);
  }

  turn(isPlaying) {
    this.isPlaying = isPlaying;
    this.dispatchEvent(new Event("change"));
  }
}

class Recorder extends EventTarget {
  isOn = false;
  stream = null;
  starts = 0;
  restarts = 0;

  recorder = null;

  constructor(onChunk, onLost, options) {
    super();
    this.onChunk = onChunk;
    this.onLost = onLost;
    this.options = options;
  }

  async requestPermission() {
    if (this.refusal) throw this.refusal;
    this.stream = {};
  }

  async start() {
    this.starts += 1;
    this.isOn = true;
    this.recorder = { number: 1 };
  }

  async restart() {
    this.restarts += Number(this.isOn);
    this.recorder = { number: 2 };
  }

  async stop() {
    if (this.isOn) this.onChunk("TEFTVA==");
    this.isOn = false;
    this.stream = null;
  }
}

/** A store like zustand's, with the parts of a Cedar store that a test needs. */
function open(parts = {}) {
  const env = environment();
  const player = new Loudspeaker();
  const browserVoice = new BrowserVoice();
  let recorder;
  let state = {};
  const get = () => state;
  const set = (partial) => (state = { ...state, ...partial });
  const messages = [];
  state = {
    addMessage: (message) => messages.push(message),
    ...parts,
    ...createWebSocketVoiceSlice(set, get, undefined, {
      player,
      browserVoice,
      openMicrophone: (...given) => (recorder = new Recorder(...given)),
      client: env,
    }),
  };
  get().setVoiceEndpoint("http://localhost/api/chat/voice");
  return { get, messages, player, browserVoice, recorder, ...env };
}

async function connected(parts) {
  const store = open(parts);
  const connecting = store.get().connectWebSocket();
  store.sockets[0].welcome();
  await connecting;
  return store;
}

async function listening(parts) {
  const store = await connected(parts);
  await store.get().startListening();
  return store;
}

test("connecting ends when the service is ready, and configures it", async () => {
  const { get, sockets } = await connected({ stringifyAdditionalContext: () => '{"a":1}' });
  assert.equal(get().connectionStatus, "connected");
  assert.equal(get().websocket, sockets[0]);
  assert.equal(sockets[0].url.pathname, "/api/chat/voice/ws");
  assert.equal(sockets[0].url.protocol, "ws:");
  assert.equal(sockets[0].url.searchParams.get("sessionId"), get().sessionId);
  const [{ settings, context }] = sockets[0].frames("config");
  assert.deepEqual([settings.language, context], ["en-US", '{"a":1}']);
});

test("an endpoint is needed", async () => {
  const { get } = open();
  get().setVoiceEndpoint("");
  await get().connectWebSocket();
  assert.equal(get().voiceError, "No voice endpoint is set");
});

test("a refused connection sets an error with its reason", async () => {
  const { get, sockets } = open();
  const connecting = get().connectWebSocket();
  sockets[0].fail(1008);
  await connecting;
  assert.equal(get().connectionStatus, "error");
  assert.match(get().voiceError, /token/);
});

test("the first startListening connects, requests the microphone and records", async () => {
  const { get, sockets, recorder } = open();
  const started = get().startListening();
  sockets[0].welcome();
  await started;
  assert.equal(get().isListening, true);
  assert.equal(get().voicePermissionStatus, "granted");
  assert.equal(recorder.starts, 1);
  assert.equal(sockets[0].frames("start_listening").length, 1);
});

test("repeated calls of startListening begin one recording", async () => {
  const { get, sockets, recorder } = await connected();
  await Promise.all([get().startListening(), get().startListening()]);
  await get().startListening();
  assert.equal(recorder.starts, 1);
  assert.equal(sockets[0].frames("start_listening").length, 1);
});

test("the end of a turn is sent once, after its last piece", async () => {
  const { get, sockets } = await listening();
  await Promise.all([get().stopListening(), get().stopListening()]);
  const sent = sockets[0].frames("audio_chunk", "stop_listening");
  assert.deepEqual(sent.map(({ type }) => type), ["audio_chunk", "stop_listening"]);
  assert.equal(get().isListening, false);
});

test("a refused microphone sets an error, and can be requested again", async () => {
  const { get, recorder } = await connected();
  const cause = new DOMException("", "NotAllowedError");
  recorder.refusal = new Error("not allowed", { cause });
  await get().startListening();
  assert.deepEqual(
    [get().voicePermissionStatus, get().voiceError, get().isListening],
    ["denied", "not allowed", false],
  );
  recorder.refusal = null;
  await get().startListening();
  assert.deepEqual([get().isListening, get().voiceError], [true, null]);
});

test("a recording continues through a lost connection, with a header of its own", async () => {
  const { get, sockets, clock, recorder } = await listening();
  sockets[0].fail();
  assert.equal(get().connectionStatus, "connecting");
  assert.equal(recorder.restarts, 1);
  recorder.onChunk("GkXfowE=");
  clock.advance(500);
  sockets[1].welcome({ resumed: true });
  await new Promise(setImmediate); // the piece is sent
  assert.equal(get().connectionStatus, "connected");
  assert.equal(get().websocket, sockets[1]);
  assert.equal(sockets[1].frames("audio_chunk")[0].data, "GkXfowE=");
});

test("the current recorder is in the store while there is one", async () => {
  const { get, sockets, recorder } = await listening();
  assert.deepEqual(get().mediaRecorder, { number: 1 });
  sockets[0].fail();
  await new Promise(setImmediate);
  assert.deepEqual(get().mediaRecorder, { number: 2 });
  recorder.recorder = { number: 3 };
  recorder.dispatchEvent(new Event("quality"));
  assert.deepEqual(get().mediaRecorder, { number: 3 });
  await get().stopListening();
  assert.equal(get().mediaRecorder, null);
});

test("the quality of a recording follows the backlog of the socket", async () => {
  const { sockets, recorder } = await listening();
  sockets[0].bufferedAmount = 4_000;
  assert.equal(recorder.options.backlogBytes(), 4_000);
});

test("the browser speaks answers without audio, and can be interrupted", async () => {
  const { get, sockets, player, browserVoice } = await connected();
  get().updateVoiceSettings({ useBrowserTTS: true, language: "en-GB" });
  sockets[0].say(
    { type: "response_start", responseId: 1 },
    { type: "response_complete", responseId: 1, text: "Good day" },
    { type: "audio_complete", responseId: 1 },
  );
  assert.deepEqual(browserVoice.spoken, [["Good day", "en-GB"]]);
  assert.equal(get().isSpeaking, true);
  await get().startListening();
  assert.deepEqual([get().isSpeaking, player.played], [false, []]);
  assert.deepEqual(sockets[0].frames("interrupt"), [
    { type: "interrupt", responseId: 1, playedMs: 300 },
  ]);
  browserVoice.isAvailable = false;
  sockets[0].say({ type: "response_complete", responseId: 2, text: "More" });
  assert.match(get().voiceError, /no speech synthesis voice/);
});

test("an answer is held and resumed, and its playback is reported", async () => {
  const { sockets, player } = await connected();
  assert.equal(sockets[0].frames("config").at(-1).output.supportsHold, true);
  sockets[0].say({ type: "hold", responseId: 1, held: true });
  assert.equal(player.heldId, 1);
  sockets[0].say({ type: "hold", responseId: 1, held: false });
  assert.equal(player.heldId, 0);
  player.onPlayback({ responseId: 1, playedMs: 40, isPlaying: true });
  player.onPlayback({ responseId: 0, playedMs: 40, isPlaying: true }); // audio that is no answer
  assert.deepEqual(sockets[0].frames("playback"), [
    { type: "playback", responseId: 1, playedMs: 40 },
  ]);
});

test("a lost connection releases a hold", async () => {
  const { sockets, player } = await connected();
  sockets[0].say({ type: "hold", responseId: 1, held: true });
  sockets[0].fail();
  assert.equal(player.heldId, 0);
});

test("a file is played like a chunk, and voice is switched on and off", async () => {
  const { get, player } = await connected();
  await get().playAudioResponse(Uint8Array.of(1, 2).buffer);
  await get().playAudioResponse("data:audio/mpeg;base64,Aw==");
  assert.deepEqual(player.played, [
    [0, Uint8Array.of(1, 2)],
    [0, Uint8Array.of(3)],
  ]);
  await get().playAudioResponse("data:nothing");
  assert.ok(get().voiceError);
  get().setVoiceError(null);
  assert.deepEqual([get().voiceError, get().checkVoiceSupport()], [null, false]);
  get().toggleVoice();
  await new Promise(setImmediate);
  assert.equal(get().isListening, true);
  get().toggleVoice();
  assert.equal(get().isListening, false);
});

test("transcripts and answers become messages", async () => {
  const { get, messages, sockets } = await connected();
  const usage = { totalTokens: 3 };
  sockets[0].say({ type: "transcription_partial", text: "hel" });
  assert.equal(get().partialTranscription, "hel");
  sockets[0].say(
    { type: "transcription_final", text: "hello" },
    { type: "response_start", responseId: 1 },
    { type: "response_chunk", responseId: 1, text: "Good " },
    { type: "response_chunk", responseId: 1, text: "day" },
  );
  assert.deepEqual([get().partialTranscription, get().partialResponse], ["", "Good day"]);
  sockets[0].say({ type: "response_complete", responseId: 1, text: "Good day", usage });
  assert.deepEqual(
    messages.map(({ role, content, metadata }) => [role, content, metadata.source, metadata.usage]),
    [["user", "hello", "voice", undefined], ["assistant", "Good day", "voice", usage]],
  );
});

/** The frames of a turn that is reopened before its answer is heard. */
const REOPENED = [
  { type: "transcription_final", turnId: 1, text: "Show me" },
  { type: "response_start", turnId: 1, responseId: 1 },
  { type: "response_complete", turnId: 1, responseId: 1, text: "What?" },
  { type: "interruption", turnId: 1, responseId: 1, reason: "turn_reopened" },
  { type: "transcription_final", turnId: 1, text: "Show me the report" },
  { type: "response_complete", turnId: 1, responseId: 2, text: "Here" },
  { type: "interruption", turnId: 1, responseId: 2, reason: "user_speech" },
  { type: "transcription_final", turnId: 2, text: "Thanks" },
];

test("a reopened turn is one message, and its withdrawn answer none", async () => {
  const kept = new Map();
  const { sockets } = await connected({
    addMessage: (message) => {
      const id = String(kept.size);
      kept.set(id, message.content);
      return { ...message, id };
    },
    updateMessage: (id, { content }) => kept.set(id, content),
    deleteMessage: (id) => kept.set(id, null),
  });
  sockets[0].say(...REOPENED);
  assert.deepEqual([...kept.values()], ["Show me the report", null, "Here", "Thanks"]);
});

test("a store that cannot change messages gets the additional words", async () => {
  const { messages, sockets } = await connected();
  sockets[0].say(...REOPENED);
  assert.deepEqual(
    messages.filter(({ role }) => role === "user").map(({ content }) => content),
    ["Show me", "the report", "Thanks"],
  );
});

test("empty transcripts, and messages with autoAddToMessages off, are not added", async () => {
  const { get, messages, sockets } = await connected();
  sockets[0].say({ type: "transcription_final", text: "" });
  get().updateVoiceSettings({ autoAddToMessages: false });
  sockets[0].say({ type: "transcription_final", text: "hello" });
  assert.deepEqual(messages, []);
  assert.equal(sockets[0].frames("config").at(-1).settings.autoAddToMessages, false);
});

test("isSpeaking lasts until the last sound", async () => {
  const { get, player, sockets } = await connected();
  sockets[0].say({ type: "response_start", responseId: 1 });
  assert.equal(get().isSpeaking, true);
  sockets[0].say({ type: "audio_chunk", responseId: 1, data: "AA==", isLast: true });
  sockets[0].say({ type: "audio_complete", responseId: 1 });
  assert.equal(get().isSpeaking, true);
  assert.deepEqual(player.played, [[1, "AA=="]]);
  player.turn(false);
  assert.equal(get().isSpeaking, false);
});

test("isSpeaking ends with an answer without sound, and with the connection", async () => {
  const { get, sockets } = await connected();
  sockets[0].say({ type: "response_start", responseId: 1 });
  sockets[0].say({ type: "audio_complete", responseId: 1 });
  assert.equal(get().isSpeaking, false);
  sockets[0].say({ type: "response_start", responseId: 2 });
  sockets[0].fail();
  assert.equal(get().isSpeaking, false);
});

test("speech over an answer interrupts it with the played length", async () => {
  const { get, player, sockets } = await connected();
  sockets[0].say({ type: "response_start", responseId: 2 });
  await get().startListening();
  assert.equal(player.silencedId, 2);
  assert.deepEqual(sockets[0].frames("interrupt"), [
    { type: "interrupt", responseId: 2, playedMs: 700 },
  ]);
});

test("actions call the setters of either kind of store", async () => {
  const calls = [];
  const frame = { type: "action", stateKey: "s", setterKey: "k", args: [1, 2] };
  const older = await connected({ executeCustomSetter: (...given) => calls.push(given) });
  older.sockets[0].say(frame, { ...frame, args: 3 }, { ...frame, stateKey: "" });
  const newer = await connected({ executeStateSetter: (given) => calls.push(given) });
  newer.sockets[0].say(frame, { ...frame, args: [{ a: 1 }] });
  assert.deepEqual(calls, [
    ["s", "k", 1, 2],
    ["s", "k", 3],
    { key: "s", setterKey: "k", args: [1, 2] },
    { key: "s", setterKey: "k", args: { a: 1 } },
  ]);
});

test("errors are shown, and frames of unknown types ignored", async () => {
  const { get } = await connected();
  get().handleWebSocketMessage({ type: "error", message: "no" });
  get().handleWebSocketMessage({ type: "toString" });
  assert.equal(get().voiceError, "no");
});

test("disconnecting ends everything, and connecting again works", async () => {
  const { get, sockets, recorder } = await listening();
  get().disconnectWebSocket();
  await Promise.resolve();
  assert.deepEqual(
    [get().connectionStatus, get().websocket, get().isListening, recorder.isOn],
    ["disconnected", null, false, false],
  );
  const connecting = get().connectWebSocket();
  sockets[1].welcome();
  await connecting;
  assert.equal(get().connectionStatus, "connected");
});

test("reset restores the initial state", async () => {
  const { get } = await listening();
  get().resetVoiceState();
  assert.deepEqual([get().voiceEndpoint, get().sessionId, get().isListening], ["", null, false]);
});
