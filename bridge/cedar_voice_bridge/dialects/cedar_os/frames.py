"""JSON bodies and events of the dialect of cedar-os."""

from typing import Any

import msgspec
from msgspec import Struct, field

from cedar_voice_bridge.translation.frames import Usage


class SetState(Struct, tag="setState", rename="camel", omit_defaults=True):
    """Call a setter of the application's state with `args` as its only parameter."""

    state_key: str
    setter_key: str
    args: Any = msgspec.UNSET


class FrontendTool(Struct, tag="frontendTool", rename="camel"):
    """Run a tool of the application with these arguments."""

    tool_name: str
    args: Any


Task = SetState | FrontendTool
"""An action of the application."""


class TranscriptionEvent(Struct, tag="transcription"):
    """Words of the user."""

    transcription: str


class ChunkEvent(Struct, tag="chunk"):
    """More text of the answer."""

    content: str


class AudioEvent(Struct, tag="audio", rename="camel"):
    """Audio of the answer in base64, a whole file."""

    audio_data: str
    audio_format: str


class ObjectEvent(Struct, tag="object"):
    """An action of the application."""

    object: Task


class DoneEvent(Struct, tag="done", rename="camel"):
    """The answer is over: its text and its objects, if there are any."""

    completed_items: list[str | Task]


class ErrorEvent(Struct, tag="error"):
    """The answer ends here, because of this error."""

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
