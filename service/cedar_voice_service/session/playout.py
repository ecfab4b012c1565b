"""When answer audio is handed out, and how much of it has been heard.

The client is taken to play each chunk when it arrives or when the one before ends, whichever is
later. From that follow both the pace, a bounded lead over playback, and the estimate of what was
heard when the user interrupts. A client that reports its playback corrects that clock.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_BUNCH_MS = 480
"""Audio that is handed out together, where the lead allows: every message costs at each hop."""

KEPT_LEAD_MS = 500
"""Lead that is not waited with: a server that stalls for less is not heard."""


@dataclass(frozen=True, slots=True)
class SpokenChunk:
    """A chunk of encoded answer audio; `text` begins to be spoken in it, empty when it goes on.

    `continues` says that its bytes go on where those of the chunk before it ended.
    """

    data: bytes
    offset_ms: int
    duration_ms: int
    text: str = ""
    continues: bool = False


class Playout:
    """The audio of one response, from synthesis to the listener. Times are clock milliseconds."""

    def __init__(self, max_lead_ms: int) -> None:
        self._max_lead_ms = max_lead_ms
        self._min_lead_ms = max(min(max_lead_ms, KEPT_LEAD_MS), max_lead_ms - MAX_BUNCH_MS)
        self._waiting: deque[SpokenChunk] = deque()
        self._sent: list[SpokenChunk] = []
        self._ends_at_ms = 0
        self._held_at_ms: int | None = None
        self.sent_ms = 0
        """Audio handed out so far."""
        self.backlog_ms = 0
        """Audio that waits to be handed out: asked after every event, so it is kept."""

    @property
    def next_at_ms(self) -> int | None:
        """When the next chunk is due; None when none waits, or all wait for a release."""
        if self.is_held or self.is_drained:
            return None
        return self._ends_at_ms - self._min_lead_ms

    @property
    def is_drained(self) -> bool:
        """Whether everything was handed out."""
        return not self._waiting

    @property
    def is_held(self) -> bool:
        """Whether nothing is handed out until the release."""
        return self._held_at_ms is not None

    @property
    def ends_at_ms(self) -> int:
        """When the client will have played everything handed out."""
        return self._ends_at_ms

    def add(self, chunk: SpokenChunk) -> None:
        """Queue the next chunk of the response."""
        self._waiting.append(chunk)
        self.backlog_ms += chunk.duration_ms

    def take_due(self, now_ms: int) -> list[SpokenChunk]:
        """Hand out what may be sent now."""
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
        return lead_ms < self._min_lead_ms or lead_ms + chunk.duration_ms <= self._max_lead_ms

    def hold(self, now_ms: int) -> None:
        """Hand nothing out until the release."""
        self._held_at_ms = now_ms

    def release(self, now_ms: int, *, was_paused: bool) -> None:
        """Go on; `was_paused` says that the client did not play in between."""
        if self._held_at_ms is not None and was_paused:
            self._ends_at_ms += now_ms - self._held_at_ms
        self._held_at_ms = None

    def report(self, played_ms: int, now_ms: int) -> None:
        """The client has played this much by now."""
        self._ends_at_ms = now_ms + self.sent_ms - min(played_ms, self.sent_ms)

    def clear(self) -> None:
        """Drop what was not handed out."""
        self._waiting.clear()
        self.backlog_ms = 0

    def heard_ms(self, now_ms: int) -> int:
        """How much of the audio handed out has been played by now."""
        return max(0, self.sent_ms - max(0, self._ends_at_ms - now_ms))

    def heard_text(self, heard_ms: int) -> str:
        """The words begun within the first `heard_ms` of audio, cut after a whole word."""
        heard: list[str] = []
        for phrase, start_ms, end_ms in self._phrases():
            if end_ms <= heard_ms:
                heard.append(phrase)
            elif start_ms < heard_ms:
                share = (heard_ms - start_ms) / (end_ms - start_ms)
                heard.append(_first_words(phrase, int(len(phrase) * share)))
        return " ".join(part for part in heard if part)

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
    """The same audio in as few chunks as may be."""
    joined: list[SpokenChunk] = []
    for chunk in chunks:
        if chunk.continues and not chunk.text and joined:
            before = joined.pop()
            data, duration_ms = before.data + chunk.data, before.duration_ms + chunk.duration_ms
            chunk = replace(before, data=data, duration_ms=duration_ms)
        joined.append(chunk)
    return joined


def _first_words(phrase: str, chars: int) -> str:
    if chars >= len(phrase):
        return phrase
    return phrase[:chars].rpartition(" ")[0]
