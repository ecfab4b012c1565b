"""Observations of one turn, and the figures computed from them. Pure.

Points in time are seconds of one monotonic clock, durations are milliseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.recording import Word

PLAYER_BUFFER_MS = 100
"""Audio that a player buffers before it begins: it hides gaps shorter than this."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn from the user's view. Durations begin at the end of the user's input by default.

    `stall_ms` is the time in which the player had nothing to play before the answer was over or cut
    off. `stable_delays_ms` is the time from the end of each word until it is shown as stable, for
    words shown so before the final. `retractions` counts partials that change stable text, and
    `corrections` such finals. `cut_ms` is the time from the interruption to the service's
    `interruption` event, `last_audio_ms` to the last audio that still arrived.
    """

    final_ms: float
    first_text_ms: float
    first_audio_ms: float
    heard_ms: float
    stall_ms: float
    partials: int
    stable_delays_ms: tuple[float, ...]
    retractions: int
    corrections: int
    cut_ms: float | None = None
    last_audio_ms: float | None = None
    drafts: int = 0
    dropped_drafts: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed turn and the reason."""

    reason: str


@dataclass(slots=True)
class Notes:
    """Points in time of a turn in progress; None until they are reached."""

    words: Sequence[Word]
    began_s: float
    ended_s: float | None = None
    final_s: float | None = None
    first_text_s: float | None = None
    interrupted_s: float | None = None
    cut_s: float | None = None
    audio: list[tuple[float, int]] = field(default_factory=list)
    """Arrival of each piece of the answer, and its duration in milliseconds."""

    partials: int = 0
    stable_text: str = ""
    retractions: int = 0
    corrections: int = 0
    stable_delays_ms: list[float] = field(default_factory=list)
    has_metrics: bool = False
    drafts: int = 0
    dropped_drafts: int = 0

    def hear_partial(self, at_s: float, stable_text: str) -> None:
        """Record a partial; `stable_text` is its part that will not change any more."""
        self.partials += 1
        if not stable_text.startswith(self.stable_text):
            self.retractions += 1
        count = len(stable_text.split())
        for word in self.words[len(self.stable_delays_ms) : count]:
            self.stable_delays_ms.append((at_s - self.began_s) * 1000 - word.end_ms)
        self.stable_text = stable_text

    def hear_final(self, at_s: float, text: str) -> None:
        """Record a final; a reopened turn has several."""
        self.corrections += not text.startswith(self.stable_text)
        self.final_s = at_s

    def turn(self) -> Turn:
        """Return the turn, once its audio has begun.

        Raises:
            ValueError: the end of the input, the final, the text or the audio is missing.
        """
        ended_s, final_s, text_s = self.ended_s, self.final_s, self.first_text_s
        if ended_s is None or final_s is None or text_s is None or not self.audio:
            raise ValueError("the answer ended before it was heard")
        cut_s = self.interrupted_s
        after_s = [at_s for at_s, _ in self.audio if cut_s is not None and at_s > cut_s]
        return Turn(
            final_ms=(final_s - ended_s) * 1000,
            first_text_ms=(text_s - ended_s) * 1000,
            first_audio_ms=(self.audio[0][0] - ended_s) * 1000,
            heard_ms=sum(duration_ms for _, duration_ms in self.audio),
            stall_ms=stall_ms(self.audio, until_s=cut_s),
            partials=self.partials,
            stable_delays_ms=tuple(self.stable_delays_ms),
            retractions=self.retractions,
            corrections=self.corrections,
            cut_ms=None if cut_s is None or self.cut_s is None else (self.cut_s - cut_s) * 1000,
            last_audio_ms=None if cut_s is None else (max([cut_s, *after_s]) - cut_s) * 1000,
            drafts=self.drafts,
            dropped_drafts=self.dropped_drafts,
        )


def stall_ms(audio: Iterable[tuple[float, int]], *, until_s: float | None = None) -> float:
    """Return the time in which a player that buffers `PLAYER_BUFFER_MS` had nothing to play.

    Args:
        audio: arrival of each piece, and its duration in milliseconds.
        until_s: pieces that arrive later are ignored.
    """
    stalled_s = 0.0
    plays_until_s: float | None = None
    for at_s, duration_ms in audio:
        if until_s is not None and at_s > until_s:
            break
        if plays_until_s is None:
            plays_until_s = at_s + PLAYER_BUFFER_MS / 1000
        stalled_s += max(0.0, at_s - plays_until_s)
        plays_until_s = max(plays_until_s, at_s) + duration_ms / 1000
    return stalled_s * 1000
