"""The translator of one exchange in the dialect of cedar-os. Pure."""

from typing import Literal

import msgspec
import pybase64
from msgspec import Struct

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_os.frames import (
    Answer,
    AudioEvent,
    ChunkEvent,
    DoneEvent,
    ErrorEvent,
    FrontendTool,
    ObjectEvent,
    SetState,
    Task,
    TranscriptionEvent,
)
from cedar_voice_bridge.translation.configuration import form_config
from cedar_voice_bridge.translation.frames import Usage
from cedar_voice_bridge.translation.requests import control_request, pieces_of
from cedar_voice_bridge.translation.responses import encode_frame
from cedar_voice_bridge.translation.transcript_diff import REPLACED_ANSWER_REASONS, text_after
from cedar_voice_shared.mirror import read
from cedar_voice_shared.text import joined

Delivery = Literal["whole", "stream"]
"""One JSON object once the answer is complete, or events as they come."""

AUDIO_FORMAT = "mp3"

_FRAMINGS = {
    "whole": pb.CHUNK_FRAMING_WHOLE,
    "stream": pb.CHUNK_FRAMING_SELF_CONTAINED,
}


def requests_of(
    audio: bytes, settings: str, context: str, delivery: Delivery
) -> list[pb.VoiceSessionRequest]:
    """Return the requests of one recording and of the fields beside it in the form.

    Raises:
        DialectError: the settings are invalid.
    """
    config = form_config(settings, context)
    if delivery == "whole":
        config.settings.stream = False
    elif not config.settings.HasField("stream"):
        config.settings.stream = True
    config.turn_detection.mode = pb.TURN_DETECTION_MODE_MANUAL
    config.output_audio.format.encoding = pb.AUDIO_ENCODING_MP3
    config.output_audio.framing = _FRAMINGS[delivery]
    config.output_audio.max_lead_ms = 0
    return [
        pb.VoiceSessionRequest(config=config),
        control_request(start_listening=pb.StartListening()),
        *pieces_of(audio),
        control_request(stop_listening=pb.StopListening()),
    ]


class CedarOsTurn:
    """One exchange: the events of its turn, and the answer that they add up to.

    A recording longer than the longest turn becomes several turns of the session; they are reported
    as one.
    """

    def __init__(self) -> None:
        self.error: pb.Error | None = None
        """The error because of which there is no answer, or only part of it."""
        self.is_over = False
        self.response_id = 0
        """The newest response of the turn; 0 before the first."""
        self.answer_audio = b""
        self._answer = Answer(text="", transcription="")
        self._earlier_words = ""
        self._is_answering = False
        self._replaced_id = 0
        self._has_text = False
        self._has_audio = False

    @property
    def answer(self) -> Answer:
        """The answer so far."""
        if self.answer_audio:
            self._answer.audio_data = pybase64.b64encode_as_string(self.answer_audio)
            self._answer.audio_format = AUDIO_FORMAT
        return self._answer

    @property
    def text(self) -> str:
        """The text of the answer so far."""
        return self._answer.text

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """Return the events of a response of this turn, with the last event once it is over."""
        if self.is_over:
            return []
        events = self._events(response)
        self.is_over = self.is_over or (self._has_text and self._has_audio)
        if self.is_over:
            events.append(self._ending())
        return [encode_frame(event) for event in events]

    def _events(self, response: pb.VoiceSessionResponse) -> list[Struct]:
        match response.WhichOneof("payload"):
            case "transcription" if response.transcription.is_final:
                return self._transcribed(response.transcription)
            case "interruption":
                self._interrupted(response.interruption)
            case "response" if response.response.response_id != self._replaced_id:
                return self._responded(response.response)
            case "audio" if response.audio.response_id != self._replaced_id:
                self._has_audio = response.audio.is_last
                return self._spoken(response.audio.data)
            case "action":
                task = task_of(response.action)
                self._answer.object.append(task)
                return [ObjectEvent(task)]
            case "error":
                self._failed(response.error)
            case "metrics":
                self.is_over = True  # also for a turn without an answer
            case _:
                pass
        return []

    def _transcribed(self, transcription: pb.Transcription) -> list[Struct]:
        """Return the words that the client's chat lacks; the client adds a message for them."""
        text = joined(self._earlier_words, transcription.text)
        rest = text_after(text, self._answer.transcription)
        self._answer.transcription = text
        if transcription.continues:
            self._earlier_words = text
        self.is_over = not text and not transcription.continues  # the recording has no words
        return [TranscriptionEvent(rest)] if rest else []

    def _interrupted(self, interruption: pb.Interruption) -> None:
        """Discard an answer that another one replaces, because the turn has been reopened."""
        if interruption.reason in REPLACED_ANSWER_REASONS:
            self._replaced_id = interruption.response_id
            self._answer.text, self.answer_audio = "", b""
            self._is_answering = self._has_text = self._has_audio = False

    def _responded(self, event: pb.ResponseEvent) -> list[Struct]:
        match event.WhichOneof("event"):
            case "started":
                self.response_id = event.response_id
                self._is_answering = True
            case "delta":
                return self._add_text(event.delta.text)
            case "completed":
                self._has_text = True
                if event.completed.HasField("usage"):
                    self._answer.usage = read(Usage, event.completed.usage)
                if not self._answer.text:  # it was not streamed
                    return self._add_text(event.completed.text)
            case _:
                pass
        return []

    def _add_text(self, text: str) -> list[Struct]:
        self._answer.text += text
        return [ChunkEvent(text)] if text else []

    def _spoken(self, audio: bytes) -> list[Struct]:
        self.answer_audio += audio
        return [AudioEvent(pybase64.b64encode_as_string(audio), AUDIO_FORMAT)] if audio else []

    def _failed(self, error: pb.Error) -> None:
        if error.stage != pb.PIPELINE_STAGE_TOOL or self.error is None:
            self.error = error
        self.is_over = not self._is_answering

    def _ending(self) -> Struct:
        if self.error is not None:
            return ErrorEvent(self.error.message)
        text = [self._answer.text] if self._answer.text else []
        return DoneEvent([*text, *self._answer.object])


def task_of(action: pb.Action) -> Task:
    """Return the task of an action; a setter that declares no argument has no `args`."""
    args = msgspec.json.decode(action.args_json or "[]")
    arguments = msgspec.json.decode(action.arguments_json or "{}")
    if not action.setter_key:
        return FrontendTool(action.tool_name, arguments)
    value = args[0] if isinstance(args, list) and len(args) == 1 else args
    is_absent = value is None and not arguments
    return SetState(action.state_key, action.setter_key, args=msgspec.UNSET if is_absent else value)


def error_event(message: str) -> str:
    """Return the event that ends an answer with an error."""
    return encode_frame(ErrorEvent(message))
