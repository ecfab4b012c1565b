"""What a recognizer understands of a part of the benchmarks' utterance. Pure.

It finds where the part lies by its loudness curve, and gives the words that are in it. A word that
the end cuts off is misheard as its beginning, as recognizers do, so that the text's tail is not
stable.
"""

from dataclasses import dataclass

from benchmarks.recording import FRAME_MS, Recording, Word, loudness

SLACK_MS = 60
"""What may miss of a word that is understood nevertheless."""

_AUDIBLE = 500
"""Loudness of a frame that may hold speech."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the utterance's timeline, in milliseconds; it may reach beyond either end."""

    start_ms: float
    end_ms: float


class Recognizer:
    """Understands the parts of one utterance, with silence around them."""

    def __init__(self, recording: Recording) -> None:
        self._words = recording.words
        self._curve = loudness(recording.pcm)

    def text_of(self, pcm: bytes) -> str:
        """The words in 16 kHz mono samples; empty where there is no speech."""
        curve = loudness(pcm)
        if max(curve, default=0) < _AUDIBLE:
            return ""
        span = self._place(curve, len(pcm) / 32)
        heard = (_heard(word, span) for word in self._words)
        return " ".join(text for text in heard if text)

    def _place(self, curve: list[float], duration_ms: float) -> Span:
        """Where the loudness curve fits best, from its first sound on."""
        start = min(range(1 - len(curve), len(self._curve)), key=lambda at: self._misfit(curve, at))
        quiet = next(at for at, level in enumerate(curve) if level >= _AUDIBLE)
        return Span((start + quiet) * FRAME_MS, start * FRAME_MS + duration_ms)

    def _misfit(self, curve: list[float], start: int) -> float:
        """Difference of a curve that starts at this frame, silence being outside the utterance."""
        end = start + len(curve)
        before = curve[: max(0, -start)]
        after = curve[max(0, len(self._curve) - start) :]
        inside = curve[max(0, -start) : len(self._curve) - start]
        known = self._curve[max(0, start) : max(0, end)]
        apart = sum(abs(level - wanted) for level, wanted in zip(inside, known, strict=False))
        return apart + sum(before) + sum(after)


def _heard(word: Word, span: Span) -> str:
    if word.start_ms < span.start_ms - SLACK_MS or word.start_ms >= span.end_ms - SLACK_MS:
        return ""
    if word.end_ms <= span.end_ms + SLACK_MS:
        return word.text
    share = (span.end_ms - word.start_ms) / (word.end_ms - word.start_ms)
    return word.text[: max(1, int(len(word.text) * share))]
