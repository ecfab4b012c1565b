// @ts-check
/**
 * A slice for the store of a Cedar application: voice over the bridge's WebSocket.
 *
 * @typedef {import("./frames.js").DownFrames} DownFrames
 * @typedef {import("./frames.js").Settings} Settings
 *
 * @typedef {object} WebSocketVoiceState
 * @property {string} voiceEndpoint such as "/api/voice"; `/ws` is added to it
 * @property {"granted" | "denied" | "prompt" | "not-supported"} voicePermissionStatus
 * @property {MediaStream | null} audioStream the open microphone
 * @property {MediaRecorder | null} mediaRecorder another one whenever the quality changes
 * @property {boolean} isListening
 * @property {boolean} isSpeaking an answer is being given, or still heard
 * @property {string | null} voiceError
 * @property {Settings} voiceSettings
 * @property {WebSocket | null} websocket
 * @property {"disconnected" | "connecting" | "connected" | "error"} connectionStatus
 * @property {string | null} sessionId
 * @property {string} partialTranscription what the user is saying
 * @property {string} partialResponse what is being answered
 *
 * @typedef {object} WebSocketVoiceActions
 * @property {() => Promise<void>} connectWebSocket resolves when connected, or when it never will be
 * @property {() => void} disconnectWebSocket
 * @property {(audioData: Blob) => void} sendAudioChunk
 * @property {(message: { type: string } & Record<string, any>) => void} handleWebSocketMessage
 * @property {(base64Data: string) => Promise<void>} playAudioChunk plays after what plays already
 * @property {(audio: string | ArrayBuffer) => Promise<void>} playAudioResponse an address, or a file
 * @property {() => Promise<void>} requestVoicePermission
 * @property {() => Promise<void>} startListening
 * @property {() => Promise<void>} stopListening
 * @property {() => void} toggleVoice
 * @property {() => boolean} checkVoiceSupport whether this browser can record on this page
 * @property {(error: string | null) => void} setVoiceError
 * @property {(endpoint: string) => void} setVoiceEndpoint
 * @property {(settings: Partial<Settings>) => void} updateVoiceSettings
 * @property {() => void} resetVoiceState
 *
 * @typedef {WebSocketVoiceState & WebSocketVoiceActions} WebSocketVoiceSlice
 *
 * What the rest of a Cedar store offers; each is used where it is there.
 *
 * @typedef {object} CedarParts
 * @property {(message: any) => any} [addMessage] the message with its `id`, if it can be changed
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
 * The slice. Give it to the store beside the others: `...createWebSocketVoiceSlice(set, get)`.
 *
 * @param {SetState} set
 * @param {GetState} get
 * @param {unknown} [api] of the store; not used, but passed by stores
 * @param {import("./voice-conversation.js").Environment} [environment] the user's token, where the
 *   bridge wants one; the rest is the browser's unless given
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
