"""The stretches of speech in an utterance, as far as their edges are known."""

from collections.abc import Iterable
from dataclasses import dataclass

from cedar_voice_service.audio.formats import EdgeKind, SpeechEdge

LEAD_MS = 200
"""Silence that is sent before speech."""

TAIL_MS = 120
"""Silence sent after speech: less than the detector needs to distinguish it from a gap."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Silence after speech; `end_ms` is the start of the next speech, or the end of the audio."""

    start_ms: int
    end_ms: int
    is_open: bool

    @property
    def duration_ms(self) -> int:
        """Its length so far."""
        return self.end_ms - self.start_ms


class SpeechTimeline:
    """Stretches of speech by their edges. Times are milliseconds from the start of the utterance.

    Before the first edge nothing is known, which is not the same as silence.
    """

    def __init__(self) -> None:
        self.end_of_audio_ms = 0
        self.is_known = False
        self._stretches: list[tuple[int, int | None]] = []
        self._forgotten_ms = 0

    def extend(self, until_ms: int, edges: Iterable[SpeechEdge], origin_ms: int) -> None:
        """Extend the time line to a point, with the edges that became known.

        Args:
            origin_ms: start of the utterance on the time line of the edges.
        """
        self.end_of_audio_ms = until_ms
        for edge in edges:
            self._apply(edge.kind, max(0, edge.at_ms - origin_ms))

    def _apply(self, kind: EdgeKind, at_ms: int) -> None:
        if kind is EdgeKind.STARTED and not self.is_speaking:
            self._stretches.append((max(at_ms, self.end_ms), None))
        elif self.is_speaking:
            start_ms = self._stretches[-1][0]
            self._stretches[-1] = (start_ms, max(start_ms, at_ms))
        elif not self.is_known:
            # Speech was under way when the utterance began.
            self._stretches.append((0, at_ms))
        self.is_known = True

    @property
    def is_speaking(self) -> bool:
        """Whether the user is speaking."""
        return bool(self._stretches) and self._stretches[-1][1] is None

    @property
    def start_ms(self) -> int | None:
        """Start of the first speech; None without any."""
        return self._stretches[0][0] if self._stretches else None

    @property
    def end_ms(self) -> int:
        """End of the last speech; while it lasts, the end of the audio."""
        end_ms = self._stretches[-1][1] if self._stretches else 0
        return self.end_of_audio_ms if end_ms is None else end_ms

    @property
    def total_ms(self) -> int:
        """Duration of all speech, discarded speech included."""
        return self._forgotten_ms + self.duration_ms

    @property
    def duration_ms(self) -> int:
        """Duration of the speech that is not discarded."""
        return sum(
            (self.end_of_audio_ms if end_ms is None else end_ms) - start_ms
            for start_ms, end_ms in self._stretches
        )

    def parts(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Return the parts of a stretch that are worth sending: speech with some silence around it.

        Without known speech the stretch is returned as a whole.
        """
        if not self._stretches:
            return [(start_ms, end_ms)]
        parts: list[tuple[int, int]] = []
        for from_ms, until_ms in self._stretches:
            begin_ms = max(start_ms, from_ms - LEAD_MS)
            finish_ms = end_ms if until_ms is None else min(end_ms, until_ms + TAIL_MS)
            if parts and begin_ms <= parts[-1][1]:
                begin_ms, _ = parts.pop()
            if begin_ms < finish_ms:
                parts.append((begin_ms, finish_ms))
        return parts

    def gap_before(self, at_ms: int) -> Gap | None:
        """Return the last silence that began before a point; None without one."""
        starts = [*(start_ms for start_ms, _ in self._stretches[1:]), self.end_of_audio_ms]
        for index in range(len(self._stretches) - 1, -1, -1):
            end_ms = self._stretches[index][1]
            if end_ms is not None and end_ms <= at_ms:
                return Gap(end_ms, starts[index], index == len(self._stretches) - 1)
        return None

    def forget(self, until_ms: int) -> None:
        """Discard the speech before a point."""
        before_ms = self.duration_ms
        self._stretches = [
            (max(until_ms, start_ms), end_ms)
            for start_ms, end_ms in self._stretches
            if end_ms is None or end_ms > until_ms
        ]
        self._forgotten_ms += before_ms - self.duration_ms
