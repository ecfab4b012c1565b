"""Messages and notices of a session on their way to the stream that is attached.

Messages go through the outbox, which numbers and keeps them; notices go to the attached stream
only, unnumbered, before all messages that wait.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, Stage
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.resume.outbox import Numbered, Outbox, silenced
from cedar_voice_service.session.resume.position import START, ResumePoint


@dataclass(frozen=True, slots=True)
class Ready:
    """The session is usable, with this configuration."""

    config: SessionConfig
    is_resumed: bool = False
    is_truncated: bool = False
    is_restored: bool = False
    replayed: int = 0
    """Number of messages that follow and were sent before."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping."""

    ping_sent_at_ms: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """The server stops within so many milliseconds."""

    time_left_ms: int


@dataclass(frozen=True, slots=True)
class TokenExpiring:
    """The token of the stream expires, in so many milliseconds."""

    time_left_ms: int


Notice = Ready | Pong | GoAway | TokenExpiring

MAX_NOTICES = 64
"""Notices that may wait for a client that does not read."""


def slow_consumer() -> CedarVoiceError:
    """Return the error of a stream whose client does not read."""
    return CedarVoiceError(
        "events are not read",
        code=Code.SLOW_CONSUMER,
        stage=Stage.TRANSPORT,
        retryable=True,  # the events that are still kept are replayed
    )


class Attachment:
    """One stream's view of a session: the messages and notices that it writes, in order."""

    def __init__(self, outbox: Outbox, first: Iterable[Notice | Numbered]) -> None:
        self._outbox = outbox
        self._first = deque(first)
        self._notices: deque[Notice] = deque()
        self._changed = asyncio.Event()
        self._failed = asyncio.Event()
        self._error: CedarVoiceError | None = None
        self._is_finished = False
        self._last_error: CedarVoiceError | None = None

    @property
    def error(self) -> CedarVoiceError | None:
        """Error with which the stream has to end; None for OK."""
        return self._error

    @property
    def has_failed(self) -> bool:
        """Whether the stream has to end with an error, and drives the session no longer."""
        return self._error is not None

    async def failure(self) -> CedarVoiceError:
        """Wait for the error that the stream has to end with."""
        while self._error is None:
            await self._failed.wait()
        return self._error

    async def next(self) -> Notice | Numbered | None:
        """Wait for the next message or notice to write; return None after the last.

        Raises:
            CedarVoiceError: the stream has to end with this error.
        """
        while True:
            if self._error is not None:
                raise self._error
            if self._first:
                return self._first.popleft()
            if self._notices:
                return self._notices.popleft()
            if (numbered := self._outbox.pop()) is not None:
                return numbered
            if self._is_finished:
                if self._last_error is None:
                    return None
                self.fail(self._last_error)
                continue
            self._changed.clear()
            await self._changed.wait()

    def purge_audio(self, response_id: int) -> None:
        """Replay no audio of this response and older ones."""
        self._first = deque(
            silenced(first, response_id) if isinstance(first, Numbered) else first
            for first in self._first
        )

    def notify(self, notice: Notice | None = None) -> None:
        """Wake the writer; a notice precedes messages, and a `Ready` replaces one that waits."""
        if isinstance(notice, Ready):
            self._notices = deque(left for left in self._notices if not isinstance(left, Ready))
        if notice is not None:
            self._notices.append(notice)
        if len(self._notices) > MAX_NOTICES:
            self.fail(slow_consumer())
        self._changed.set()

    def finish(self, error: CedarVoiceError | None = None) -> None:
        """End once everything is written: with OK, or with this error."""
        self._is_finished = True
        self._last_error = error
        self._changed.set()

    @contextmanager
    def written_within(self, duration_s: float) -> Iterator[None]:
        """Fail if the client does not read the message in time that is written in the context."""
        loop = asyncio.get_running_loop()
        late = loop.call_later(duration_s, lambda: self.fail(slow_consumer()))
        try:
            yield
        finally:
            late.cancel()

    def fail(self, error: CedarVoiceError) -> None:
        """End with an error, at once."""
        self._error = self._error or error
        self._failed.set()
        self._changed.set()


class Delivery:
    """The outbox of a session and the stream that empties it, if one is attached."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._attachment: Attachment | None = None

    @property
    def is_attached(self) -> bool:
        """Whether a stream is attached."""
        return self._attachment is not None

    @property
    def last_sequence(self) -> int:
        """Sequence number of the newest message that a stream has popped."""
        return self._outbox.last_sequence

    def attach(self, config: SessionConfig, resume_point: ResumePoint = START) -> Attachment:
        """Attach a stream; the stream before it ends with an error.

        Args:
            config: configuration in force.
            resume_point: no acknowledgement: a bridge that resumes for a browser may lack events
                that the browser has.

        Raises:
            CallerError: the client claims to have an event that was never sent.
        """
        after, is_restored = resume_point.after, resume_point.is_restored
        replayed: list[Numbered] = []
        is_complete = True
        if after is not None:
            if after > self._outbox.last_sequence:
                raise CallerError(
                    "last_received_sequence is beyond what was sent",
                    code=Code.PROTOCOL_VIOLATION,
                    field="resume.last_received_sequence",
                )
            replayed, is_complete = self._outbox.replay(after)
        ready = Ready(
            config,
            is_resumed=after is not None and not is_restored,
            is_truncated=not is_complete,
            is_restored=is_restored,
            replayed=len(replayed),
        )
        if self._attachment is not None:
            self._attachment.fail(
                CallerError(
                    "the session was resumed on another stream",
                    code=Code.SESSION_TAKEN_OVER,
                    stage=Stage.TRANSPORT,
                )
            )
        self._outbox.has_overflowed = False
        self._attachment = Attachment(self._outbox, [ready, *replayed])
        return self._attachment

    def detach(self, attachment: Attachment) -> bool:
        """Detach a stream that has ended; return whether it was the attached one."""
        if self._attachment is not attachment:
            return False
        self._attachment = None
        return True

    def wake(self) -> None:
        """Wake the attached stream, if any: the outbox has messages."""
        if self._attachment is None:
            return
        if self._outbox.has_overflowed:
            self._attachment.fail(slow_consumer())
        self._attachment.notify()

    def notify(self, notice: Notice) -> None:
        """Send a notice to the attached stream, if there is one."""
        if self._attachment is not None:
            self._attachment.notify(notice)

    def purge_replayed_audio(self, response_id: int) -> None:
        """Drop audio of this response and older ones that the stream was about to replay."""
        if self._attachment is not None:
            self._attachment.purge_audio(response_id)

    def finish(self, error: CedarVoiceError | None = None) -> None:
        """Let the attached stream end once everything is written: with OK, or with this error."""
        if self._attachment is not None:
            self._attachment.finish(error)

    def fail(self, error: CedarVoiceError) -> None:
        """End the attached stream with an error."""
        if self._attachment is not None:
            self._attachment.fail(error)
