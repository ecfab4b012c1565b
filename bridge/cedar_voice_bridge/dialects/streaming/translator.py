"""The translator of one session in the streaming dialect. Pure."""

import msgspec
import pybase64

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.streaming.frames import (
    AnswerChunk,
    Complete,
    ResponseChunk,
    ResponseStart,
    StreamedChunk,
    StreamedFailure,
    StreamPing,
    Transcription,
    UpFrame,
)
from cedar_voice_bridge.dialects.streaming.silence import SILENT_MP3
from cedar_voice_bridge.translation.errors import DialectError, code_name
from cedar_voice_bridge.translation.frames import ActionRequest, Auth
from cedar_voice_bridge.translation.requests import audio_of, read_frame, requests_of
from cedar_voice_bridge.translation.responses import action_request, encode_frame
from cedar_voice_bridge.translation.transcript_diff import REPLACED_ANSWER_REASONS

PING = encode_frame(StreamPing())

_DECODER: msgspec.json.Decoder[UpFrame] = msgspec.json.Decoder(UpFrame)
_COMPLETE = '{"type":"complete"'


class StreamingTranslator:
    """One socket or event stream. It gathers the texts of the turn in progress for `complete`.

    See `SocketTranslator`.
    """

    def __init__(self) -> None:
        self._answering_turn_id = 0
        self._transcription = ""
        self._response = ""
        self._lacks_last_chunk = False
        self._answer_is_pending = False
        """Whether words await an answer that follows the rest of the recording, in another turn."""

    def greet(self, session_id: str) -> list[str]:
        """Return no frames: the dialect has no greeting."""
        return []

    def ends_turn(self, frame: str) -> bool:
        """Whether a frame is the last one of its turn."""
        return frame.startswith(_COMPLETE)

    def decode(self, frame: str) -> list[pb.VoiceSessionRequest]:
        """Return the requests that a frame stands for; none for `auth`, which the bridge handles.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        message = _read(frame)
        if isinstance(message, StreamedChunk):
            return audio_of(message.audio_data, "audioData")
        requests = requests_of(message)
        for request in requests:  # the dialect has no frame for a hold
            if request.config.output_audio.supports_hold:
                request.config.output_audio.supports_hold = False
        return requests

    def token_in(self, frame: str) -> str | None:
        """Return the token of an `auth` frame; None for any other frame.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        message = _read(frame)
        return message.token if isinstance(message, Auth) else None

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """Return the frames of a response; none for a payload that the dialect does not know."""
        return [encode_frame(event) for event in self._events(response, response.turn_id)]

    def refuse(self, error: DialectError) -> list[str]:
        """Return the frame that reports an error in a frame of the browser."""
        failure = StreamedFailure(message=error.message, code=code_name(error.code))
        return [encode_frame(failure)]

    def close(self, error: pb.Error | None) -> list[str]:
        """Return the last frames of a session that has ended; its client waits for `complete`."""
        failure = StreamedFailure(message="the session is over", code="unavailable")
        if error is not None:
            failure = StreamedFailure(message=error.message, code=code_name(error.code))
        return [encode_frame(failure), encode_frame(Complete(transcription="", response=""))]

    def _events(self, response: pb.VoiceSessionResponse, turn_id: int) -> list[msgspec.Struct]:
        match response.WhichOneof("payload"):
            case "transcription":
                return self._transcribed(response.transcription, turn_id)
            case "response":
                return self._responded(response.response, turn_id)
            case "audio":
                return self._spoken(response.audio, turn_id)
            case "action":
                return [action_request(ActionRequest, response.action, turn_id=turn_id)]
            case "error":
                return self._failed(response.error, turn_id)
            case "interruption":
                if response.interruption.reason in REPLACED_ANSWER_REASONS:
                    self._answering_turn_id = 0  # another answer replaces this one
                return []
            case "metrics":
                return self._ended(turn_id)
            case _:
                return []

    def _transcribed(self, transcription: pb.Transcription, turn_id: int) -> list[msgspec.Struct]:
        has_confidence = transcription.HasField("confidence")
        event = Transcription(
            text=transcription.text,
            is_partial=not transcription.is_final,
            confidence=transcription.confidence if has_confidence else None,
            turn_id=turn_id,
        )
        if not transcription.is_final:
            return [event]
        is_over = not transcription.text and not transcription.continues
        ending = self._unanswered(turn_id) if is_over else []
        has_words = self._answer_is_pending or bool(transcription.text)
        self._answer_is_pending = transcription.continues and has_words
        return [event, *ending]

    def _responded(self, event: pb.ResponseEvent, turn_id: int) -> list[msgspec.Struct]:
        match event.WhichOneof("event"):
            case "started":
                self._answering_turn_id, self._answer_is_pending = turn_id, False
                self._transcription, self._response = event.started.user_text, ""
                return [ResponseStart(transcription=self._transcription, turn_id=turn_id)]
            case "delta":
                return self._add_text(event.delta.text, turn_id)
            case "completed" if not self._response and turn_id == self._answering_turn_id:
                return self._add_text(event.completed.text, turn_id)  # it was not streamed
            case _:
                return []

    def _add_text(self, text: str, turn_id: int) -> list[msgspec.Struct]:
        self._response += text
        return [ResponseChunk(text=text, turn_id=turn_id)] if text else []

    def _spoken(self, audio: pb.OutputAudio, turn_id: int) -> list[msgspec.Struct]:
        if not audio.data:
            return []
        self._lacks_last_chunk = not audio.is_last
        return [_chunk(audio.data, audio.is_last, audio.duration_ms, turn_id)]

    def _failed(self, error: pb.Error, turn_id: int) -> list[msgspec.Struct]:
        failure = StreamedFailure(
            message=error.message, code=code_name(error.code), turn_id=turn_id
        )
        return [failure, *self._unanswered(turn_id)] if turn_id else [failure]

    def _unanswered(self, turn_id: int) -> list[msgspec.Struct]:
        """Return the end of a turn without an answer, for which the client waits.

        Return nothing while an answer is in progress or pending, for this turn or, if the user only
        coughed, for the previous one: the client would leave before the end of that answer.
        """
        if self._answering_turn_id or self._answer_is_pending:
            return []
        return [Complete(transcription="", response="", turn_id=turn_id)]

    def _ended(self, turn_id: int) -> list[msgspec.Struct]:
        """Return the end of an answered turn, after a silent last chunk if no chunk was the last.

        All audio is sent and played by now, so the silence delays nothing.
        """
        if turn_id != self._answering_turn_id:
            return []
        self._answering_turn_id = 0
        closing = [_chunk(SILENT_MP3, True, 0, turn_id)] if self._lacks_last_chunk else []
        self._lacks_last_chunk = False
        complete = Complete(
            transcription=self._transcription, response=self._response, turn_id=turn_id
        )
        return [*closing, complete]


def _read(frame: str) -> UpFrame:
    message: UpFrame = read_frame(frame, _DECODER)
    return message


def _chunk(data: bytes, is_last: bool, duration_ms: int, turn_id: int) -> AnswerChunk:
    return AnswerChunk(
        audio_data=pybase64.b64encode_as_string(data),
        is_last=is_last,
        duration_ms=duration_ms,
        turn_id=turn_id,
    )
