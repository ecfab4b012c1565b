"""The events of a session.

The text of a `Transcription` is cumulative, that of a `ResponseDelta` is to be appended. Each
response, interrupted and failed ones too, has one `ResponseStarted`, one `ResponseCompleted` that
ends its text, and one `AudioChunk` with `is_last` that ends its audio.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from cedar_voice_client.enums import (
    ErrorCode,
    FinishReason,
    InterruptionReason,
    PipelineStage,
    SpeechEvent,
)
from cedar_voice_client.options import (
    AudioFormat,
    OutputAudioConfig,
    TurnDetection,
    VoiceSettings,
)
from cedar_voice_client.service_info import Limits, ServerInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Any event.

    `sequence` is its number among the session's events, 0 for an event that is never replayed;
    `turn_id` is the turn it belongs to, 0 for none. `term` increases by one with each restore of
    the session: the pair of `term` and `sequence` only grows.
    """

    term: int = 0
    sequence: int = 0
    turn_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Event):
    """The session is ready, with its effective settings; repeated after every accepted patch and
    every reconnect.
    """

    session_id: str
    resume_token: str = field(repr=False)
    resumed: bool
    restored: bool
    replay_truncated: bool
    replayed: int
    limits: Limits
    server_info: ServerInfo
    settings: VoiceSettings
    output_audio: OutputAudioConfig
    turn_detection: TurnDetection


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRestored(Event):
    """The server had lost the session; a new one replaces it, and a `Ready` follows.

    Its history holds `kept_items` of the conversation. Audio that was not transcribed yet is sent
    again. The response in progress was interrupted; `answers_again` is whether it is generated
    again.
    """

    kept_items: int
    answers_again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLost(Event):
    """`audio_bytes` of microphone audio were dropped before the server received them, because the
    connection was lost for too long.
    """

    audio_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription(Event):
    """A transcript of the whole utterance so far, a partial one unless `is_final`.

    Later partials and the final only extend `stable_text`, the beginning of `text`. A second final
    of the same turn replaces the first: the user continued to speak before the response was played.
    After a final with `continues` set, the utterance exceeds the longest turn: the rest is the next
    turn, which gets the response. `confidence` is 0.0 to 1.0, None when the recognizer gives
    none. The times are milliseconds of the session's input audio.
    """

    text: str
    is_final: bool
    confidence: float | None
    stable_text: str
    start_ms: int
    end_ms: int
    continues: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseStarted(Event):
    """A response to `user_text` began."""

    response_id: int
    user_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseDelta(Event):
    """The next piece of a response's text, to append."""

    response_id: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that a response consumed."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent(Event):
    """An error. Unless it is `fatal`, the session continues.

    `client_sequence` is the number of the message that caused it, 0 for none; `field` is the path
    of the offending field, empty for none.
    """

    code: ErrorCode
    message: str
    retryable: bool
    fatal: bool
    retry_after_ms: int
    stage: PipelineStage
    client_sequence: int
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCompleted(Event):
    """The text of a response is complete; `error` is set if the response failed."""

    response_id: int
    text: str
    finish_reason: FinishReason
    usage: Usage | None
    error: ErrorEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioChunk(Event):
    """A piece of a response's audio, in playing order.

    `data` may be empty when `is_last`. `format` is set on the first chunk of a response. `text` is
    the text whose speech begins in this chunk.
    """

    response_id: int
    data: bytes = field(repr=False)
    is_last: bool
    offset_ms: int
    duration_ms: int
    format: AudioFormat | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Event):
    """An action that the application must carry out, once per `action_id`."""

    action_id: str
    state_key: str
    setter_key: str
    args_json: str
    tool_name: str
    arguments_json: str
    response_id: int

    @property
    def args(self) -> list[Any]:
        """Positional arguments of the state setter."""
        args: list[Any] = json.loads(self.args_json or "[]")
        return args

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments by name, as the language model generated them."""
        arguments: dict[str, Any] = json.loads(self.arguments_json or "{}")
        return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechActivity(Event):
    """The server detected that the user started or stopped speaking, ended the turn, or gave no
    input for `no_input_timeout_ms`.
    """

    event: SpeechEvent
    audio_offset_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackHold(Event):
    """Pause the playback of a response and keep its queued audio, or resume it when not `held`.

    The user speaks over the response, and the server determines whether that interrupts it.
    """

    response_id: int
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption(Event):
    """A response was interrupted: stop its playback, and drop any more audio of it.

    `heard_ms` of its audio and `kept_text` of its text are the part that the user probably heard.
    """

    response_id: int
    reason: InterruptionReason
    heard_ms: int
    kept_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnMetrics(Event):
    """Timings and counters of a finished turn.

    Timings are milliseconds, None when the stage did not run. `drafts` counts the speculative
    replies begun before the end of the turn; `dropped_drafts` of them were discarded, with
    `dropped_draft_tokens` generated.
    """

    response_latency_ms: int | None
    endpointing_ms: int | None
    stt_final_ms: int | None
    llm_first_token_ms: int | None
    llm_total_ms: int | None
    tts_first_audio_ms: int | None
    turn_total_ms: int | None
    input_audio_ms: int
    output_audio_ms: int
    interrupted: bool
    first_phrase_ms: int | None
    first_heard_ms: int | None
    speech_ms: int
    stt_audio_ms: int | None
    usage: Usage | None
    drafts: int
    dropped_drafts: int
    dropped_draft_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAway(Event):
    """The server shuts down: its stream ends after the turn in progress, or at the end of the time.

    The session is then resumed at the server to which the address leads.
    """

    time_left_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenExpiring(Event):
    """The token of the stream expires in `time_left_ms`. A client with a function as its token has
    renewed it already; the stream of any other client ends then.
    """

    time_left_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Event):
    """The answer to a ping; both times are Unix epoch milliseconds."""

    ping_sent_at_ms: int
    sent_at_ms: int
