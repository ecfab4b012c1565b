"""Whether words can have been said: recognizers make some up when they hear little."""

from collections.abc import Sequence

from cedar_voice_service.recognition.words import Word, keys

LEAST_SPEECH_MS = 250
"""Speech below this is too little to ask about, unless it is all that was said."""

MOST_CHARS_PER_S = 25
"""Letters in a second of sound that nobody exceeds."""

MOST_REPEATS = 3
"""How often the same words may follow each other."""

_LONGEST_REPEATED_WORDS = 6
_GRACE_CHARS = 8


def is_plausible(words: Sequence[Word], sound_ms: int) -> bool:
    """Whether so much can have been said in so much sound, and makes no loop."""
    letters = sum(len(word.key) for word in words)
    if letters > _GRACE_CHARS + MOST_CHARS_PER_S * sound_ms / 1000:
        return False
    said = keys(words)
    return not any(_loops(said, size) for size in range(1, _LONGEST_REPEATED_WORDS + 1))


def _loops(said: Sequence[str], size: int) -> bool:
    alike = 0
    for at in range(size, len(said)):
        alike = alike + 1 if said[at] == said[at - size] else 0
        if alike >= size * MOST_REPEATS:
            return True
    return False
