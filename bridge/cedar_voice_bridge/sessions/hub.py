"""ServiceSessions that a browser shares between its sockets, event streams and uploads.

The hub owns one stream of the service per session. What comes down is kept, bounded by bytes, and
every reader has a place of its own in it, and puts it into its own dialect. What goes up, goes up
by one writer, in order of arrival.
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
"""How long a conversation lives that was opened, until somebody reads or writes."""

CHECK_S = 5.0
"""How long after its last reader a conversation may go unnoticed."""

Response = pb.VoiceSessionResponse


@dataclass(frozen=True, slots=True)
class BrowserPosition:
    """Where a browser is in what its session says. The term is 0 where it does not know it."""

    sequence: int
    term: int = 0

    def has_passed(self, response: Response) -> bool:
        """Whether a browser that is here has got it, for all that it can tell."""
        is_later = self.term and response.term > self.term
        return 0 < response.sequence <= self.sequence and not is_later


class SharedSession:
    """One session of the service and everything that its browser has open for it.

    Args:
        config: what the session opens with.
        caller: the user.
        history: where it is kept.
        line: what goes up.
    """

    def __init__(
        self, config: pb.SessionConfig, caller: Caller, history: EventLog[Response], line: Upstream
    ) -> None:
        self.upstream = line
        self.shared_config = SharedConfig(config)
        self.is_over = False
        self.is_recording: bool | None = False
        """Whether an upload has begun a recording and none has ended it; None where another bridge
        may have taken its beginning.
        """
        self.latest = pb.Transcription()
        """What the user is believed to be saying."""
        self._config = config
        self._caller = caller
        self._history = history
        self._was_greeted = False
        self._ended_turn_id = 0
        self._has_changed = asyncio.Event()

    @contextmanager
    def read(
        self, after: int | None = None, *, kind: ReaderKind | None = None, keep_s: float = 0.0
    ) -> Iterator[LogReader[Response]]:
        """A reader of what comes, for as long as the context lasts.

        Args:
            after: number of the last event that is not wanted again. None begins where the kind
                does.
            kind: None begins with what comes next.
            keep_s: how long the session waits for a reader to come back.
        """
        try:
            with self._history.read(after, kind) as reader:
                yield reader
        finally:
            self.upstream.keep(keep_s)

    def last_number_at(self, position: BrowserPosition | None) -> int | None:
        """Number of the last event that who is there needs no more; None where nobody can be."""
        entries = self._history.entries
        if position is None or self._is_ahead(position):
            return None
        known = (entry.number for entry in entries if position.has_passed(entry.item))
        first = entries[0].number if entries else 1
        return max(known, default=first - 1)

    def greeting(self, position: BrowserPosition | None = None) -> Response:
        """The configuration in force, for who joins; who was further than this is at another
        session of the name.
        """
        greeting = Response(ready=self.upstream.ready, ack=self.upstream.accepted_sequence)
        greeting.ready.resumed |= self._was_greeted
        greeting.ready.resumed &= position is None or not self._is_ahead(position)
        greeting.ready.restored = False  # who joins has lost nothing
        self._was_greeted = True
        return greeting

    async def upload(self, requests: Iterable[pb.VoiceSessionRequest]) -> int:
        """See `Upstream.upload`."""
        self._was_greeted = True
        try:
            return await self.upstream.upload(requests)
        except VoiceClientError:
            self.shared_config.forget()
            self.is_recording = False
            raise

    async def renew(self, caller: Caller) -> None:
        """Speak to the service with the user's newest token from here on.

        Raises:
            VoiceClientError: there is no session; the class says why.
        """
        if self._caller.renew(caller):
            renewal = pb.TokenRenewal(token=caller.token or "")
            await self.upstream.send([pb.VoiceSessionRequest(token_renewal=renewal)])

    async def live(self, sessions: ServiceSessions) -> None:
        """Hold the session until it is idle, ended, or cannot be held any more."""
        try:
            async with sessions.open(
                self._config, self._caller, done_with=self._forgotten
            ) as opened:
                if opened.opening.ready.resumed:
                    await self._catch_up(opened)
                with self.upstream.connected(opened):
                    await self._copy()
        except VoiceClientError as failure:
            self._fail(failure)

    async def finish(self) -> None:
        """End the session: nobody comes back to it."""
        self.is_over = True
        with suppress(VoiceClientError):
            await self.upstream.end_session()

    async def drain(self, timeout_s: float) -> None:
        """Tell every reader that the bridge stops, let a turn in progress end, and end."""
        self._history.broadcast(Response(go_away=pb.GoAway(time_left_ms=int(1000 * timeout_s))))
        try:
            async with asyncio.timeout(timeout_s):
                while self._ended_turn_id < self.upstream.last_turn_id and not self.is_over:
                    self._has_changed.clear()
                    await self._has_changed.wait()
        except TimeoutError:
            log.info("turn cut off", turn_id=self.upstream.last_turn_id)
        self.end()

    def end(self) -> None:
        """Nothing more comes."""
        self.is_over = True
        self._has_changed.set()
        self.upstream.fail(unavailable("the conversation is over"))
        self._history.end(None)

    def _fail(self, failure: VoiceClientError) -> None:
        log.info("conversation over", code=failure.code.name)
        self.is_over = True
        self._has_changed.set()
        self.upstream.fail(failure)
        self._history.end(failure)

    async def _catch_up(self, session: ServiceSession) -> None:
        """Know again what a bridge before this one knew.

        It may have told all of it: who names no place begins with what comes next.
        """
        self.shared_config.forget()
        self.is_recording = None
        for response in await session.replayed():
            self.upstream.note(response)
            self._keep(response)
        self._history.heard(self._history.last_number, None, ends_turn=True)

    def _forgotten(self) -> int:
        """Number of the event up to which nothing is kept for any reader, here or elsewhere."""
        kept = (entry.item.sequence for entry in self._history.entries if entry.item.sequence)
        return next(kept, 1) - 1

    def _is_ahead(self, position: BrowserPosition) -> bool:
        """Whether the session has not come so far yet."""
        said = (entry.item.sequence for entry in reversed(self._history.entries))
        return position.sequence > next(filter(None, said), 0)

    async def _copy(self) -> None:
        self.upstream.keep(OPENING_S)
        while (left_s := self.upstream.lease_s) > 0 or self._history.has_readers:
            try:
                async with asyncio.timeout(left_s if left_s > 0 else CHECK_S):
                    response = await self.upstream.receive()
            except TimeoutError:
                continue
            if response is None:
                if not self.is_over:
                    self._fail(unavailable("the service ended the session"))
                return
            self._keep(response)
        await self.finish()

    def _keep(self, response: Response) -> None:
        if response.error.fatal:
            return  # the end of the stream says the same, and may be mended
        if response.HasField("token_expiring") or response.HasField("go_away"):
            return  # what is said of this stream is not said of the browsers'
        if response.HasField("metrics"):
            self._ended_turn_id = max(self._ended_turn_id, response.turn_id)
            self._has_changed.set()
        if response.HasField("transcription"):
            self.latest = response.transcription
        if response.HasField("interruption"):
            self._history.rewrite(_silenced(response.interruption.response_id))
        self._history.add(response, response.turn_id)


def _silenced(response_id: int) -> Callable[[Response], Response]:
    """What is left of anything said when a response is cut off: no sound of it or an older one."""

    def left_of(said: Response) -> Response:
        if not said.audio.data or said.audio.response_id > response_id:
            return said
        left = Response()
        left.CopyFrom(said)
        for name in ("data", "duration_ms", "text"):
            left.audio.ClearField(name)
        return left

    return left_of


class Hub:
    """Conversations by user and name. Use as an async context manager: leaving it ends them.

    Args:
        sessions: opens them.
        open_conversation: makes one that does not live yet.
    """

    def __init__(
        self,
        sessions: ServiceSessions,
        open_conversation: Callable[[str, Caller], SharedSession],
    ) -> None:
        self._sessions = sessions
        self._open_conversation = open_conversation
        self._conversations: dict[tuple[Caller, str], SharedSession] = {}
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_draining = False
        """Whether the bridge stops: no conversation is begun."""

    async def __aenter__(self) -> "Hub":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    async def conversation(
        self, session_id: str, caller: Caller, *, keep_s: float = 0.0
    ) -> SharedSession:
        """The conversation of this name, opened unless it is.

        Args:
            session_id: its name.
            caller: the user.
            keep_s: how long from now it is wanted, whether or not anybody reads.

        Raises:
            VoiceClientError: the service cannot be reached or refuses; the class says why.
        """
        key = (caller, session_id)
        conversation = self._conversations.get(key)
        if conversation is None or conversation.is_over:
            if self.is_draining:
                raise unavailable("the bridge stops")
            conversation = self._open_conversation(session_id, caller)
            self._conversations[key] = conversation
            task = self._group.create_task(self._hold(key, conversation))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await conversation.renew(caller)
        await conversation.upstream.opened()
        conversation.upstream.keep(max(keep_s, OPENING_S))
        return conversation

    async def drain(self, timeout_s: float) -> None:
        """Begin no conversation, and let the turns in progress end."""
        self.is_draining = True
        log.info("draining", conversation_count=len(self._conversations))
        async with asyncio.TaskGroup() as group:
            for conversation in self._conversations.values():
                group.create_task(conversation.drain(timeout_s))

    def close(self) -> None:
        """Let every reader end: the bridge stops."""
        for conversation in self._conversations.values():
            conversation.end()

    async def _hold(self, key: tuple[Caller, str], conversation: SharedSession) -> None:
        with structlog.contextvars.bound_contextvars(session_id=key[1]):
            try:
                await conversation.live(self._sessions)
            except Exception:
                log.exception("conversation broke")
            finally:
                conversation.end()
                if self._conversations.get(key) is conversation:
                    del self._conversations[key]
