// @ts-check
/**
 * A slice for the store of a Cedar application: voice over the bridge's WebSocket.
 *
 * @typedef {import("./frames.js").DownFrames} DownFrames
 * @typedef {import("./frames.js").Settings} Settings
 *
 * @typedef {object} WebSocketVoiceState
 * @property {string} voiceEndpoint address such as "/api/voice", to which `/ws` is added
 * @property {"granted" | "denied" | "prompt" | "not-supported"} voicePermissionStatus
 * @property {MediaStream | null} audioStream the open microphone
 * @property {MediaRecorder | null} mediaRecorder replaced whenever the quality changes
 * @property {boolean} isListening
 * @property {boolean} isSpeaking whether an answer is in progress, or still audible
 * @property {string | null} voiceError
 * @property {Settings} voiceSettings
 * @property {WebSocket | null} websocket
 * @property {"disconnected" | "connecting" | "connected" | "error"} connectionStatus
 * @property {string | null} sessionId
 * @property {string} partialTranscription words of the user's current turn
 * @property {string} partialResponse text of the current answer
 *
 * @typedef {object} WebSocketVoiceActions
 * @property {() => Promise<void>} connectWebSocket resolves when connected, or when that has failed
 * @property {() => void} disconnectWebSocket
 * @property {(audioData: Blob) => void} sendAudioChunk
 * @property {(message: { type: string } & Record<string, any>) => void} handleWebSocketMessage
 * @property {(base64Data: string) => Promise<void>} playAudioChunk plays after the queued audio
 * @property {(audio: string | ArrayBuffer) => Promise<void>} playAudioResponse a file, or
 *   its address
 * @property {() => Promise<void>} requestVoicePermission
 * @property {() => Promise<void>} startListening
 * @property {() => Promise<void>} stopListening
 * @property {() => void} toggleVoice
 * @property {() => boolean} checkVoiceSupport returns whether this browser can record on this page
 * @property {(error: string | null) => void} setVoiceError
 * @property {(endpoint: string) => void} setVoiceEndpoint
 * @property {(settings: Partial<Settings>) => void} updateVoiceSettings
 * @property {() => void} resetVoiceState
 *
 * @typedef {WebSocketVoiceState & WebSocketVoiceActions} WebSocketVoiceSlice
 *
 * Functions of the rest of a Cedar store; the slice uses those that exist.
 *
 * @typedef {object} CedarParts
 * @property {(message: any) => any} [addMessage] returns the message with an `id`, for changes
 * @property {(id: string, changes: { content: string }) => unknown} [updateMessage]
 * @property {(id: string) => unknown} [deleteMessage]
 * @property {() => string} [stringifyAdditionalContext]
 * @property {(params: { key: string, setterKey: string, args?: any }) => void} [executeStateSetter]
 * @property {(stateKey: any, setterKey?: any, ...args: any[]) => void} [executeCustomSetter]
 *
 * @typedef {(partial: Partial<WebSocketVoiceState>) => void} SetState
 * @typedef {() => WebSocketVoiceSlice & CedarParts} GetState
 */

import { canRecord } from "./microphone.js";
import { VoiceConversation } from "./voice-conversation.js";

/** @type {WebSocketVoiceState} */
const INITIAL_STATE = {
  voiceEndpoint: "",
  voicePermissionStatus: "prompt",
  audioStream: null,
  mediaRecorder: null,
  isListening: false,
  isSpeaking: false,
  voiceError: null,
  voiceSettings: {
    language: "en-US",
    pitch: 1,
    rate: 1,
    volume: 1,
    useBrowserTTS: false,
    autoAddToMessages: true,
  },
  websocket: null,
  connectionStatus: "disconnected",
  sessionId: null,
  partialTranscription: "",
  partialResponse: "",
};

/**
 * Create the slice. Spread it into the store: `...createWebSocketVoiceSlice(set, get)`.
 *
 * @param {SetState} set
 * @param {GetState} get
 * @param {unknown} [api] of the store; unused, but passed by stores
 * @param {import("./voice-conversation.js").Environment} [environment] the user's token, where the
 *   bridge requires one; the other properties replace parts of the browser
 * @returns {WebSocketVoiceSlice}
 */
export function createWebSocketVoiceSlice(set, get, api, environment = {}) {
  const conversation = new VoiceConversation(set, get, environment);
  return {
    ...INITIAL_STATE,
    connectWebSocket: () => conversation.connect(),
    disconnectWebSocket: () => conversation.disconnect(),
    sendAudioChunk: (audioData) => conversation.send(audioData),
    handleWebSocketMessage: (message) => conversation.handle(message),
    playAudioChunk: (base64Data) => conversation.play(base64Data),
    playAudioResponse: (audio) => conversation.playFile(audio),
    requestVoicePermission: () => conversation.requestPermission(),
    startListening: () => conversation.startListening(),
    stopListening: () => conversation.stopListening(),
    toggleVoice: () => void (get().isListening ? get().stopListening() : get().startListening()),
    checkVoiceSupport: canRecord,
    setVoiceError: (voiceError) => set({ voiceError }),
    setVoiceEndpoint: (voiceEndpoint) => set({ voiceEndpoint }),
    updateVoiceSettings(changes) {
      set({ voiceSettings: { ...get().voiceSettings, ...changes } });
      conversation.configure();
    },
    resetVoiceState() {
      conversation.disconnect();
      set(INITIAL_STATE);
    },
  };
}
