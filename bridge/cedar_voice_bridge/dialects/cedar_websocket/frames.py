"""JSON frames of the Cedar WebSocket dialect, beside those of `translation.frames`.

The first half is sent by browsers, the second half received by them. `config{settings,context}`,
`audio_chunk{data}`, `start_listening`, `stop_listening` and `auth{token}` come from existing Cedar
frontends, as do the events up to `Failure`; the rest is additive.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from cedar_voice_bridge.translation.configuration import Settings
from cedar_voice_bridge.translation.frames import (
    ActionRequest,
    CommonUpFrame,
    Event,
    NumberedFrame,
    Output,
    TurnDetection,
    UInt32,
    Usage,
)

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

# -- sent by browsers ----------------------------------------------------------------------------


class AudioChunk(NumberedFrame, tag="audio_chunk"):
    """Microphone audio in base64."""

    data: str


class Say(NumberedFrame, tag="say", rename="camel"):
    """Speak this text verbatim, an answer without the language model.

    By default speech of the user may interrupt it, and the conversation history keeps it.
    """

    text: str
    interruptible: bool | UnsetType = UNSET
    add_to_history: bool | UnsetType = UNSET


class CreateResponse(NumberedFrame, tag="create_response"):
    """Answer the conversation as it stands, by instructions for this answer alone."""

    instructions: str = ""


class Playback(Struct, tag="playback", rename="camel"):
    """Report of the duration of an answer's audio that has been played."""

    response_id: UInt32
    played_ms: UInt32


class Ping(Struct, tag="ping", rename="camel"):
    """Request for a `pong`, which returns `sentAt`.

    `lastSeq` is the newest sequence number that the browser has received.
    """

    sent_at: Int64 = 0
    last_seq: Annotated[int, Meta(ge=0, le=2**53)] = 0


UpFrame = CommonUpFrame | AudioChunk | Say | CreateResponse | Playback | Ping

# -- received by browsers ------------------------------------------------------------------------


class Connected(Event, tag="connected"):
    """The connection is open."""

    session_id: str


class PartialTranscription(Event, tag="transcription_partial"):
    """Words of the utterance in progress, from its beginning.

    Later ones and the final of the turn only extend `stableText`, its beginning.
    """

    text: str
    confidence: float | None = None
    stable_text: str = ""


class FinalTranscription(Event, tag="transcription_final"):
    """Words of the utterance; an empty one has no answer, unless one is requested or pending.

    Another one of the same turn replaces it: the user resumed speaking before the answer was
    audible. A client that has not configured its output gets only the words that the other one
    adds, and no empty one. After one that `continues` the user speaks beyond the longest turn: the
    rest is the next turn, and the answer follows that one.
    """

    text: str
    confidence: float | None = None
    continues: bool = False


class ResponseStart(Event, tag="response_start"):
    """An answer begins; exactly one `audio_complete` follows."""

    response_id: int


class ResponseChunk(Event, tag="response_chunk"):
    """More text of the answer."""

    response_id: int
    text: str


class ResponseComplete(Event, tag="response_complete"):
    """The whole text of the answer; not sent for one that failed before its first word."""

    response_id: int
    text: str
    finish_reason: str
    usage: Usage | None = None


class AudioFormat(Struct, rename="camel"):
    """Encoding of audio."""

    encoding: str
    sample_rate_hz: int
    channel_count: int


class SpokenChunk(Event, tag="audio_chunk"):
    """Audio of the answer in base64; the speech of `text` begins in it."""

    response_id: int
    data: str
    is_last: bool
    offset_ms: int
    duration_ms: int
    format: AudioFormat | None = None
    text: str = ""


class SetState(ActionRequest, tag="setState"):
    """An action on the application's state, for clients that configured `context` as an object."""


class AudioComplete(Event, tag="audio_complete"):
    """No more audio of the answer follows."""

    response_id: int


class Failure(Event, tag="error"):
    """An error; the connection stays open unless the error is fatal."""

    code: str
    message: str
    retryable: bool
    fatal: bool = False
    retry_after_ms: int = 0
    stage: str = ""
    field: str = ""


class Ready(Event, tag="ready"):
    """The configuration in force, and the newest frame number of the browser that has arrived."""

    session_id: str
    resumed: bool
    received: int
    settings: Settings
    output: Output
    turn_detection: TurnDetection
    restored: bool | UnsetType = UNSET


class Speech(Event, tag="speech"):
    """The user started or stopped speaking, ended the turn, or was silent for a long time."""

    event: str
    audio_offset_ms: int


class Hold(Event, tag="hold", rename="camel"):
    """Pause playback of an answer and keep its queue, or resume; only for clients that ask for it.

    A client asks for it by `supportsHold`.
    """

    response_id: int
    held: bool


class Interruption(Event, tag="interruption"):
    """An answer was cut off: play no more of it; `keptText` is the text that was audible."""

    response_id: int
    reason: str
    heard_ms: int
    kept_text: str


class Metrics(Event, tag="turn_metrics"):
    """The record of a finished turn; latencies are of the stages that ran.

    Of the `drafts`, answers begun before the turn was over, `droppedDrafts` were discarded.
    """

    interrupted: bool
    input_audio_ms: int
    output_audio_ms: int
    speech_ms: int
    drafts: int
    dropped_drafts: int
    dropped_draft_tokens: int
    response_latency_ms: int | None = None
    endpointing_ms: int | None = None
    stt_final_ms: int | None = None
    llm_first_token_ms: int | None = None
    llm_total_ms: int | None = None
    tts_first_audio_ms: int | None = None
    turn_total_ms: int | None = None
    first_phrase_ms: int | None = None
    first_heard_ms: int | None = None
    stt_audio_ms: int | None = None
    usage: Usage | None = None


class TokenExpiring(Event, tag="token_expiring"):
    """The token expires soon: an `auth` frame with a fresh one keeps the socket open."""

    time_left_ms: int


class GoAway(Event, tag="go_away"):
    """The bridge stops: it closes the socket after the turn in progress, or after this time.

    The session resumes at the next bridge.
    """

    time_left_ms: int


class Pong(Event, tag="pong"):
    """The answer to a ping; clocks in Unix epoch milliseconds. For `received` see `Ready`."""

    sent_at: int
    answered_at: int
    received: int


DownFrame = (
    Connected
    | PartialTranscription
    | FinalTranscription
    | ResponseStart
    | ResponseChunk
    | ResponseComplete
    | SpokenChunk
    | AudioComplete
    | ActionRequest
    | SetState
    | Failure
    | Ready
    | Speech
    | Hold
    | Interruption
    | Metrics
    | TokenExpiring
    | GoAway
    | Pong
)
