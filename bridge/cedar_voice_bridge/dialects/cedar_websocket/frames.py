"""The frames of the Cedar WebSocket dialect, as they are written in JSON.

The first half is what browsers send, the second what they receive. `config{settings,context}`,
`audio_chunk{data}`, `start_listening`, `stop_listening` and `auth{token}` come from existing Cedar
frontends, as do all that are sent down up to `Failure`; the rest is additive. Unknown fields are
ignored on both sides. Durations and offsets are milliseconds.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.configuration import Settings as Settings
from cedar_voice_bridge.translation.contract_fields import with_fields_of
from cedar_voice_bridge.translation.numbering import MAX_NUMBER
from cedar_voice_shared import options

UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Encoding = Literal["mp3", "wav", "pcm_s16le", "ogg_opus", "webm_opus"]
Framing = Literal["continuous", "self_contained", "whole"]

# -- what browsers send --------------------------------------------------------------------------


@with_fields_of(pb.TurnDetection, options.TurnDetection)
class TurnDetection(Struct):
    """Turn detection, named as in the contract."""


class Output(Struct, rename="camel"):
    """The wanted audio; what is not named is as for a client that says nothing of it.

    `supportsHold` is for clients that heed `hold`.
    """

    encoding: Encoding = "mp3"
    framing: Framing = "self_contained"
    max_lead_ms: UInt32 = 0
    supports_hold: bool = False


class Tool(Struct, rename="camel"):
    """A tool the language model may call; with a `stateKey` it calls a setter of the state."""

    name: str
    description: str = ""
    parameters: Raw | UnsetType = UNSET
    state_key: str = ""
    setter_key: str = ""
    argument_order: list[str] = field(default_factory=list)


class Config(Struct, tag="config", rename="camel"):
    """Changes what it names; `context` is any JSON.

    With `draftReplies` an answer is begun when the user pauses, and kept if nothing more is said.
    """

    settings: Settings | UnsetType = UNSET
    context: Raw | UnsetType = UNSET
    output: Output | UnsetType = UNSET
    turn_detection: TurnDetection | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    system_prompt: str | UnsetType = UNSET
    draft_replies: bool | UnsetType = UNSET


class Numbered(Struct, kw_only=True):
    """What has to be heard once may have a number: what has one already is passed over.

    Numbers grow from frame to frame.
    """

    seq: Annotated[int, Meta(ge=0, le=MAX_NUMBER)] = 0


class AudioChunk(Numbered, tag="audio_chunk"):
    """Microphone audio in base64."""

    data: str


class StartListening(Numbered, tag="start_listening"):
    """The following audio is new input."""


class StopListening(Numbered, tag="stop_listening"):
    """The user's turn is over."""


class Auth(Struct, tag="auth"):
    """A token, for browsers that do not put it into the address."""

    token: str | None = None


class Interrupt(Numbered, tag="interrupt", rename="camel"):
    """Stop a response, 0 for whichever is in progress; `playedMs` of it were heard."""

    response_id: UInt32 = 0
    played_ms: UInt32 | UnsetType = UNSET


class Text(Numbered, tag="text"):
    """A typed user turn."""

    text: str


class Say(Numbered, tag="say", rename="camel"):
    """Speak this text as it is, an answer without the language model.

    Speech may interrupt it, and the conversation keeps it, unless told otherwise.
    """

    text: str
    interruptible: bool | UnsetType = UNSET
    add_to_history: bool | UnsetType = UNSET


class CreateResponse(Numbered, tag="create_response"):
    """Answer the conversation as it stands, by instructions for this answer alone."""

    instructions: str = ""


class Playback(Struct, tag="playback", rename="camel"):
    """So much of an answer's audio has been played."""

    response_id: UInt32
    played_ms: UInt32


class Ping(Struct, tag="ping", rename="camel"):
    """Are you there? `sentAt` comes back. `lastSeq` is the newest place that has been heard."""

    sent_at: Int64 = 0
    last_seq: Annotated[int, Meta(ge=0, le=2**53)] = 0


UpFrame = (
    Config
    | AudioChunk
    | StartListening
    | StopListening
    | Auth
    | Interrupt
    | Text
    | Say
    | CreateResponse
    | Playback
    | Ping
)

# -- what browsers receive -----------------------------------------------------------------------


class Event(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What every event may carry: its turn and its place in the session's sequence."""

    turn_id: int = 0
    seq: int = 0


class Connected(Event, tag="connected"):
    """The connection is open."""

    session_id: str


class PartialTranscription(Event, tag="transcription_partial"):
    """What the user is saying, the whole of it so far.

    Later ones and the final of the turn only extend `stableText`, its beginning.
    """

    text: str
    confidence: float | None = None
    stable_text: str = ""


class FinalTranscription(Event, tag="transcription_final"):
    """What the user said; no answer follows when it is empty, unless one is asked for or owed.

    Another one of the same turn replaces it: the user went on before the answer was heard. A client
    that says nothing of its output gets what the other one adds, and none that is empty. After one
    that `continues` the user speaks on beyond the longest turn: the rest is the next turn, and the
    answer comes then.
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


class Usage(Struct, rename="camel"):
    """Tokens of the language model."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ResponseComplete(Event, tag="response_complete"):
    """The whole text of the answer; not sent for one that failed before its first word."""

    response_id: int
    text: str
    finish_reason: str
    usage: Usage | None = None


class AudioFormat(Struct, rename="camel"):
    """How audio is encoded."""

    encoding: str
    sample_rate_hz: int
    channel_count: int


class SpokenChunk(Event, tag="audio_chunk"):
    """Audio of the answer in base64; `text` begins to be spoken in it."""

    response_id: int
    data: str
    is_last: bool
    offset_ms: int
    duration_ms: int
    format: AudioFormat | None = None
    text: str = ""


class AudioComplete(Event, tag="audio_complete"):
    """No more audio of the answer comes."""

    response_id: int


class ActionRequest(Event, tag="action"):
    """Call a setter of the application's state with these positional arguments.

    A tool that is no setter has empty keys; its arguments, by name, are in `arguments`.
    """

    action_id: str
    state_key: str
    setter_key: str
    args: list[Any]
    arguments: Any
    tool_name: str = ""
    response_id: int = 0


class Failure(Event, tag="error"):
    """Something went wrong; the connection lives unless it is fatal."""

    code: str
    message: str
    retryable: bool
    fatal: bool = False
    retry_after_ms: int = 0
    stage: str = ""
    field: str = ""


class Ready(Event, tag="ready"):
    """The configuration in force, and the newest number of the browser's that has arrived."""

    session_id: str
    resumed: bool
    received: int
    settings: Settings
    output: Output
    turn_detection: TurnDetection
    restored: bool | UnsetType = UNSET


class Speech(Event, tag="speech"):
    """The user began or stopped speaking, ended the turn, or said nothing for long."""

    event: str
    audio_offset_ms: int


class Hold(Event, tag="hold", rename="camel"):
    """Pause an answer and keep what is queued, or go on; only for clients that asked for it."""

    response_id: int
    held: bool


class Interruption(Event, tag="interruption"):
    """An answer was cut off: play no more of it; `keptText` is believed to have been heard."""

    response_id: int
    reason: str
    heard_ms: int
    kept_text: str


class Metrics(Event, tag="turn_metrics"):
    """The record of a finished turn; latencies are of the stages that ran.

    Of the `drafts`, answers begun before the turn was over, `droppedDrafts` were thrown away.
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
    """The token expires: an `auth` frame with a fresh one keeps the socket."""

    time_left_ms: int


class GoAway(Event, tag="go_away"):
    """The bridge stops: the socket is closed after the turn in progress, or when the time is over.

    The session goes on at the next one.
    """

    time_left_ms: int


class Pong(Event, tag="pong"):
    """The answer to a ping; clocks in Unix epoch milliseconds. For `received` see `Ready`."""

    sent_at: int
    answered_at: int
    received: int
