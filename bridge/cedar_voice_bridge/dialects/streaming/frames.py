"""JSON frames and events of the streaming dialect, beside those of `translation.frames`."""

from msgspec import Struct

from cedar_voice_bridge.translation.frames import ActionRequest, CommonUpFrame

# -- sent by browsers ----------------------------------------------------------------------------


class StreamedChunk(Struct, tag="audio_chunk", rename="camel"):
    """Microphone audio in base64."""

    audio_data: str


UpFrame = StreamedChunk | CommonUpFrame

# -- received by browsers ------------------------------------------------------------------------


class StreamedEvent(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Field of every event: its turn."""

    turn_id: int = 0


class Transcription(StreamedEvent, tag="transcription"):
    """Words of the utterance from its beginning: of the one in progress if `isPartial`."""

    text: str
    is_partial: bool
    confidence: float | None = None


class ResponseStart(StreamedEvent, tag="response_start"):
    """The answer to `transcription` begins; exactly one `complete` follows."""

    transcription: str


class ResponseChunk(StreamedEvent, tag="response_chunk"):
    """More text of the answer."""

    text: str


class AnswerChunk(StreamedEvent, tag="audio_chunk"):
    """Audio of the answer in base64. The last one may be a moment of silence."""

    audio_data: str
    is_last: bool
    duration_ms: int = 0


class Complete(StreamedEvent, tag="complete"):
    """The turn is over and its audio is played. Empty strings: the turn had no words."""

    transcription: str
    response: str


class StreamedFailure(StreamedEvent, tag="error"):
    """An error; the session lives."""

    message: str
    code: str


class StreamPing(StreamedEvent, tag="ping"):
    """Sign of life of the event stream."""


DownFrame = (
    Transcription
    | ResponseStart
    | ResponseChunk
    | AnswerChunk
    | Complete
    | ActionRequest
    | StreamedFailure
    | StreamPing
)


class PartialResult(Struct, rename="camel"):
    """Newest words of the recording in progress; null for a recognizer without confidence."""

    partial_transcription: str
    confidence: float | None


class UploadRefused(Struct):
    """The body of a response that refuses an upload."""

    error: str
