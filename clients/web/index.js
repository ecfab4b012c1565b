// @ts-check
/** Everything that the package offers. Each module can be imported by itself, too. */

export { AudioStreamBuffer } from "./audio-stream-buffer.js";
export { LatencyTracker, VoicePerformanceMonitor } from "./latency.js";
export { Microphone, MicrophoneError } from "./microphone.js";
export { Player } from "./player.js";
export { VoiceActivityDetector } from "./voice-activity.js";
export { ConnectionOver, VoiceClient } from "./voice-client.js";
export { createWebSocketVoiceSlice } from "./voice-slice.js";
