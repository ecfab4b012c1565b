"""What a session has said, bounded by bytes, and readers with a place of their own in it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from cedar_voice_client import VoiceClientError

T = TypeVar("T")


class ReadersLag(Exception):
    """What the reader wants next is no longer kept."""


class ConversationOver(Exception):
    """Nothing more comes; the cause is the failure, where there was one."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """Something that was said. Numbers count from 1."""

    number: int
    turn_id: int
    item: T


class History(Generic[T]):
    """The last of what a session said.

    Args:
        max_bytes: what is kept at most, at least the newest entry.
        size_of: bytes of an item.
        ends_turn: whether an item is the last of its turn.
    """

    def __init__(
        self,
        max_bytes: int,
        size_of: Callable[[T], int],
        ends_turn: Callable[[T], bool] = lambda item: False,
    ) -> None:
        self.ends_turn = ends_turn
        self.entries: deque[Entry[T]] = deque()
        self.last_number = 0
        self.is_over = False
        self.failure: VoiceClientError | None = None
        self.seen: dict[str, int] = {}
        """By kind of reader: the last entry of the last turn that one has seen to its end."""
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._bytes = 0
        self._readers: set[Reader[T]] = set()

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
            self._bytes -= self._size_of(self.entries.popleft().item)
        self._wake()

    def end(self, failure: VoiceClientError | None) -> None:
        """Nothing more comes."""
        if not self.is_over:
            self.is_over = True
            self.failure = failure
            self._wake()

    def read(self, after: int | None, kind: str) -> "Reader[T]":
        """See `Conversation.read`."""
        if after is None or not 0 <= after <= self.last_number:
            after = self.seen.get(kind, 0) if kind else self.last_number
            first = self.entries[0].number if self.entries else self.last_number + 1
            after = max(after, first - 1)  # what is gone was nobody's place yet
        return Reader(self, after, kind)

    def join(self, reader: "Reader[T]") -> None:
        """A reader waits for what comes."""
        self._readers.add(reader)

    def leave(self, reader: "Reader[T]") -> None:
        """A reader is gone."""
        self._readers.discard(reader)

    def entry(self, number: int) -> Entry[T] | None:
        """The entry of this number; None while there is none.

        Raises:
            ReadersLag: it is no longer kept.
        """
        if number > self.last_number:
            return None
        first = self.entries[0].number
        if number < first:
            raise ReadersLag
        return self.entries[number - first]

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()


class Reader(Generic[T]):
    """A place in a history. Use as a context; one task reads."""

    def __init__(self, history: History[T], after: int, kind: str) -> None:
        self._history = history
        self._after = after
        self._kind = kind
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

    def wake(self) -> None:
        """Something was added."""
        self._changed.set()

    async def next(self) -> Entry[T]:
        """The next entry. Cancelled, it loses nothing.

        Raises:
            ReadersLag: it is no longer kept.
            ConversationOver: there is none.
        """
        while (entry := self._history.entry(self._after + 1)) is None:
            if self._history.is_over:
                raise ConversationOver from self._history.failure
            self._changed.clear()
            await self._changed.wait()
        self._after = entry.number
        return entry

    def delivered(self, entry: Entry[T]) -> None:
        """The browser has got it: other readers of the kind need not begin before it."""
        if self._kind and self._history.ends_turn(entry.item):
            seen = self._history.seen
            seen[self._kind] = max(seen.get(self._kind, 0), entry.number)
