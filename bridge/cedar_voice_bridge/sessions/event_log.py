"""The events of a session, bounded by bytes, and readers that each have a position in them."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Generic, Self, TypeVar

from cedar_voice_bridge.http import close_codes
from cedar_voice_bridge.http.close_codes import SocketClose
from cedar_voice_client import VoiceClientError

T = TypeVar("T")

MAX_OUT_OF_BAND = 64
"""Number of items for one reader alone that may wait for it."""


class ReaderLagged(Exception):
    """The next entry of a reader is no longer kept."""


class ReaderReplaced(Exception):
    """Another reader has replaced this one."""


class SessionOver(Exception):
    """No more entries follow; the cause is the failure, if there was one."""


def close_for(over: ReaderLagged | ReaderReplaced | SessionOver) -> SocketClose:
    """Return how to close the socket of a reader that has ended."""
    if isinstance(over, ReaderLagged):
        return close_codes.lagging()
    if isinstance(over, ReaderReplaced):
        return close_codes.taken_over()
    failure = over.__cause__
    if isinstance(failure, VoiceClientError):
        return close_codes.broken(failure)
    return close_codes.STOPPING


@dataclass(frozen=True, slots=True)
class ReaderKind:
    """Readers that continue each other's reading.

    The next reader of a kind begins after the last turn that one of them has received to its end;
    if the kind `is_single`, exactly at the position of the previous reader, which it replaces.
    """

    name: str
    is_single: bool = False


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One event of a session. Numbers count from 1; 0 is an item for one reader alone."""

    number: int
    turn_id: int
    item: T


class EventLog(Generic[T]):
    """The newest events of a session.

    Args:
        max_bytes: most bytes to keep; the newest entry is kept regardless of its size.
        size_of: returns the bytes of an item.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[T], int]) -> None:
        self.entries: deque[Entry[T]] = deque()
        self.last_number = 0
        self.is_over = False
        self.failure: VoiceClientError | None = None
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._bytes = 0
        self._readers: set[LogReader[T]] = set()
        self._positions: dict[str, int] = {}
        """By kind of reader: number of the last entry that its next reader does not need."""
        self._last_turn_end = self._previous_turn_end = 0
        """Numbers of the entries that end the last two turns which any reader has received."""

    @property
    def has_readers(self) -> bool:
        """Whether there is any reader at present."""
        return bool(self._readers)

    def append(self, item: T, turn_id: int) -> None:
        """Append an item, drop the oldest ones beyond the limit, and wake the readers."""
        self.last_number += 1
        self.entries.append(Entry(self.last_number, turn_id, item))
        self._bytes += self._size_of(item)
        while self._bytes > self._max_bytes and len(self.entries) > 1:
            self._drop_oldest()
        self._wake()

    def rewrite(self, redact: Callable[[T], T]) -> None:
        """Replace every item by its redacted form; each entry keeps its number."""
        before, self.entries = self.entries, deque()
        self._bytes = 0
        for entry in before:
            redacted = replace(entry, item=redact(entry.item))
            self.entries.append(redacted)
            self._bytes += self._size_of(redacted.item)

    def broadcast(self, item: T) -> None:
        """Send an item to the present readers, without keeping it."""
        for reader in self._readers:
            reader.send_out_of_band(item)

    def end(self, failure: VoiceClientError | None) -> None:
        """End the log: no more entries follow."""
        if not self.is_over:
            self.is_over = True
            self.failure = failure
            self._wake()

    def open_reader(self, after: int | None, kind: ReaderKind | None) -> "LogReader[T]":
        """Return a reader. See `SharedSession.open_reader`."""
        if after is None or not 0 <= after <= self.last_number:
            after = self._position_of(kind)
        return LogReader(self, after, kind)

    def attach(self, reader: "LogReader[T]") -> None:
        """Add a reader; one of a single kind replaces the others of its kind."""
        if reader.kind is not None and reader.kind.is_single:
            for other in self._readers:
                if other.kind == reader.kind:
                    other.replace()
        self._readers.add(reader)

    def detach(self, reader: "LogReader[T]") -> None:
        """Remove a reader."""
        self._readers.discard(reader)

    def entry(self, number: int) -> Entry[T] | None:
        """Return the entry of this number; None if it does not exist yet.

        Raises:
            ReaderLagged: the entry is no longer kept.
        """
        if number > self.last_number:
            return None
        first = self._first_number
        if number < first:
            raise ReaderLagged
        return self.entries[number - first]

    def record_delivery(self, number: int, kind: ReaderKind | None, *, ends_turn: bool) -> None:
        """Record that a reader of a kind has received all entries up to a number."""
        if kind is not None and (kind.is_single or ends_turn):
            self._positions[kind.name] = max(self._positions.get(kind.name, 0), number)
        if ends_turn and number > self._last_turn_end:
            self._previous_turn_end, self._last_turn_end = self._last_turn_end, number
            self.trim()

    def trim(self) -> None:
        """Drop the entries that every present and future reader has received.

        The last two turns are kept for readers that join late.
        """
        positions = (reader.needs_after for reader in self._readers)
        done = min((self._previous_turn_end, *self._positions.values(), *positions))
        while self.entries and self.entries[0].number <= done:
            self._drop_oldest()

    @property
    def _first_number(self) -> int:
        return self.entries[0].number if self.entries else self.last_number + 1

    def _position_of(self, kind: ReaderKind | None) -> int:
        if kind is None:
            return self.last_number
        position = self._positions.get(kind.name, self._last_turn_end)
        return max(position, self._first_number - 1)  # no reader was at an entry that is dropped

    def _drop_oldest(self) -> None:
        self._bytes -= self._size_of(self.entries.popleft().item)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()


class LogReader(Generic[T]):
    """A position in an event log. Use as a context manager; one task reads."""

    def __init__(self, log: EventLog[T], after: int, kind: ReaderKind | None) -> None:
        self.position = after
        """Number of the last entry that has been read."""
        self.kind = kind
        self._acknowledged: int | None = None
        self._log = log
        self._out_of_band: deque[T] = deque(maxlen=MAX_OUT_OF_BAND)
        self._is_replaced = False
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        self._log.attach(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._log.detach(self)

    @property
    def needs_after(self) -> int:
        """Number of the last entry that the browser does not need again.

        It is the last acknowledged one, or the last sent one if the browser never acknowledges.
        """
        return self.position if self._acknowledged is None else self._acknowledged

    def acknowledge(self, number: int | None) -> None:
        """Record that the browser has all entries up to a number; None records nothing.

        From the first acknowledgement on, entries that were only sent are kept.
        """
        if number is not None:
            self._acknowledged = max(self._acknowledged or 0, number)
            self._log.trim()

    @property
    def earlier_items(self) -> list[T]:
        """The items before the reader's position that are still kept."""
        return [entry.item for entry in self._log.entries if entry.number <= self.position]

    def wake(self) -> None:
        """Wake the reading task: the log has changed."""
        self._changed.set()

    def replace(self) -> None:
        """End this reader: another one replaces it."""
        self._is_replaced = True
        self.wake()

    def send_out_of_band(self, item: T) -> None:
        """Send an item to this reader alone, before the entries that wait."""
        self._out_of_band.append(item)
        self.wake()

    async def next(self) -> Entry[T]:
        """Return the next entry, once there is one. A cancelled call loses no entry.

        Raises:
            ReaderLagged: the entry is no longer kept.
            ReaderReplaced: another reader has replaced this one.
            SessionOver: no more entries follow.
        """
        while (entry := self._waiting()) is None:
            if self._log.is_over:
                raise SessionOver from self._log.failure
            self._changed.clear()
            await self._changed.wait()
        self.position = max(self.position, entry.number)
        return entry

    def record_delivery(self, entry: Entry[T], *, ends_turn: bool = False) -> None:
        """Record that the browser has received an entry, and the whole turn if it `ends_turn`."""
        self._log.record_delivery(entry.number, self.kind, ends_turn=ends_turn)

    def _waiting(self) -> Entry[T] | None:
        if self._is_replaced:
            raise ReaderReplaced
        if self._out_of_band:
            return Entry(0, 0, self._out_of_band.popleft())
        return self._log.entry(self.position + 1)
