// @ts-check
/**
 * The frames of the bridge's WebSocket as types. Durations are milliseconds, audio is base64, and
 * fields that have nothing to say are left out.
 *
 * @typedef {object} Settings
 * @property {string} [language] BCP 47, such as "en-US"
 * @property {string} [voiceId]
 * @property {number} [pitch] 1 is normal
 * @property {number} [rate] 1 is normal
 * @property {number} [volume] 0 to 1
 * @property {boolean} [useBrowserTTS] no audio is sent
 * @property {boolean} [autoAddToMessages]
 * @property {boolean} [stream] false leaves out what is not final
 *
 * @typedef {object} Output
 * @property {"mp3" | "wav" | "pcm_s16le" | "ogg_opus" | "webm_opus"} [encoding]
 * @property {"continuous" | "self_contained" | "whole"} [framing]
 * @property {number} [maxLeadMs] how far ahead of its playback audio is sent
 * @property {boolean} [supportsHold] `hold` is heeded: the service then pauses, and cuts off later
 *
 * @typedef {object} TurnDetection
 * @property {"manual" | "server_vad"} [mode]
 * @property {number} [threshold]
 * @property {number} [prefixPaddingMs]
 * @property {number} [silenceDurationMs]
 * @property {number} [minSpeechMs]
 * @property {number} [maxUtteranceMs]
 * @property {number} [noInputTimeoutMs] silence after which `speech` says `no_input`
 * @property {boolean} [createResponse] false: answers come when they are asked for
 * @property {boolean} [interruptResponse]
 * @property {number} [minInterruptionMs]
 * @property {boolean} [adaptive] pauses as long as this speaker makes them
 *
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} [description]
 * @property {object} [parameters] JSON schema of the arguments
 * @property {string} [stateKey]
 * @property {string} [setterKey]
 * @property {string[]} [argumentOrder] names of the setter's positional arguments
 *
 * @typedef {object} Config what a connection is configured with; what is not named stays
 * @property {Settings} [settings]
 * @property {unknown} [context] any JSON
 * @property {Output} [output]
 * @property {TurnDetection} [turnDetection]
 * @property {Tool[]} [tools]
 * @property {string} [systemPrompt]
 * @property {boolean} [draftReplies] an answer may begin when the user pauses, and be thrown away
 *
 * @typedef {object} Playback how far the audio of a response has been played
 * @property {number} responseId
 * @property {number} playedMs
 */

/**
 * What browsers send. What has to arrive once has a number, which grows from frame to frame.
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
 * What browsers receive, by type.
 *
 * @typedef {object} Place
 * @property {number} [turnId]
 * @property {number} [seq] place in the session's sequence; frames of one event share it
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
 * @property {number} speechMs of it
 * @property {number} outputAudioMs
 * @property {number} [responseLatencyMs] from the end of the input to the first audio sent
 * @property {number} [firstHeardMs] from there to the first audio that was played, as reported
 * @property {number} [endpointingMs]
 * @property {number} [sttFinalMs]
 * @property {number} [sttAudioMs] audio that the recognizer was sent
 * @property {number} [llmFirstTokenMs]
 * @property {number} [llmTotalMs]
 * @property {number} [firstPhraseMs]
 * @property {number} [ttsFirstAudioMs]
 * @property {number} [turnTotalMs]
 * @property {Usage} [usage]
 * @property {number} drafts answers begun before the turn was over
 * @property {number} droppedDrafts of them, thrown away
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
