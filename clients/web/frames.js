// @ts-check
/**
 * Types of the frames of the bridge's WebSocket. Durations are milliseconds, audio is base64, and
 * fields without a value are left out.
 *
 * @typedef {object} Settings
 * @property {string} [language] BCP 47, such as "en-US"
 * @property {string} [voiceId]
 * @property {number} [pitch] 1 is normal
 * @property {number} [rate] 1 is normal
 * @property {number} [volume] 0 to 1
 * @property {boolean} [useBrowserTTS] the browser speaks the answers; the service sends no audio
 * @property {boolean} [autoAddToMessages]
 * @property {boolean} [stream] false leaves out partial transcriptions and response chunks
 *
 * @typedef {object} Output
 * @property {"mp3" | "wav" | "pcm_s16le" | "ogg_opus" | "webm_opus"} [encoding]
 * @property {"continuous" | "self_contained" | "whole"} [framing]
 * @property {number} [maxLeadMs] lead of the audio sent over its playback
 * @property {boolean} [supportsHold] the page pauses playback on `hold`
 *
 * @typedef {object} TurnDetection
 * @property {"manual" | "server_vad"} [mode]
 * @property {number} [threshold]
 * @property {number} [prefixPaddingMs]
 * @property {number} [silenceDurationMs]
 * @property {number} [minSpeechMs]
 * @property {number} [maxUtteranceMs]
 * @property {number} [noInputTimeoutMs] silence after which `speech` reports `no_input`
 * @property {boolean} [createResponse] false: an answer needs a `create_response`
 * @property {boolean} [interruptResponse]
 * @property {number} [minInterruptionMs]
 * @property {boolean} [adaptive] a longer silence ends turns of a user who pauses longer
 *
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} [description]
 * @property {object} [parameters] JSON Schema of the arguments
 * @property {string} [stateKey]
 * @property {string} [setterKey]
 * @property {string[]} [argumentOrder] names of the setter's positional arguments
 *
 * @typedef {object} Config configuration of a session; fields that are left out keep their value
 * @property {Settings} [settings]
 * @property {unknown} [context] any JSON value, for the language model
 * @property {Output} [output]
 * @property {TurnDetection} [turnDetection]
 * @property {Tool[]} [tools]
 * @property {string} [systemPrompt]
 * @property {boolean} [draftReplies] draft an answer when the user pauses; drop it if they continue
 *
 * @typedef {object} Playback playback position of a response
 * @property {number} responseId
 * @property {number} playedMs
 */

/**
 * Frames from the browser. Frames that must arrive exactly once have an increasing `seq`.
 *
 * @typedef {{ type: "config" } & Config
 *   | { type: "auth", token: string }
 *   | { seq?: number } & (
 *     | { type: "audio_chunk", data: string, timestamp?: number }
 *     | { type: "start_listening" }
 *     | { type: "stop_listening" }
 *     | { type: "interrupt", responseId?: number, playedMs?: number }
 *     | { type: "text", text: string }
 *     | { type: "say", text: string, interruptible?: boolean, addToHistory?: boolean }
 *     | { type: "create_response", instructions?: string })
 *   | { type: "playback" } & Playback
 *   | { type: "ping", sentAt: number, lastSeq?: number }} UpFrame
 */

/**
 * Frames to the browser, by type.
 *
 * @typedef {object} Place
 * @property {number} [turnId]
 * @property {number} [seq] sequence number in the session; frames of one event share it
 *
 * @typedef {object} Usage
 * @property {number} promptTokens
 * @property {number} completionTokens
 * @property {number} totalTokens
 *
 * @typedef {object} AudioFormat
 * @property {string} encoding
 * @property {number} sampleRateHz
 * @property {number} channelCount
 *
 * @typedef {object} TurnMetrics
 * @property {"turn_metrics"} type
 * @property {boolean} interrupted
 * @property {number} inputAudioMs
 * @property {number} speechMs speech within the input
 * @property {number} outputAudioMs
 * @property {number} [responseLatencyMs] from the end of the input to the first audio sent
 * @property {number} [firstHeardMs] from the end of the input to the first audio reported as played
 * @property {number} [endpointingMs]
 * @property {number} [sttFinalMs]
 * @property {number} [sttAudioMs] audio sent to the recognizer
 * @property {number} [llmFirstTokenMs]
 * @property {number} [llmTotalMs]
 * @property {number} [firstPhraseMs]
 * @property {number} [ttsFirstAudioMs]
 * @property {number} [turnTotalMs]
 * @property {Usage} [usage]
 * @property {number} drafts number of answers begun before the turn was over
 * @property {number} droppedDrafts number of drafts that were dropped
 * @property {number} droppedDraftTokens
 *
 * @typedef {{
 *   connected: Place & { type: "connected", sessionId: string },
 *   ready: Place & { type: "ready", sessionId: string, resumed: boolean, restored?: boolean,
 *     received?: number, settings: Settings, output: Output, turnDetection: TurnDetection },
 *   transcription_partial: Place &
 *     { type: "transcription_partial", text: string, stableText?: string, confidence?: number },
 *   transcription_final: Place &
 *     { type: "transcription_final", text: string, confidence?: number, continues?: boolean },
 *   response_start: Place & { type: "response_start", responseId: number },
 *   response_chunk: Place & { type: "response_chunk", responseId: number, text: string },
 *   response_complete: Place & { type: "response_complete", responseId: number, text: string,
 *     finishReason: string, usage?: Usage },
 *   audio_chunk: Place & { type: "audio_chunk", responseId: number, data: string, isLast: boolean,
 *     offsetMs: number, durationMs: number, format?: AudioFormat, text?: string },
 *   audio_complete: Place & { type: "audio_complete", responseId: number },
 *   action: Place & { type: "action", actionId: string, stateKey: string, setterKey: string,
 *     args: unknown[], arguments: unknown, toolName?: string, responseId?: number },
 *   error: Place & { type: "error", code: string, message: string, retryable: boolean,
 *     fatal?: boolean, retryAfterMs?: number, stage?: string, field?: string },
 *   speech: Place & { type: "speech", event: "started" | "stopped" | "turn_ended" | "no_input",
 *     audioOffsetMs: number },
 *   hold: Place & { type: "hold", responseId: number, held: boolean },
 *   interruption: Place & { type: "interruption", responseId: number, reason: string,
 *     heardMs: number, keptText: string },
 *   turn_metrics: Place & TurnMetrics,
 *   token_expiring: Place & { type: "token_expiring", timeLeftMs: number },
 *   go_away: Place & { type: "go_away", timeLeftMs: number },
 *   pong: Place & { type: "pong", sentAt: number, answeredAt: number, received?: number },
 * }} DownFrames
 *
 * @typedef {DownFrames[keyof DownFrames]} DownFrame
 */

export {};
