"""Numbers messages to the client, keeps them until acknowledged, replays them after a reconnect.

A message waits unnumbered until a stream pops it. So audio that an interruption makes pointless
can be purged while it waits, and the sequence numbers that clients see still have no gaps; a client
that reconnects does not receive it again.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import TypeVar

from cedar_voice_service.session.messages import (
    ActionRequested,
    Interruption,
    Message,
    OutputAudio,
    ResponseCompleted,
    ResponseDelta,
    ResponseStarted,
    Transcription,
)

OVERHEAD_BYTES = 128
"""Bytes counted for a message beside its payload."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message with its place in the session's server-to-client sequence."""

    sequence: int
    turn_id: int
    message: Message
    durable: int = 0
    """Highest client sequence that is durable once the client has this message."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    turn_id: int
    message: Message
    durable: int


_Held = TypeVar("_Held", Numbered, _Waiting)


class Outbox:
    """The server-to-client sequence of one session, over all its streams.

    Holds at most `max_bytes`; the oldest messages are dropped first, sent ones before waiting ones.
    Numbers continue after `last_sequence`.
    """

    def __init__(self, max_bytes: int, *, last_sequence: int = 0) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._waiting: deque[_Waiting] = deque()
        self._sent: deque[Numbered] = deque()
        self._last_sequence = last_sequence
        self._reported_durable = 0
        self.has_overflowed = False
        """Whether a message was dropped that no stream had popped: the client does not read."""

    @property
    def last_sequence(self) -> int:
        """Sequence number of the newest numbered message; 0 before the first."""
        return self._last_sequence

    @property
    def reported_durable(self) -> int | None:
        """`durable` of the newest numbered message while others wait; None when none waits."""
        return self._reported_durable if self._waiting else None

    def put(self, message: Message, *, turn_id: int, durable: int = 0) -> None:
        """Add a message that belongs to `turn_id`, 0 for none; see `Numbered` for `durable`.

        Text of a response joins text of it that waits: a client that lags, or a busy server, has
        fewer messages to deal with.
        """
        newest = self._waiting[-1].message if self._waiting else None
        match newest, message:
            case ResponseDelta(before, text), ResponseDelta(response_id, more) if (
                before == response_id
            ):
                joined = ResponseDelta(response_id, text + more)
                self._waiting[-1] = _Waiting(turn_id, joined, durable)
                self._bytes += _size(message) - OVERHEAD_BYTES
            case _:
                self._waiting.append(_Waiting(turn_id, message, durable))
                self._bytes += _size(message)
        self._forget_beyond_bound()

    def pop(self) -> Numbered | None:
        """Number the oldest waiting message and keep it for replay; None when none waits."""
        if not self._waiting:
            return None
        waiting = self._waiting.popleft()
        self._last_sequence += 1
        numbered = Numbered(self._last_sequence, waiting.turn_id, waiting.message, waiting.durable)
        self._sent.append(numbered)
        self._reported_durable = numbered.durable
        return numbered

    def acknowledge(self, sequence: int) -> None:
        """Drop the messages that the client has received."""
        while self._sent and self._sent[0].sequence <= sequence:
            self._bytes -= _size(self._sent.popleft().message)

    def replay(self, after: int) -> tuple[list[Numbered], bool]:
        """Return the messages numbered after `after`, and whether none of them was dropped."""
        held = [numbered for numbered in self._sent if numbered.sequence > after]
        missing = self._last_sequence - after - len(held)
        return held, missing <= 0

    def purge_audio(self, response_id: int) -> None:
        """Drop the audio of this response and older ones, but not the mark of its end.

        A numbered message keeps its number, without audio.
        """
        self._sent = deque(silenced(numbered, response_id) for numbered in self._sent)
        left = [silenced(unnumbered, response_id) for unnumbered in self._waiting]
        self._waiting = deque(unnumbered for unnumbered in left if not _is_void(unnumbered.message))
        self._bytes = sum(_size(numbered.message) for numbered in self._sent)
        self._bytes += sum(_size(unnumbered.message) for unnumbered in self._waiting)

    def _forget_beyond_bound(self) -> None:
        while self._bytes > self._max_bytes and (self._sent or len(self._waiting) > 1):
            if not self._sent:
                self.has_overflowed = True
                self.pop()
            self._bytes -= _size(self._sent.popleft().message)


def silenced(held: _Held, response_id: int) -> _Held:
    """Return the message without audio if it belongs to this response or an older one."""
    match held.message:
        case OutputAudio(response_id=spoken_id) as speech if spoken_id <= response_id:
            return replace(held, message=replace(speech, data=b"", duration_ms=0, text=""))
        case _:
            return held


def _is_void(message: Message) -> bool:
    return isinstance(message, OutputAudio) and not message.data and not message.is_last


def _size(message: Message) -> int:
    """Return the bytes counted for a message; a character takes four bytes at most."""
    match message:
        case OutputAudio(data=data, text=text):
            return OVERHEAD_BYTES + len(data) + 4 * len(text)
        case Transcription(text=text) | ResponseDelta(text=text) | ResponseCompleted(text=text):
            return OVERHEAD_BYTES + 4 * len(text)
        case ResponseStarted(user_text=text) | Interruption(kept_text=text):
            return OVERHEAD_BYTES + 4 * len(text)
        case ActionRequested(action=action):
            return OVERHEAD_BYTES + 4 * (len(action.arguments_json) + len(action.args_json))
        case _:
            return OVERHEAD_BYTES
