"""What a recognizer is asked about an utterance."""

from dataclasses import dataclass
from enum import Enum

from cedar_voice_service.audio.formats import Pcm


class Purpose(Enum):
    """Why the recognizer is asked."""

    PARTIAL = "partial"
    CLOSING = "closing"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Request:
    """Ask the recognizer about a window; the request before it, if open, is to be given up.

    `pcm` is its sound without most of the pauses, `until_ms` is where that ends; `prompt` is what
    was said before the window.
    """

    number: int
    purpose: Purpose
    pcm: Pcm
    until_ms: int
    prompt: str
