"""One session of the service, shared by all that its browser has open for it.

The session has one stream. Responses are kept, bounded by bytes; each reader has a position of its
own in them and translates them into its own dialect. Requests go up through one writer, in order of
arrival.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import structlog

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.http.close_codes import unavailable
from cedar_voice_bridge.sessions.event_log import EventLog, LogReader, ReaderKind
from cedar_voice_bridge.sessions.service_session import ServiceSession, ServiceSessions
from cedar_voice_bridge.sessions.shared_config import SharedConfig
from cedar_voice_bridge.sessions.upstream import Upstream
from cedar_voice_client import VoiceClientError

log = structlog.get_logger("cedar_voice.bridge")

OPENING_S = 1.0
"""Time for which a session is kept after it was opened, until it has a reader or a writer."""

CHECK_S = 5.0
"""Interval of checks whether a session still has a reader."""

Response = pb.VoiceSessionResponse


@dataclass(frozen=True, slots=True)
class BrowserPosition:
    """Position of a browser in the events of its session; term 0 if the browser has none."""

    sequence: int
    term: int = 0

    def has_passed(self, response: Response) -> bool:
        """Whether a browser at this position has received a response, as far as can be known."""
        is_later = self.term and response.term > self.term
        return 0 < response.sequence <= self.sequence and not is_later


class SharedSession:
    """One session of the service, its readers and its writers.

    Args:
        config: configuration that the session opens with.
        caller: the user.
        events: log of the session's responses.
        upstream: the requests to the session.
    """

    def __init__(
        self,
        config: pb.SessionConfig,
        caller: Caller,
        events: EventLog[Response],
        upstream: Upstream,
    ) -> None:
        self.events = events
        self.upstream = upstream
        self.shared_config = SharedConfig(config)
        self.is_over = False
        self.is_inherited = False
        """Whether another bridge held the session before."""
        self._config = config
        self._caller = caller
        self._was_greeted = False
        self._ended_turn_id = 0
        self._has_changed = asyncio.Event()

    @contextmanager
    def open_reader(
        self, after: int | None = None, *, kind: ReaderKind | None = None, keep_s: float = 0.0
    ) -> Iterator[LogReader[Response]]:
        """Give a reader of the session's events, for as long as the context lasts.

        Args:
            after: number of the last event that the reader does not need. None begins at the
                position of the kind.
            kind: None begins with the next event.
            keep_s: time for which the session is kept for the reader to return.
        """
        try:
            with self.events.open_reader(after, kind) as reader:
                yield reader
        finally:
            self.upstream.extend_lease(keep_s)

    def last_number_at(self, position: BrowserPosition | None) -> int | None:
        """Return the number of the last event that a browser at a position has received.

        None without a position, and for a position that the session has not reached.
        """
        entries = self.events.entries
        if position is None or self._is_ahead(position):
            return None
        known = (entry.number for entry in entries if position.has_passed(entry.item))
        first = entries[0].number if entries else 1
        return max(known, default=first - 1)

    def greeting(self, position: BrowserPosition | None = None) -> Response:
        """Return `ready` with the configuration in force, for a reader that joins.

        A browser that is ahead of the session was at another session of the name: its `ready` does
        not report a resumed session.
        """
        greeting = Response(ready=self.upstream.ready, ack=self.upstream.accepted_sequence)
        greeting.ready.resumed |= self._was_greeted
        greeting.ready.resumed &= position is None or not self._is_ahead(position)
        greeting.ready.restored = False  # a reader that joins has lost nothing
        self._was_greeted = True
        return greeting

    async def upload(self, requests: Iterable[pb.VoiceSessionRequest]) -> int:
        """Send requests, wait until the service has accepted them, and return the newest turn.

        Raises:
            VoiceClientError: a request cannot be sent, or the service refuses it.
        """
        self._was_greeted = True
        try:
            return await self.upstream.upload(requests)
        except VoiceClientError:
            self.shared_config.invalidate()
            raise

    async def join(self, caller: Caller, *, keep_s: float = 0.0) -> None:
        """Wait until the session is open, with the newest token, and keep it for a while.

        Args:
            caller: the user.
            keep_s: time from now for which the session is kept, also without a reader.

        Raises:
            VoiceClientError: there is no session; the class gives the reason.
        """
        await self.renew_token(caller)
        await self.upstream.wait_open()
        self.upstream.extend_lease(max(keep_s, OPENING_S))

    async def renew_token(self, caller: Caller) -> None:
        """Send the user's newest token to the service.

        Raises:
            VoiceClientError: there is no session; the class gives the reason.
        """
        if self._caller.renew(caller):
            renewal = pb.TokenRenewal(token=caller.token or "")
            await self.upstream.send([pb.VoiceSessionRequest(token_renewal=renewal)])

    async def run(self, sessions: ServiceSessions) -> None:
        """Hold the session until it is idle, has ended, or has failed for good."""
        try:
            async with sessions.open(
                self._config, self._caller, done_with=self._released_sequence
            ) as opened:
                if opened.opening.ready.resumed:
                    await self._inherit(opened)
                with self.upstream.connected(opened):
                    await self._receive()
        except VoiceClientError as failure:
            self._fail(failure)

    async def finish(self) -> None:
        """End the session at the service."""
        self.is_over = True
        with suppress(VoiceClientError):
            await self.upstream.end_session()

    async def drain(self, timeout_s: float) -> None:
        """Notify every reader that the bridge stops, wait for the turn in progress, and end.

        Args:
            timeout_s: longest wait for the turn.
        """
        self.events.broadcast(Response(go_away=pb.GoAway(time_left_ms=int(1000 * timeout_s))))
        try:
            async with asyncio.timeout(timeout_s):
                while self._ended_turn_id < self.upstream.last_turn_id and not self.is_over:
                    self._has_changed.clear()
                    await self._has_changed.wait()
        except TimeoutError:
            log.info("turn cut off", turn_id=self.upstream.last_turn_id)
        self.end()

    def end(self) -> None:
        """End the readers and writers."""
        self.is_over = True
        self._has_changed.set()
        self.upstream.fail(unavailable("the session is over"))
        self.events.end(None)

    def _fail(self, failure: VoiceClientError) -> None:
        log.info("session failed", code=failure.code.name)
        self.is_over = True
        self._has_changed.set()
        self.upstream.fail(failure)
        self.events.end(failure)

    async def _inherit(self, session: ServiceSession) -> None:
        """Receive the events that another bridge held before.

        It may have delivered all of them: a reader without a position begins with the next event.
        """
        self.shared_config.invalidate()
        self.is_inherited = True
        for response in await session.replayed():
            self.upstream.record(response)
            self._record(response)
        self.events.record_delivery(self.events.last_number, None, ends_turn=True)

    def _released_sequence(self) -> int:
        """Return the sequence number up to which no reader, here or elsewhere, needs an event."""
        kept = (entry.item.sequence for entry in self.events.entries if entry.item.sequence)
        return next(kept, 1) - 1

    def _is_ahead(self, position: BrowserPosition) -> bool:
        """Whether the session has not reached a position yet."""
        sequences = (entry.item.sequence for entry in reversed(self.events.entries))
        return position.sequence > next(filter(None, sequences), 0)

    async def _receive(self) -> None:
        self.upstream.extend_lease(OPENING_S)
        while (left_s := self.upstream.lease_s) > 0 or self.events.has_readers:
            try:
                async with asyncio.timeout(left_s if left_s > 0 else CHECK_S):
                    response = await self.upstream.receive()
            except TimeoutError:
                continue
            if response is None:
                if not self.is_over:
                    self._fail(unavailable("the service ended the session"))
                return
            self._record(response)
        await self.finish()

    def _record(self, response: Response) -> None:
        if response.error.fatal:
            return  # the end of the stream carries the same error, and may be recovered from
        if response.HasField("token_expiring") or response.HasField("go_away"):
            return  # they concern this stream, not the browsers' sockets
        if response.HasField("metrics"):
            self._ended_turn_id = max(self._ended_turn_id, response.turn_id)
            self._has_changed.set()
        if response.HasField("interruption"):
            self.events.rewrite(_without_audio(response.interruption.response_id))
        self.events.append(response, response.turn_id)


def _without_audio(response_id: int) -> Callable[[Response], Response]:
    """Return a redaction that removes the audio of an interrupted response and of older ones."""

    def redact(response: Response) -> Response:
        if not response.audio.data or response.audio.response_id > response_id:
            return response
        redacted = Response()
        redacted.CopyFrom(response)
        for name in ("data", "duration_ms", "text"):
            redacted.audio.ClearField(name)
        return redacted

    return redact
