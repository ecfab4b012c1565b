// @ts-check
/**
 * The actions of the voice slice: connects a store with the client, microphone and loudspeaker.
 *
 * @typedef {import("./voice-slice.js").GetState} GetState
 * @typedef {import("./voice-slice.js").SetState} SetState
 * @typedef {import("./voice-slice.js").DownFrames} DownFrames
 *
 * @typedef {Pick<Player, "isPlaying" | "unlock" | "play" | "hold" | "release" | "silence" |
 *   "playedMs" | "onPlayback" | "addEventListener">} Loudspeaker
 * @typedef {Pick<BrowserVoice, "isPlaying" | "say" | "silence" | "addEventListener"> &
 *   Partial<Pick<BrowserVoice, "playedMs">>} Speech
 * @typedef {Pick<Microphone, "isOn" | "stream" | "recorder" | "requestPermission" | "start" |
 *   "restart" | "stop" | "addEventListener">} Recorder
 *
 * @typedef {object} Environment the user's token, and replacements for parts of the browser
 * @property {import("./credential.js").Token} [token] where the bridge requires one
 * @property {Loudspeaker} [player]
 * @property {Speech} [browserVoice] for answers without audio
 * @property {(onChunk: (base64: string) => void, onLost: () => void,
 *   options: import("./microphone.js").MicrophoneOptions) => Recorder} [openMicrophone]
 * @property {import("./voice-client.js").VoiceClientOptions} [client]
 */

import { BrowserVoice } from "./browser-voice.js";
import { Chat } from "./chat.js";
import { Microphone, canRecord } from "./microphone.js";
import { PLAYER_OUTPUT, Player } from "./player.js";
import { VoiceClient } from "./voice-client.js";

/** The store's connection status for each status of the client. */
const CONNECTION_STATUS = /** @type {const} */ ({
  connecting: "connecting",
  connected: "connected",
  reconnecting: "connecting",
  refused: "error",
  replaced: "error",
  closed: "disconnected",
});

const STATUS_ERRORS = {
  refused: "WebSocket connection refused: a token is missing or wrong",
  replaced: "This conversation continues in another window",
};

export class VoiceConversation {
  #set;
  #get;
  #environment;
  #chat;
  #player;
  #browserVoice;
  #microphone;
  /** @type {VoiceClient | null} */
  #client = null;
  #endpoint = "";
  #shouldRecord = false;
  #responseId = 0;
  /** Responses with more audio to come. @type {Set<number>} */
  #awaitingAudio = new Set();

  /**
   * @param {SetState} set
   * @param {GetState} get
   * @param {Environment} environment
   */
  constructor(set, get, environment) {
    this.#set = set;
    this.#get = get;
    this.#environment = environment;
    this.#chat = new Chat(get);
    this.#player = environment.player ?? new Player();
    this.#browserVoice = environment.browserVoice ?? new BrowserVoice();
    for (const loudspeaker of [this.#player, this.#browserVoice]) {
      loudspeaker.addEventListener("change", () => this.#showSpeaking());
    }
    this.#player.onPlayback = (/** @type {import("./player.js").Playback} */ playback) => {
      if (playback.responseId > 0) this.#client?.reportPlayback(playback);
    };
    const open = environment.openMicrophone ?? ((...given) => new Microphone(...given));
    this.#microphone = open(
      (base64) => void this.#client?.sendAudio(base64),
      () => void this.stopListening(),
      { backlogBytes: () => this.#client?.socket?.bufferedAmount ?? 0 },
    );
    this.#microphone.addEventListener("quality", () => this.#showRecorder());
  }

  /** Connect to the store's endpoint; a current connection is replaced. */
  async connect() {
    const { voiceEndpoint } = this.#get();
    try {
      if (!this.#client || voiceEndpoint !== this.#endpoint) this.#openClient(voiceEndpoint);
      this.configure();
      this.#client?.connect();
      await this.#client?.opened();
    } catch (error) {
      if (this.#get().voiceError === null) this.#showError(error);
    }
  }

  /** Close the connection, and stop the recording and playback. */
  disconnect() {
    void this.stopListening();
    this.#stopPlayback(this.#responseId);
    this.#client?.close();
    this.#client = null;
    this.#set({ connectionStatus: "disconnected", websocket: null });
  }

  /** Send the store's current settings and context to the service. */
  configure() {
    const { voiceSettings, stringifyAdditionalContext } = this.#get();
    const context = stringifyAdditionalContext?.();
    this.#client?.configure({
      settings: voiceSettings,
      output: PLAYER_OUTPUT,
      ...(context !== undefined && { context }),
    });
  }

  /** @param {Blob} audioData */
  send(audioData) {
    this.#client?.sendAudio(audioData).catch((error) => this.#showError(error));
  }

  /** @param {string} base64Data */
  play(base64Data) {
    return this.#player.play(this.#responseId, base64Data).catch((error) => this.#showError(error));
  }

  /** @param {string | ArrayBuffer} audio address of an audio file, or its bytes */
  async playFile(audio) {
    try {
      const file = typeof audio === "string" ? await (await fetch(audio)).arrayBuffer() : audio;
      await this.#player.play(this.#responseId, new Uint8Array(file));
    } catch (error) {
      this.#showError(error);
    }
  }

  /** Request permission to use the microphone. */
  async requestPermission() {
    try {
      await this.#microphone.requestPermission();
      this.#set({ voicePermissionStatus: "granted", audioStream: this.#microphone.stream });
    } catch (error) {
      const { name } = /** @type {any} */ (error).cause ?? {};
      if (name === "NotAllowedError") this.#set({ voicePermissionStatus: "denied" });
      else if (!canRecord()) this.#set({ voicePermissionStatus: "not-supported" });
      this.#showError(error);
    }
  }

  /** Start recording; connects and requests the microphone first where needed. */
  async startListening() {
    if (this.#shouldRecord) return; // voice activity detectors may call for every audio frame
    this.#shouldRecord = true;
    this.#set({ voiceError: null });
    this.#player.unlock();
    if (this.#get().connectionStatus !== "connected") await this.connect();
    if (this.#shouldRecord && this.#get().connectionStatus === "connected") await this.#record();
    if (!this.#microphone.isOn) this.#shouldRecord = false;
  }

  /** End the recording, and end the turn after the last piece of audio is sent. */
  async stopListening() {
    if (!this.#shouldRecord) return;
    this.#shouldRecord = false;
    this.#set({ isListening: false });
    const wasOn = this.#microphone.isOn;
    await this.#microphone.stop();
    this.#set({ audioStream: null, mediaRecorder: null });
    if (wasOn) await this.#client?.stopListening();
  }

  /** @param {{ type: string } & Record<string, any>} message a frame of the service */
  handle(message) {
    if (Object.hasOwn(this.#handlers, message.type)) {
      this.#handlers[/** @type {keyof DownFrames} */ (message.type)]?.(/** @type {any} */ (message));
    }
  }

  /** @type {{ [K in keyof DownFrames]?: (frame: DownFrames[K]) => void }} */
  #handlers = {
    transcription_partial: ({ text }) => this.#set({ partialTranscription: text }),
    transcription_final: ({ text, turnId }) => {
      this.#set({ partialTranscription: "" });
      this.#chat.addUserText(text, turnId);
    },
    response_start: ({ responseId = this.#responseId }) => {
      this.#responseId = responseId;
      this.#awaitingAudio.add(responseId);
      this.#set({ partialResponse: "" });
      this.#showSpeaking();
    },
    response_chunk: ({ text }) => {
      this.#set({ partialResponse: this.#get().partialResponse + text });
    },
    response_complete: ({ text, usage, responseId = this.#responseId }) => {
      this.#set({ partialResponse: "" });
      this.#chat.addAnswer(text, usage, responseId);
      this.#speakInBrowser(text);
    },
    audio_chunk: ({ data, responseId = this.#responseId }) => {
      if (responseId === this.#responseId) void this.#get().playAudioChunk(data);
    },
    audio_complete: ({ responseId = this.#responseId }) => this.#audioEnded(responseId),
    hold: ({ responseId, held }) => {
      if (held) this.#player.hold(responseId);
      else this.#player.release();
    },
    interruption: ({ responseId, reason }) => {
      this.#stopPlayback(responseId);
      this.#audioEnded(responseId);
      if (reason === "turn_reopened") this.#chat.withdrawAnswer(responseId);
    },
    action: (frame) => this.#executeAction(frame),
    error: ({ message }) => this.#showError(new Error(message)),
  };

  /** @param {string} endpoint */
  #openClient(endpoint) {
    this.#client?.close();
    const { token = null, client: options } = this.#environment;
    const client = new VoiceClient(addressOf(endpoint), {}, token, options);
    this.#client = client;
    this.#endpoint = endpoint;
    this.#set({ sessionId: client.sessionId });
    client.on("frame", (frame) => this.#get().handleWebSocketMessage(frame));
    client.on("status", (status) => {
      if (client === this.#client) this.#showStatus(status);
    });
    client.on("dropped", ({ count, reason }) => {
      if (reason === "closed") return;
      this.#showError(new Error(`${count} messages were not sent: ${reason}`));
    });
  }

  /** @param {import("./voice-client.js").Status} status */
  #showStatus(status) {
    this.#set({
      connectionStatus: CONNECTION_STATUS[status],
      websocket: this.#client?.socket ?? null,
    });
    if (status === "connected") return;
    this.#awaitingAudio.clear();
    this.#showSpeaking();
    this.#player.release(); // the session that held it may be lost
    if (status === "reconnecting") void this.#restart();
    if (status !== "refused" && status !== "replaced") return;
    this.#showError(new Error(STATUS_ERRORS[status]));
    void this.stopListening();
  }

  async #record() {
    if (!this.#microphone.stream) await this.#get().requestVoicePermission();
    if (!this.#microphone.stream || !this.#shouldRecord) return;
    this.#interrupt();
    this.configure(); // with the current context
    void this.#client?.startListening();
    try {
      await this.#microphone.start();
      this.#set({ isListening: this.#microphone.isOn, audioStream: this.#microphone.stream });
      this.#showRecorder();
    } catch (error) {
      this.#showError(error);
    }
  }

  /** Start a new container: audio after a lost connection needs a header of its own. */
  async #restart() {
    await this.#microphone.restart().catch((error) => this.#showError(error));
    this.#showRecorder();
  }

  #showRecorder() {
    this.#set({ mediaRecorder: this.#microphone.recorder });
  }

  /** Stop the current answer, which the user interrupts. */
  #interrupt() {
    if (!this.#get().isSpeaking) return;
    const playedMs = this.#browserVoice.isPlaying
      ? this.#browserVoice.playedMs
      : this.#player.playedMs(this.#responseId);
    this.#stopPlayback(this.#responseId);
    this.#client?.interrupt(this.#responseId, playedMs);
  }

  /** @param {number} responseId */
  #stopPlayback(responseId) {
    this.#player.silence(responseId);
    this.#browserVoice.silence();
  }

  /** @param {string} text of an answer; spoken here where the service sends no audio */
  #speakInBrowser(text) {
    const { useBrowserTTS, ...voice } = this.#get().voiceSettings;
    if (!useBrowserTTS || this.#browserVoice.say(text, voice)) return;
    this.#showError(new Error("This browser has no speech synthesis voice"));
  }

  /** @param {number} responseId response without further audio */
  #audioEnded(responseId) {
    this.#awaitingAudio.delete(responseId);
    this.#showSpeaking();
  }

  #showSpeaking() {
    const isPlaying = this.#player.isPlaying || this.#browserVoice.isPlaying;
    const isSpeaking = this.#awaitingAudio.size > 0 || isPlaying;
    if (isSpeaking !== this.#get().isSpeaking) this.#set({ isSpeaking });
  }

  /** @param {DownFrames["action"]} frame */
  #executeAction({ stateKey, setterKey, args }) {
    if (!stateKey || !setterKey) return;
    const list = Array.isArray(args) ? args : [args];
    const { executeStateSetter, executeCustomSetter } = this.#get();
    if (executeStateSetter) {
      executeStateSetter({ key: stateKey, setterKey, args: list.length === 1 ? list[0] : list });
    } else {
      executeCustomSetter?.(stateKey, setterKey, ...list);
    }
  }

  /** @param {unknown} error */
  #showError(error) {
    this.#set({ voiceError: error instanceof Error ? error.message : "Connection failed" });
  }
}

/**
 * Return the WebSocket's address for an endpoint: http or ws, absolute or relative to the page.
 *
 * @param {string} endpoint
 * @throws {Error} the endpoint is empty
 */
function addressOf(endpoint) {
  if (!endpoint) throw new Error("No voice endpoint is set");
  const url = new URL(endpoint, globalThis.location?.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.pathname = `${url.pathname.replace(/\/$/, "")}/ws`;
  return url;
}
