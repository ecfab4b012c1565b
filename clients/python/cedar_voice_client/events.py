"""What a caller can hear back from a session.

The text of a `Transcription` is cumulative, that of a `ResponseDelta` is to be appended. Each
response has one `ResponseStarted`, one `ResponseCompleted` that ends its text, and one `AudioChunk`
with `is_last` that ends its audio, whatever happened to it.
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
    """Any event. `sequence` is its place among the session's events, 0 for those never replayed;
    `turn_id` is the turn it belongs to, 0 for none. `term` counts the sessions that stood in for
    each other: the pair of `term` and `sequence` only grows.
    """

    term: int = 0
    sequence: int = 0
    turn_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Event):
    """The session is usable, with the values in force; repeated after every accepted patch, and
    after every break of the connection.
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
    """The server had lost the session; another one stands in for it, and a `Ready` follows.

    It knows `kept_items` of the conversation. What was said and not yet transcribed is sent again.
    The answer that was in progress was cut off; `answers_again` says that it is given anew.
    """

    kept_items: int
    answers_again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLost(Event):
    """So much microphone audio was dropped before the server got it: it was away for too long."""

    audio_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription(Event):
    """What the user is saying, or said when `is_final`: the whole utterance so far.

    Later partials and the final only extend `stable_text`, the beginning of `text`. Another final
    of the same turn replaces the first: the user went on speaking before the answer was heard.
    After a final that `continues` the user speaks on beyond the longest turn: the rest is the next
    turn, and the answer comes then. `confidence` is 0.0 to 1.0, None when the recognizer gives
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
    """More text of a response, to append."""

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
    """Something went wrong. Unless it is `fatal`, the session goes on.

    `client_sequence` is the message that caused it, 0 for none; `field` is the path of the
    offending field, empty for none.
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
    """The text of a response is over; `text` is all of it, `error` says why it failed."""

    response_id: int
    text: str
    finish_reason: FinishReason
    usage: Usage | None
    error: ErrorEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioChunk(Event):
    """A piece of the spoken answer, in playing order.

    `data` may be empty when `is_last`. `format` is set on the first chunk of a response. `text`
    begins to be spoken in this chunk.
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
    """Something the application must do, once per `action_id`."""

    action_id: str
    state_key: str
    setter_key: str
    args_json: str
    tool_name: str
    arguments_json: str
    response_id: int

    @property
    def args(self) -> list[Any]:
        """Positional arguments of the setter."""
        args: list[Any] = json.loads(self.args_json or "[]")
        return args

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments by name, as the language model gave them."""
        arguments: dict[str, Any] = json.loads(self.arguments_json or "{}")
        return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechActivity(Event):
    """The user began to speak, paused, ended the turn, or said nothing, as heard by the server."""

    event: SpeechEvent
    audio_offset_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackHold(Event):
    """Pause the playback of a response and keep what is queued, or go on when not `held`.

    The user speaks over it, and the server finds out whether that interrupts it.
    """

    response_id: int
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption(Event):
    """A response was cut off: stop playing it, and drop audio of it still to come.

    `heard_ms` of its audio and `kept_text` of its text are believed to have been heard.
    """

    response_id: int
    reason: InterruptionReason
    heard_ms: int
    kept_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnMetrics(Event):
    """Timings and counters of a finished turn.

    Timings are milliseconds, None when the stage did not run. Of the `drafts`, answers begun before
    the turn was over, `dropped_drafts` were thrown away, with `dropped_draft_tokens` generated.
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
    """The server stops: its stream ends after the turn in progress, or when the time is over.

    The session is resumed then, wherever the address leads.
    """

    time_left_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenExpiring(Event):
    """The token of the stream expires. A client whose token is a function has renewed it already;
    another one's stream ends then.
    """

    time_left_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Event):
    """The answer to a ping; both times are Unix epoch milliseconds."""

    ping_sent_at_ms: int
    sent_at_ms: int
