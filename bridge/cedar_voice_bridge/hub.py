"""Sessions that a browser shares between its sockets, event streams and uploads.

The hub owns one stream of the service per session. What comes down is kept, bounded by bytes, and
every reader has a place of its own in it. What goes up, goes up by one writer, in order of arrival.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

import structlog

import cedar_voice.v1 as pb
from cedar_voice_bridge.endings import unavailable
from cedar_voice_bridge.history import History, Reader
from cedar_voice_bridge.line import Line
from cedar_voice_bridge.sessions import Sessions
from cedar_voice_client import VoiceClientError

log = structlog.get_logger("cedar_voice.bridge")

RECONNECT_AFTER_S = (0.5, 1.0, 2.0, 4.0)
"""Waits before a broken stream is opened again; then its session is given up."""

T = TypeVar("T")
Translate = Callable[[pb.VoiceSessionResponse], T | None]


class Conversation(Generic[T]):
    """One session of the service and everything that its browser has open for it.

    Args:
        config: what the session opens with.
        token: of the user.
        translate: what readers get for a response; None for one that they are not told.
        history: where it is kept.
        idle_s: how long it lives without reader or upload.
    """

    def __init__(
        self,
        config: pb.SessionConfig,
        token: str | None,
        translate: Translate[T],
        history: History[T],
        *,
        idle_s: float,
    ) -> None:
        self.tag = secrets.token_hex(4)
        """Tells the events of this conversation from those of one before it of the same name."""
        self.line = Line()
        self.is_over = False
        self.latest = pb.Transcription()
        """What the user is believed to be saying."""
        self._configured = b""
        self._config = config
        self._token = token
        self._translate = translate
        self._history = history
        self._idle_s = idle_s

    def read(self, after: int | None = None, *, kind: str = "") -> Reader[T]:
        """A reader of what comes; use it as a context.

        Args:
            after: number of the last event that is not wanted again. None begins with the first
                turn that no reader of this `kind` has seen to its end.
            kind: "" begins with what comes next.
        """
        return self._history.read(after, kind)

    def changes(self, config: pb.SessionConfig) -> list[pb.VoiceSessionRequest]:
        """What makes this the configuration in force; nothing when it was the last one asked for.

        Uploads say the same with every chunk.
        """
        wanted = config.SerializeToString(deterministic=True)
        if wanted in (b"", self._configured):
            return []
        self._configured = wanted
        return [pb.VoiceSessionRequest(config=config)]

    async def upload(self, requests: Iterable[pb.VoiceSessionRequest]) -> int:
        """See `Line.upload`."""
        try:
            return await self.line.upload(requests)
        except VoiceClientError:
            self._configured = b""
            self.line.is_recording = False
            raise

    async def live(self, sessions: Sessions) -> None:
        """Hold the session until it is idle, ended, or cannot be held any more."""
        failures = 0
        while True:
            try:
                async with sessions.open(self._config, self._token) as session:
                    failures = 0
                    with self.line.connected(session):
                        await self._copy()
                    return None
            except VoiceClientError as failure:
                if not failure.retryable or not self.line.was_open:
                    return self._fail(failure)
                if failures == len(RECONNECT_AFTER_S):
                    return self._fail(failure)
            await asyncio.sleep(RECONNECT_AFTER_S[failures])
            failures += 1

    async def finish(self) -> None:
        """End the session: nobody comes back to it."""
        self.is_over = True
        with suppress(VoiceClientError):
            await self.line.end_session()

    def end(self) -> None:
        """Nothing more comes."""
        self.is_over = True
        self.line.fail(unavailable("the conversation is over"))
        self._history.end(None)

    def _fail(self, failure: VoiceClientError) -> None:
        log.info("conversation over", code=failure.code.name)
        self.is_over = True
        self.line.fail(failure)
        self._history.end(failure)

    async def _copy(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._idle_s):
                    response = await self.line.receive()
            except TimeoutError:
                if self._history.has_readers or self.line.was_used_within(self._idle_s):
                    continue
                return await self.finish()
            if response is None:
                return None
            self._keep(response)

    def _keep(self, response: pb.VoiceSessionResponse) -> None:
        if response.HasField("transcription"):
            self.latest = response.transcription
        item = self._translate(response)
        if item is not None:
            self._history.add(item, response.turn_id)


class Hub(Generic[T]):
    """Conversations by token and name. Use as an async context manager: leaving it ends them.

    Args:
        sessions: opens them.
        open_conversation: makes one that does not live yet.
    """

    def __init__(
        self,
        sessions: Sessions,
        open_conversation: Callable[[str, str | None], Conversation[T]],
    ) -> None:
        self._sessions = sessions
        self._open_conversation = open_conversation
        self._conversations: dict[tuple[str | None, str], Conversation[T]] = {}
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Hub[T]":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    async def conversation(self, session_id: str, token: str | None) -> Conversation[T]:
        """The conversation of this name, opened unless it is.

        Raises:
            VoiceClientError: the service cannot be reached or refuses; the class says why.
        """
        key = (token, session_id)
        conversation = self._conversations.get(key)
        if conversation is None or conversation.is_over:
            conversation = self._open_conversation(session_id, token)
            self._conversations[key] = conversation
            task = self._group.create_task(self._hold(key, conversation))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await conversation.line.opened()
        return conversation

    def close(self) -> None:
        """Let every reader end: the bridge stops."""
        for conversation in self._conversations.values():
            conversation.end()

    async def _hold(self, key: tuple[str | None, str], conversation: Conversation[T]) -> None:
        with structlog.contextvars.bound_contextvars(session_id=key[1]):
            try:
                await conversation.live(self._sessions)
            except Exception:
                log.exception("conversation broke")
            finally:
                conversation.end()
                if self._conversations.get(key) is conversation:
                    del self._conversations[key]
