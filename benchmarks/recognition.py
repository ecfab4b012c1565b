"""A recognizer of parts of the benchmarks' utterance. Pure.

It locates a part by its loudness curve and returns the words in it. A word that the end cuts off
is recognized as its beginning, as real recognizers do, so that the tail of the text is not stable.
"""

from dataclasses import dataclass

from benchmarks.recording import FRAME_MS, Recording, Word, loudness

SLACK_MS = 60
"""Length of a word that may be missing without changing its recognition."""

_AUDIBLE = 500
"""Least loudness of a frame with speech."""


@dataclass(frozen=True, slots=True)
class Span:
    """An interval of the utterance's timeline, in milliseconds; it may extend beyond either end."""

    start_ms: float
    end_ms: float


class Recognizer:
    """Recognizes parts of one utterance, with silence around them."""

    def __init__(self, recording: Recording) -> None:
        self._words = recording.words
        self._curve = loudness(recording.pcm)

    def text_of(self, pcm: bytes) -> str:
        """Return the words in 16 kHz mono samples; empty without speech."""
        curve = loudness(pcm)
        if max(curve, default=0) < _AUDIBLE:
            return ""
        span = self._place(curve, len(pcm) / 32)
        heard = (_heard(word, span) for word in self._words)
        return " ".join(text for text in heard if text)

    def _place(self, curve: list[float], duration_ms: float) -> Span:
        """Return the interval in which the loudness curve fits best, from its first sound on."""
        start = min(range(1 - len(curve), len(self._curve)), key=lambda at: self._misfit(curve, at))
        quiet = next(at for at, level in enumerate(curve) if level >= _AUDIBLE)
        return Span((start + quiet) * FRAME_MS, start * FRAME_MS + duration_ms)

    def _misfit(self, curve: list[float], start: int) -> float:
        """Return the difference to a curve that starts at this frame; outside is silence."""
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
