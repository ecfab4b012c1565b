"""The dialect of Cedar's streaming clients, over a WebSocket or over uploads and an event stream.

They play every chunk on arrival. So they get MP3 files, each when the one before it has been
played, and `complete` when all of them have.
"""

import msgspec
import pybase64
from msgspec import Struct

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.dialects.cedar_websocket.requests import audio_of, read, requests_of
from cedar_voice_bridge.dialects.cedar_websocket.responses import action_request, encode_frame
from cedar_voice_bridge.dialects.streaming.silence import SILENT_MP3
from cedar_voice_bridge.translation.configuration import chunk_by_chunk_config
from cedar_voice_bridge.translation.errors import DialectError, code_name
from cedar_voice_bridge.translation.transcript_diff import REPLACED_ANSWER_REASONS

# -- what browsers send --------------------------------------------------------------------------


class StreamedChunk(Struct, tag="audio_chunk", rename="camel"):
    """Microphone audio in base64."""

    audio_data: str


UpFrame = (
    StreamedChunk
    | frames.Config
    | frames.StartListening
    | frames.StopListening
    | frames.Auth
    | frames.Interrupt
    | frames.Text
)

# -- what browsers receive -----------------------------------------------------------------------


class StreamedEvent(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What every event may carry: its turn."""

    turn_id: int = 0


class Transcription(StreamedEvent, tag="transcription"):
    """What the user is saying, the whole of it so far, or said."""

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
    """The turn is over, and what it has said is played. Empty strings: nothing was said."""

    transcription: str
    response: str


class StreamedFailure(StreamedEvent, tag="error"):
    """Something went wrong; the session lives."""

    message: str
    code: str


class StreamPing(StreamedEvent, tag="ping"):
    """The event stream lives."""


PING = encode_frame(StreamPing())

DownFrame = (
    Transcription
    | ResponseStart
    | ResponseChunk
    | AnswerChunk
    | Complete
    | frames.ActionRequest
    | StreamedFailure
    | StreamPing
)

_DECODER = msgspec.json.Decoder(UpFrame)
_COMPLETE = '{"type":"complete"'


class StreamingTranslator:
    """One session in the dialect. It remembers what the turn in progress has said."""

    def __init__(self) -> None:
        self._answering_turn_id = 0
        self._transcription = ""
        self._response = ""
        self._owes_last = False
        self._owes_answer = False
        """Whether words wait to be answered with the rest of what the user says in another turn."""

    def open(self, session_id: str) -> pb.SessionConfig:
        """The configuration that a session of this dialect opens with."""
        return chunk_by_chunk_config(session_id)

    def greet(self, session_id: str) -> list[str]:
        """The frames that a browser gets at once: none."""
        return []

    def ends_turn(self, frame: str) -> bool:
        """Whether a frame is the last of its turn."""
        return frame.startswith(_COMPLETE)

    def decode(self, frame: str) -> list[pb.VoiceSessionRequest]:
        """What a frame asks of the session; nothing for `auth`, which is the bridge's business.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        message = read(frame, _DECODER)
        if isinstance(message, StreamedChunk):
            return audio_of(message.audio_data, "audioData")
        requests = requests_of(message)
        for request in requests:  # nobody would be told of a hold
            if request.config.output_audio.supports_hold:
                request.config.output_audio.supports_hold = False
        return requests

    def token_in(self, frame: str) -> str | None:
        """The token of an `auth` frame; None for any other frame.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        message = read(frame, _DECODER)
        return message.token if isinstance(message, frames.Auth) else None

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """The frames that say what the service says; none for what this dialect does not know."""
        return [encode_frame(event) for event in self._events(response, response.turn_id)]

    def refuse(self, error: DialectError) -> list[str]:
        """The frames that tell a browser what is wrong with a frame of its own."""
        return [encode_frame(StreamedFailure(message=error.message, code=code_name(error.code)))]

    def close(self, error: pb.Error | None) -> list[str]:
        """The last frames of a session that cannot go on; its client waits for `complete`."""
        failure = StreamedFailure(message="the session is over", code="unavailable")
        if error is not None:
            failure = StreamedFailure(message=error.message, code=code_name(error.code))
        return [encode_frame(failure), encode_frame(Complete(transcription="", response=""))]

    def _events(self, response: pb.VoiceSessionResponse, turn_id: int) -> list[Struct]:
        match response.WhichOneof("payload"):
            case "transcription":
                return self._heard(response.transcription, turn_id)
            case "response":
                return self._wrote(response.response, turn_id)
            case "audio":
                return self._spoke(response.audio, turn_id)
            case "action":
                return [action_request(response.action, turn_id=turn_id)]
            case "error":
                return self._failed(response.error, turn_id)
            case "interruption":
                if response.interruption.reason in REPLACED_ANSWER_REASONS:
                    self._answering_turn_id = 0  # its answer is none
                return []
            case "metrics":
                return self._ended(turn_id)
            case _:
                return []

    def _heard(self, said: pb.Transcription, turn_id: int) -> list[Struct]:
        confidence = said.confidence if said.HasField("confidence") else None
        event = Transcription(
            text=said.text,
            is_partial=not said.is_final,
            confidence=confidence,
            turn_id=turn_id,
        )
        if not said.is_final:
            return [event]
        ending = [] if said.text or said.continues else self._unanswered(turn_id)
        self._owes_answer = said.continues and (self._owes_answer or bool(said.text))
        return [event, *ending]

    def _wrote(self, event: pb.ResponseEvent, turn_id: int) -> list[Struct]:
        match event.WhichOneof("event"):
            case "started":
                self._answering_turn_id, self._owes_answer = turn_id, False
                self._transcription, self._response = event.started.user_text, ""
                return [ResponseStart(transcription=self._transcription, turn_id=turn_id)]
            case "delta":
                return self._add(event.delta.text, turn_id)
            case "completed" if not self._response and turn_id == self._answering_turn_id:
                return self._add(event.completed.text, turn_id)  # it was not streamed
            case _:
                return []

    def _add(self, text: str, turn_id: int) -> list[Struct]:
        self._response += text
        return [ResponseChunk(text=text, turn_id=turn_id)] if text else []

    def _spoke(self, audio: pb.OutputAudio, turn_id: int) -> list[Struct]:
        if not audio.data:
            return []
        self._owes_last = not audio.is_last
        return [_chunk(audio.data, audio.is_last, audio.duration_ms, turn_id)]

    def _failed(self, error: pb.Error, turn_id: int) -> list[Struct]:
        failure = StreamedFailure(
            message=error.message, code=code_name(error.code), turn_id=turn_id
        )
        return [failure, *self._unanswered(turn_id)] if turn_id else [failure]

    def _unanswered(self, turn_id: int) -> list[Struct]:
        """The end of a turn without an answer, since its client waits for one.

        Not while an answer is given or owed, be it to this turn or, if the user only coughed, to
        the one before: its client would go before it has heard it out.
        """
        if self._answering_turn_id or self._owes_answer:
            return []
        return [Complete(transcription="", response="", turn_id=turn_id)]

    def _ended(self, turn_id: int) -> list[Struct]:
        """Everything is sent and played; only now may a chunk sound that has nothing to say."""
        if turn_id != self._answering_turn_id:
            return []
        self._answering_turn_id = 0
        closing = [_chunk(SILENT_MP3, True, 0, turn_id)] if self._owes_last else []
        self._owes_last = False
        complete = Complete(
            transcription=self._transcription, response=self._response, turn_id=turn_id
        )
        return [*closing, complete]


def _chunk(data: bytes, is_last: bool, duration_ms: int, turn_id: int) -> AnswerChunk:
    return AnswerChunk(
        audio_data=pybase64.b64encode_as_string(data),
        is_last=is_last,
        duration_ms=duration_ms,
        turn_id=turn_id,
    )
