"""The pace at which answer audio is sent, and the estimate of how much of it was heard.

The client is assumed to play each chunk when it arrives or when the one before ends, whichever is
later. From that follow both the pace, a bounded lead over playback, and the text heard before an
interruption. A client that reports its playback corrects that clock, up to a bound: no player keeps
a session waiting for ever.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from cedar_voice_service.session.answer_parts import SpokenChunk
from cedar_voice_service.session.pacing import on_beat
from cedar_voice_service.session.text import first_words
from cedar_voice_shared.text import joined

MAX_BUNCH_MS = 600
"""Audio sent together, where the lead allows: every message costs at each hop."""

KEPT_LEAD_MS = 450
"""Lead with which sending waits for a beat: a server that stalls for 300 ms leaves no gap."""

SHORTEST_BUNCH_MS = 120
"""Room in a short lead beside the kept one: streams are not cut into smaller bunches."""

MAX_LATENESS_MS = 60_000
"""Lateness of a player up to which it is believed, in all of one response.

A user who pauses a player for a minute resumes at the same place. A player that pauses for longer,
or reports the same position for ever, counts as playing: it has all audio, the session continues.
"""


def room_ms(max_lead_ms: int) -> int:
    """Return the most audio sent together, so that it fits into the lead beside the kept one."""
    kept_ms = min(KEPT_LEAD_MS, max_lead_ms - SHORTEST_BUNCH_MS)
    return min(max_lead_ms, max_lead_ms - kept_ms, MAX_BUNCH_MS)


class Playout:
    """The audio of one response, from synthesis to playback. Times are clock milliseconds."""

    def __init__(self, max_lead_ms: int) -> None:
        self._max_lead_ms = max_lead_ms
        self._min_lead_ms = max_lead_ms - room_ms(max_lead_ms)
        self._waiting: deque[SpokenChunk] = deque()
        self._sent: list[SpokenChunk] = []
        self._ends_at_ms = 0
        self._late_ms = 0
        """Lateness of the client's playback behind the clock, by its reports."""
        self._is_held = False
        self._paused_with_ms: int | None = None
        """Audio that a paused client has received and not played; None while it plays."""
        self.sent_ms = 0
        """Audio sent so far."""
        self.backlog_ms = 0
        """Audio that waits to be sent: read after every event, so it is kept."""

    @property
    def next_at_ms(self) -> int | None:
        """Time to send the next chunk; None when none waits, or all wait for a release."""
        if self.is_held or self.is_drained:
            return None
        due_ms = self._ends_at_ms - self._min_lead_ms
        return on_beat(due_ms) if self._min_lead_ms >= KEPT_LEAD_MS else due_ms

    @property
    def is_drained(self) -> bool:
        """Whether all audio so far was sent."""
        return not self._waiting

    @property
    def is_held(self) -> bool:
        """Whether nothing is sent until the release."""
        return self._is_held

    @property
    def ends_at_ms(self) -> int:
        """Time at which the client will have played all audio sent; meaningless while it pauses."""
        return self._ends_at_ms

    def add(self, chunk: SpokenChunk) -> None:
        """Queue the next chunk of the response."""
        self._waiting.append(chunk)
        self.backlog_ms += chunk.duration_ms

    def pop_due(self, now_ms: int) -> list[SpokenChunk]:
        """Remove and return the chunks to be sent now."""
        due: list[SpokenChunk] = []
        if (next_at_ms := self.next_at_ms) is None or now_ms < next_at_ms:
            return due
        while self._waiting and (not due or self._has_room(self._waiting[0], now_ms)):
            chunk = self._waiting.popleft()
            self.backlog_ms -= chunk.duration_ms
            self._ends_at_ms = max(now_ms, self._ends_at_ms) + chunk.duration_ms
            self.sent_ms += chunk.duration_ms
            self._sent.append(SpokenChunk(b"", chunk.offset_ms, chunk.duration_ms, chunk.text))
            due.append(chunk)
        return _joined(due)

    def _has_room(self, chunk: SpokenChunk, now_ms: int) -> bool:
        """Whether the chunk fits into the lead, or the lead is short without it."""
        lead_ms = self._ends_at_ms - now_ms
        return lead_ms <= self._min_lead_ms or lead_ms + chunk.duration_ms <= self._max_lead_ms

    def hold(self, now_ms: int, *, pauses: bool) -> None:
        """Send nothing until the release; a client that `pauses` does not play either."""
        self._is_held = True
        if pauses:
            self._paused_with_ms = self._unplayed_ms(now_ms)

    def release(self, now_ms: int) -> None:
        """Resume."""
        self._is_held = False
        if self._paused_with_ms is not None:
            self._ends_at_ms = now_ms + self._paused_with_ms
            self._paused_with_ms = None

    def report(self, played_ms: int, now_ms: int) -> None:
        """Process the client's report of its playback, believed up to `MAX_LATENESS_MS`."""
        unplayed_ms = self._unplayed_ms(now_ms)
        reported_ms = self.sent_ms - min(played_ms, self.sent_ms)
        late_ms = min(self._late_ms + reported_ms - unplayed_ms, MAX_LATENESS_MS)
        unplayed_ms += late_ms - self._late_ms
        self._late_ms = late_ms
        if self._paused_with_ms is None:
            self._ends_at_ms = now_ms + unplayed_ms
        else:
            self._paused_with_ms = unplayed_ms

    def clear(self) -> None:
        """Drop the audio that was not sent."""
        self._waiting.clear()
        self.backlog_ms = 0

    def heard_ms(self, now_ms: int) -> int:
        """Return how much of the audio sent has been played by now."""
        return self.sent_ms - self._unplayed_ms(now_ms)

    def heard_text(self, heard_ms: int) -> str:
        """Return the words that start within the first `heard_ms` of audio; see `first_words`."""
        heard: list[str] = []
        for phrase, start_ms, end_ms in self._phrases():
            if end_ms <= heard_ms:
                heard.append(phrase)
            elif start_ms < heard_ms:
                share = (heard_ms - start_ms) / (end_ms - start_ms)
                heard.append(first_words(phrase, int(len(phrase) * share)))
        return reduce(joined, heard, "")

    def _unplayed_ms(self, now_ms: int) -> int:
        if self._paused_with_ms is not None:
            return self._paused_with_ms
        return max(0, self._ends_at_ms - now_ms)

    def _phrases(self) -> list[tuple[str, int, int]]:
        phrases: list[tuple[str, int, int]] = []
        for chunk in self._sent:
            end_ms = chunk.offset_ms + chunk.duration_ms
            if chunk.text or not phrases:
                phrases.append((chunk.text, chunk.offset_ms, end_ms))
            else:
                text, start_ms, _ = phrases[-1]
                phrases[-1] = (text, start_ms, end_ms)
        return phrases


def _joined(chunks: Iterable[SpokenChunk]) -> list[SpokenChunk]:
    """Return the same audio in as few chunks as possible."""
    joined: list[SpokenChunk] = []
    for chunk in chunks:
        if chunk.continues and not chunk.text and joined:
            before = joined.pop()
            data, duration_ms = before.data + chunk.data, before.duration_ms + chunk.duration_ms
            chunk = replace(before, data=data, duration_ms=duration_ms)
        joined.append(chunk)
    return joined
