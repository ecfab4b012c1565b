// @ts-check
/**
 * The public exports of the package.
 *
 * @typedef {import("./frames.js").Config} Config
 * @typedef {import("./frames.js").DownFrame} DownFrame
 * @typedef {import("./frames.js").DownFrames} DownFrames
 * @typedef {import("./frames.js").Settings} Settings
 * @typedef {import("./frames.js").TurnMetrics} TurnMetrics
 * @typedef {import("./latency.js").Metrics} Metrics
 * @typedef {import("./microphone.js").MicrophoneOptions} MicrophoneOptions
 * @typedef {import("./player.js").Playback} Playback
 * @typedef {import("./voice-client.js").Status} Status
 * @typedef {import("./credential.js").Token} Token
 * @typedef {import("./voice-client.js").VoiceClientOptions} VoiceClientOptions
 * @typedef {import("./voice-client.js").VoiceEvents} VoiceEvents
 * @typedef {import("./voice-slice.js").WebSocketVoiceSlice} WebSocketVoiceSlice
 */

export { AudioStreamBuffer } from "./audio-stream-buffer.js";
export { BrowserVoice } from "./browser-voice.js";
export { LatencyTracker, VoicePerformanceMonitor } from "./latency.js";
export { Microphone, MicrophoneError } from "./microphone.js";
export { PLAYER_OUTPUT, Player } from "./player.js";
export { VoiceActivityDetector } from "./voice-activity.js";
export { ConnectionOver, VoiceClient } from "./voice-client.js";
export { createWebSocketVoiceSlice } from "./voice-slice.js";
