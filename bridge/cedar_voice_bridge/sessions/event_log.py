"""What a session has said, bounded by bytes, and readers with a place of their own in it."""

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
"""Words to one reader alone that may wait for it."""


class ReaderLagged(Exception):
    """What the reader wants next is no longer kept."""


class ReaderReplaced(Exception):
    """Another reader has taken the place of this one."""


class SessionOver(Exception):
    """Nothing more comes; the cause is the failure, where there was one."""


def close_for(over: ReaderLagged | ReaderReplaced | SessionOver) -> SocketClose:
    """How a socket ends whose reading ended so."""
    if isinstance(over, ReaderLagged):
        return close_codes.lagging()
    if isinstance(over, ReaderReplaced):
        return close_codes.taken_over()
    failure = over.__cause__
    return (
        close_codes.broken(failure)
        if isinstance(failure, VoiceClientError)
        else close_codes.STOPPING
    )


@dataclass(frozen=True, slots=True)
class ReaderKind:
    """Readers that stand in for each other.

    Where the next one begins: after the last turn that one of them has heard to its end; where
    there is only one at a time, exactly where the one before it is.
    """

    name: str
    is_single: bool = False


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """Something that was said. Numbers count from 1; 0 was said to one reader alone."""

    number: int
    turn_id: int
    item: T


class EventLog(Generic[T]):
    """The last of what a session said.

    Args:
        max_bytes: what is kept at most, at least the newest entry.
        size_of: bytes of an item.
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
        self._places: dict[str, int] = {}
        """By kind of reader: the last entry that the next one does not want."""
        self._heard = self._heard_before = 0
        """The ends of the last two turns that anybody has heard to their end."""

    @property
    def has_readers(self) -> bool:
        """Whether anybody reads."""
        return bool(self._readers)

    def add(self, item: T, turn_id: int) -> None:
        """Keep an item and wake whoever waits for it."""
        self.last_number += 1
        self.entries.append(Entry(self.last_number, turn_id, item))
        self._bytes += self._size_of(item)
        while self._bytes > self._max_bytes and len(self.entries) > 1:
            self._drop_oldest()
        self._wake()

    def rewrite(self, left_of: Callable[[T], T]) -> None:
        """Keep of every item what is left of it; each keeps its number."""
        before, self.entries = self.entries, deque()
        self._bytes = 0
        for entry in before:
            left = replace(entry, item=left_of(entry.item))
            self.entries.append(left)
            self._bytes += self._size_of(left.item)

    def broadcast(self, item: T) -> None:
        """Say something to those alone who read at present."""
        for reader in self._readers:
            reader.tell(item)

    def end(self, failure: VoiceClientError | None) -> None:
        """Nothing more comes."""
        if not self.is_over:
            self.is_over = True
            self.failure = failure
            self._wake()

    def read(self, after: int | None, kind: ReaderKind | None) -> "LogReader[T]":
        """See `SharedSession.read`."""
        if after is None or not 0 <= after <= self.last_number:
            after = self._place_of(kind)
        return LogReader(self, after, kind)

    def join(self, reader: "LogReader[T]") -> None:
        """A reader waits for what comes."""
        if reader.kind is not None and reader.kind.is_single:
            for other in self._readers:
                if other.kind == reader.kind:
                    other.replace()
        self._readers.add(reader)

    def leave(self, reader: "LogReader[T]") -> None:
        """A reader is gone."""
        self._readers.discard(reader)

    def entry(self, number: int) -> Entry[T] | None:
        """The entry of this number; None while there is none.

        Raises:
            ReaderLagged: it is no longer kept.
        """
        if number > self.last_number:
            return None
        first = self._first_number
        if number < first:
            raise ReaderLagged
        return self.entries[number - first]

    def heard(self, number: int, kind: ReaderKind | None, *, ends_turn: bool) -> None:
        """A reader of a kind has got everything up to an entry."""
        if kind is not None and (kind.is_single or ends_turn):
            self._places[kind.name] = max(self._places.get(kind.name, 0), number)
        if ends_turn and number > self._heard:
            self._heard_before, self._heard = self._heard, number
            self.forget()

    @property
    def _first_number(self) -> int:
        return self.entries[0].number if self.entries else self.last_number + 1

    def _place_of(self, kind: ReaderKind | None) -> int:
        if kind is None:
            return self.last_number
        place = self._places.get(kind.name, self._heard)
        return max(place, self._first_number - 1)  # what is gone was nobody's place yet

    def forget(self) -> None:
        """Drop what every reader, present and to come, has heard; the last turns stay."""
        places = (reader.needs_after for reader in self._readers)
        done = min((self._heard_before, *self._places.values(), *places))
        while self.entries and self.entries[0].number <= done:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._bytes -= self._size_of(self.entries.popleft().item)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()


class LogReader(Generic[T]):
    """A place in a history. Use as a context; one task reads."""

    def __init__(self, history: EventLog[T], after: int, kind: ReaderKind | None) -> None:
        self.place = after
        """Number of the last entry that was read."""
        self.kind = kind
        self._arrived: int | None = None
        self._history = history
        self._aside: deque[T] = deque(maxlen=MAX_OUT_OF_BAND)
        self._is_replaced = False
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        self._history.join(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._history.leave(self)

    @property
    def needs_after(self) -> int:
        """Number of the last entry that it does not need again: what it tells to have, else what it
        was sent.
        """
        return self.place if self._arrived is None else self._arrived

    def acknowledge(self, number: int | None) -> None:
        """The browser tells that it has everything up to here; from now on that counts."""
        if number is not None:
            self._arrived = max(self._arrived or 0, number)
            self._history.forget()

    @property
    def passed(self) -> list[T]:
        """What is still kept of what was said before its place."""
        return [entry.item for entry in self._history.entries if entry.number <= self.place]

    def wake(self) -> None:
        """Something was added."""
        self._changed.set()

    def replace(self) -> None:
        """Another reader takes the place of this one."""
        self._is_replaced = True
        self.wake()

    def tell(self, item: T) -> None:
        """Say something to this reader alone, before what waits."""
        self._aside.append(item)
        self.wake()

    async def next(self) -> Entry[T]:
        """The next entry. Cancelled, it loses nothing.

        Raises:
            ReaderLagged: it is no longer kept.
            ReaderReplaced: another reader goes on here.
            SessionOver: there is none.
        """
        while (entry := self._waiting()) is None:
            if self._history.is_over:
                raise SessionOver from self._history.failure
            self._changed.clear()
            await self._changed.wait()
        self.place = max(self.place, entry.number)
        return entry

    def delivered(self, entry: Entry[T], *, ends_turn: bool = False) -> None:
        """The browser has got it; with an entry that `ends_turn`, the whole of a turn."""
        self._history.heard(entry.number, self.kind, ends_turn=ends_turn)

    def _waiting(self) -> Entry[T] | None:
        if self._is_replaced:
            raise ReaderReplaced
        if self._aside:
            return Entry(0, 0, self._aside.popleft())
        return self._history.entry(self.place + 1)
