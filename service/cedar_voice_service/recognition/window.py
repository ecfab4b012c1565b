"""A window of an utterance: the request about it, and the pauses that close it."""

from dataclasses import dataclass
from enum import Enum

from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.recognition.speech import Gap

PAUSE_MS = 200
"""Silence in which a window may be closed."""

LEAST_WINDOW_MS = 2_000
"""A window shorter than this is closed only in a long pause: the recognizer needs context."""

LONG_WINDOW_MS = 6_000
"""A window of this length is closed in any pause that is detected."""

LONG_PAUSE_MS = 1_000
"""Silence in which any window is closed."""

MOST_WINDOW_MS = 10_000
"""A window of this length is closed within speech, before that point."""

QUIET_SEARCH_MS = 2_000
"""Length of the sound before that point in which the quietest place for the cut is sought."""

OVERLAP_MS = 500
"""Sound that the next window has in common with one closed within speech."""


class Purpose(Enum):
    """The purpose of a request."""

    PARTIAL = "partial"
    CLOSING = "closing"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """A request to recognize a window; it replaces the request before, if that is still open.

    `pcm` is the sound of the window without most of the pauses, and `until_ms` its end; `prompt` is
    the transcript before the window.
    """

    number: int
    purpose: Purpose
    pcm: Pcm
    until_ms: int
    prompt: str


def closes(gap: Gap, start_ms: int) -> bool:
    """Whether a silence is long enough to close the window that begins there."""
    length_ms = gap.start_ms - start_ms
    if length_ms >= LONG_WINDOW_MS:
        return True
    return gap.duration_ms >= (PAUSE_MS if length_ms >= LEAST_WINDOW_MS else LONG_PAUSE_MS)
