"""The dialect of the package cedar-os: one recording up, one answer down.

The answer is one JSON object, or a stream of events: then text comes in `chunk` alone, since the
client would write the text of `audio` again, and each `audio` comes when the one before has played.
"""

from typing import Any, Literal

import msgspec
import pybase64
from msgspec import Struct, field

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket.frames import Usage
from cedar_voice_bridge.dialects.cedar_websocket.requests import pieces_of
from cedar_voice_bridge.dialects.cedar_websocket.responses import mirror, written
from cedar_voice_bridge.dialects.configuration import context_of, settings_of, tools_in
from cedar_voice_bridge.dialects.utterances import GIVEN_AGAIN, rest_of
from cedar_voice_shared.text import joined

Delivery = Literal["whole", "stream"]
"""One answer when all of it is there, or events as they come."""

AUDIO_FORMAT = "mp3"

_FRAMINGS = {
    "whole": pb.CHUNK_FRAMING_WHOLE,
    "stream": pb.CHUNK_FRAMING_SELF_CONTAINED,
}


class SetState(Struct, tag="setState", rename="camel", omit_defaults=True):
    """Call a setter of the application's state with `args` as its one parameter."""

    state_key: str
    setter_key: str
    args: Any = msgspec.UNSET


class FrontendTool(Struct, tag="frontendTool", rename="camel"):
    """Run a tool of the application with these arguments."""

    tool_name: str
    args: Any


Task = SetState | FrontendTool
"""Something that the application must do."""


class TranscriptionEvent(Struct, tag="transcription"):
    """What the user said."""

    transcription: str


class ChunkEvent(Struct, tag="chunk"):
    """More text of the answer."""

    content: str


class AudioEvent(Struct, tag="audio", rename="camel"):
    """Audio of the answer in base64, a whole file."""

    audio_data: str
    audio_format: str


class ObjectEvent(Struct, tag="object"):
    """Something that the application must do."""

    object: Task


class DoneEvent(Struct, tag="done", rename="camel"):
    """The answer is over: its text and its objects, as far as there are any."""

    completed_items: list[str | Task]


class ErrorEvent(Struct, tag="error"):
    """The answer ends here, for this reason."""

    error: str


StreamEvent = TranscriptionEvent | ChunkEvent | AudioEvent | ObjectEvent | DoneEvent | ErrorEvent


class Answer(Struct, rename="camel", omit_defaults=True):
    """A whole answer. `audioData` is one MP3 file in base64."""

    text: str
    transcription: str
    audio_data: str = ""
    audio_format: str = ""
    usage: Usage | None = None
    object: list[Task] = field(default_factory=list)


def request_of(
    audio: bytes, settings: str, context: str, delivery: Delivery
) -> list[pb.VoiceSessionRequest]:
    """What one recording asks of a session, from the fields of the form.

    Raises:
        DialectError: the settings cannot be taken.
    """
    config = configuration_of(settings, context)
    if delivery == "whole":
        config.settings.stream = False
    elif not config.settings.HasField("stream"):
        config.settings.stream = True
    config.turn_detection.mode = pb.TURN_DETECTION_MODE_MANUAL
    config.output_audio.format.encoding = pb.AUDIO_ENCODING_MP3
    config.output_audio.framing = _FRAMINGS[delivery]
    config.output_audio.max_lead_ms = 0
    start = pb.Control(start_listening=pb.StartListening())
    stop = pb.Control(stop_listening=pb.StopListening())
    return [
        pb.VoiceSessionRequest(config=config),
        pb.VoiceSessionRequest(control=start),
        *pieces_of(audio),
        pb.VoiceSessionRequest(control=stop),
    ]


def configuration_of(settings: str, context: str) -> pb.SessionConfig:
    """The configuration in the fields of a form; an empty field leaves what is.

    Raises:
        DialectError: the settings cannot be taken.
    """
    config = pb.SessionConfig()
    if settings:
        config.settings.CopyFrom(settings_of(settings))
    if context:
        config.context_json = context_of(context)
        tools = tools_in(config.context_json)
        if tools is not None:
            config.tools.CopyFrom(tools)
    return config


class CedarOsTurn:
    """One turn: the events that tell it, and the answer that gathers in it.

    A recording that is longer than a turn may be is heard as several: they are told as one.
    """

    def __init__(self) -> None:
        self.error: pb.Error | None = None
        """Why there is no answer, or not all of it."""
        self.is_over = False
        self.response_id = 0
        """The newest response of the turn; 0 before the first."""
        self.answer_audio = b""
        self._answer = Answer(text="", transcription="")
        self._said_before = ""
        self._is_answering = False
        self._taken_back_id = 0
        self._is_written = False
        self._is_spoken = False

    @property
    def answer(self) -> Answer:
        """What was said so far."""
        if self.answer_audio:
            self._answer.audio_data = pybase64.b64encode_as_string(self.answer_audio)
            self._answer.audio_format = AUDIO_FORMAT
        return self._answer

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self._answer.text

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """The events that say what the service says of this turn."""
        if self.is_over:
            return []
        events = self._events(response)
        self.is_over = self.is_over or (self._is_written and self._is_spoken)
        if self.is_over:
            events.append(self._ending())
        return [written(event) for event in events]

    def _events(self, response: pb.VoiceSessionResponse) -> list[Struct]:
        match response.WhichOneof("payload"):
            case "transcription" if response.transcription.is_final:
                return self._heard(response.transcription)
            case "interruption":
                self._interrupted(response.interruption)
            case "response" if response.response.response_id != self._taken_back_id:
                return self._wrote(response.response)
            case "audio" if response.audio.response_id != self._taken_back_id:
                self._is_spoken = response.audio.is_last
                return self._spoke(response.audio.data)
            case "action":
                task = task_of(response.action)
                self._answer.object.append(task)
                return [ObjectEvent(task)]
            case "error":
                self._failed(response.error)
            case "metrics":
                self.is_over = True  # also where nobody answered
            case _:
                pass
        return []

    def _heard(self, said: pb.Transcription) -> list[Struct]:
        """A message for the user's chat; a turn that goes on adds what its chat lacks."""
        text = joined(self._said_before, said.text)
        rest = rest_of(text, self._answer.transcription)
        self._answer.transcription = text
        if said.continues:
            self._said_before = text
        self.is_over = not text and not said.continues  # nobody said anything
        return [TranscriptionEvent(rest)] if rest else []

    def _interrupted(self, interruption: pb.Interruption) -> None:
        """The answer to a turn that goes on is none."""
        if interruption.reason in GIVEN_AGAIN:
            self._taken_back_id = interruption.response_id
            self._answer.text, self.answer_audio = "", b""
            self._is_answering = self._is_written = self._is_spoken = False

    def _wrote(self, event: pb.ResponseEvent) -> list[Struct]:
        match event.WhichOneof("event"):
            case "started":
                self.response_id = event.response_id
                self._is_answering = True
            case "delta":
                return self._add(event.delta.text)
            case "completed":
                self._is_written = True
                if event.completed.HasField("usage"):
                    self._answer.usage = mirror(Usage, event.completed.usage)
                if not self._answer.text:  # it was not streamed
                    return self._add(event.completed.text)
            case _:
                pass
        return []

    def _add(self, text: str) -> list[Struct]:
        self._answer.text += text
        return [ChunkEvent(text)] if text else []

    def _spoke(self, audio: bytes) -> list[Struct]:
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
    """What an action asks for; a setter that declares no argument gets none."""
    args = msgspec.json.decode(action.args_json or "[]")
    arguments = msgspec.json.decode(action.arguments_json or "{}")
    if not action.setter_key:
        return FrontendTool(action.tool_name, arguments)
    value = args[0] if isinstance(args, list) and len(args) == 1 else args
    is_absent = value is None and not arguments
    return SetState(action.state_key, action.setter_key, args=msgspec.UNSET if is_absent else value)


def failed(message: str) -> str:
    """The event that ends an answer which cannot go on."""
    return written(ErrorEvent(message))
