"""The sessions of this process: opened, resumed, expired and drained."""

import asyncio
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import structlog

from cedar_voice_service.errors import CallerError, CapacityError, Code, EngineError, Stage
from cedar_voice_service.runtime.delivery import Attachment, GoAway
from cedar_voice_service.runtime.quotas import Quotas
from cedar_voice_service.runtime.running_session import RunningSession, SessionFactory
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_service.session.load_shedding import LoadMonitor
from cedar_voice_service.session.resume.position import NO_PAST, Past, Position

log = structlog.get_logger("cedar_voice.registry")

RETRY_AFTER_MS = (1_000, 5_000)
"""Range of the delay proposed to refused callers: random, so that they do not retry together."""


@dataclass(slots=True)
class _Entry:
    session: RunningSession
    principal: str
    task: asyncio.Task[None] | None = None
    expiry: asyncio.TimerHandle | None = None

    @property
    def key(self) -> tuple[str, str]:
        """User and id: each user has a namespace of ids."""
        return self.principal, self.session.session_id


class Registry:
    """Live sessions by user and id. Use as an async context manager: leaving it ends them all.

    Args:
        make_session: makes a session that is to be opened.
        max_sessions: sessions held at once, detached ones included.
        resume_window_ms: how long a session waits for another stream.
        load_monitor: load of the process.
        quotas: of all users.
    """

    def __init__(
        self,
        make_session: SessionFactory,
        *,
        max_sessions: int,
        resume_window_ms: int,
        load_monitor: LoadMonitor | None = None,
        quotas: Quotas,
    ) -> None:
        self._make_session = make_session
        self._max_sessions = max_sessions
        self._resume_window_ms = resume_window_ms
        self._load_monitor = load_monitor or LoadMonitor()
        self._quotas = quotas
        self._is_draining = False
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> "Registry":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.dismiss()
        for entry in list(self._entries.values()):
            if entry.expiry is not None:
                entry.expiry.cancel()
            if entry.task is not None:
                entry.task.cancel()
        await self._group.__aexit__(None, None, None)

    def dismiss(self) -> None:
        """End every stream with the error that the server shuts down."""
        for entry in self._entries.values():
            entry.session.delivery.fail(_shutdown())

    async def drain(self, timeout_ms: int) -> None:
        """Open no more sessions, and end every stream after the turn in progress, if there is one.

        Args:
            timeout_ms: longest time for that; streams of longer turns are left open.
        """
        self._is_draining = True
        attached = [entry.session for entry in self._entries.values() if entry.expiry is None]
        log.info("draining", session_count=len(attached), timeout_ms=timeout_ms)
        for session in attached:
            session.delivery.notify(GoAway(timeout_ms))
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1000), asyncio.TaskGroup() as group:
                for session in attached:
                    group.create_task(self._finish(session))

    async def _finish(self, session: RunningSession) -> None:
        await session.until_idle()
        session.delivery.finish(_shutdown())

    def check_open(self) -> None:
        """Check that the server is not stopping.

        Raises:
            EngineError: UNAVAILABLE; it is stopping.
        """
        if self._is_draining:
            raise _shutdown()

    def open(
        self, session_id: str, patch: ConfigPatch, principal: str, past: Past = NO_PAST
    ) -> RunningSession:
        """Open a session that continues the past; an empty id requests a random one.

        Raises:
            CallerError: SESSION_ID_IN_USE.
            CapacityError: the process has the most sessions that are allowed, or is too busy.
            RateLimited: the user has the most sessions that are allowed.
            EngineError: the server is stopping.
        """
        self.check_open()
        if (principal, session_id) in self._entries:
            raise CallerError(
                "a session of this id exists", code=Code.SESSION_ID_IN_USE, field="session_id"
            )
        if len(self._entries) >= self._max_sessions:
            raise CapacityError("no room for another session", retry_after_ms=_retry_after_ms())
        if self._load_monitor.refuses_sessions:
            raise CapacityError("too busy for another session", retry_after_ms=_retry_after_ms())
        quota = self._quotas.of(principal)
        held = sum(entry.principal == principal for entry in self._entries.values())
        quota.check_session(held, retry_after_ms=_retry_after_ms())
        session_id = session_id or secrets.token_urlsafe(16)
        session = self._make_session(session_id, patch, past=past, quota=quota)
        entry = _Entry(session, principal)
        self._entries[entry.key] = entry
        entry.task = self._group.create_task(self._run(entry))
        return session

    def resume(self, resume_token: str, principal: str) -> RunningSession:
        """Return the session with a resume token.

        Raises:
            CallerError: SESSION_NOT_FOUND, also for a session of another user.
            EngineError: the server is stopping.
        """
        self.check_open()
        for entry in self._entries.values():
            is_token = secrets.compare_digest(
                entry.session.resume_token.encode(), resume_token.encode()
            )
            if is_token and entry.principal == principal:
                return entry.session
        raise CallerError(
            "no such session", code=Code.SESSION_NOT_FOUND, field="resume.resume_token"
        )

    def find(self, session_id: str, principal: str, resume_token: str) -> RunningSession:
        """Return the session of this id, for its owner.

        The owner has the resume token, or is an identified user who gives none.

        Raises:
            CallerError: SESSION_NOT_FOUND, also for a session of another user.
        """
        entry = self._entries.get((principal, session_id))
        if entry is not None:
            known = entry.session.resume_token.encode()
            is_token = secrets.compare_digest(known, resume_token.encode())
            if is_token or (principal and not resume_token):
                return entry.session
        raise CallerError("no such session", code=Code.SESSION_NOT_FOUND, field="session_id")

    def expires_in_ms(self, session: RunningSession) -> int | None:
        """Return the time until a session ends unless resumed; None while a stream is attached."""
        entry = self._entry_of(session)
        if entry is None or entry.expiry is None:
            return None
        return max(0, int((entry.expiry.when() - asyncio.get_running_loop().time()) * 1000))

    def delete(self, session: RunningSession) -> None:
        """End a session at once; it cannot be resumed."""
        gone = CallerError(
            "the session was deleted", code=Code.SESSION_NOT_FOUND, stage=Stage.TRANSPORT
        )
        session.delivery.fail(gone)
        if (entry := self._entry_of(session)) is not None:
            self._expire(entry)

    @contextmanager
    def attached(self, session: RunningSession, position: Position | None) -> Iterator[Attachment]:
        """Attach a stream to a session for as long as the context lasts.

        Raises:
            CallerError: the client claims to have an event that was never sent.
        """
        attachment = session.attach(position)
        entry = self._entry_of(session)
        if entry is not None and entry.expiry is not None:
            entry.expiry.cancel()
            entry.expiry = None
        try:
            yield attachment
        finally:
            is_last = session.delivery.detach(attachment)
            # A session that has ended does not wait for a client; another may have its id by now.
            if is_last and entry is not None and self._entries.get(entry.key) is entry:
                window_s = self._resume_window_ms / 1000
                loop = asyncio.get_running_loop()
                entry.expiry = loop.call_later(window_s, self._expire, entry)

    def _entry_of(self, session: RunningSession) -> _Entry | None:
        return next((each for each in self._entries.values() if each.session is session), None)

    def _expire(self, entry: _Entry) -> None:
        # A session that is being ended cannot be resumed.
        self._entries.pop(entry.key, None)
        if entry.task is not None:
            entry.task.cancel()

    async def _run(self, entry: _Entry) -> None:
        session = entry.session
        log.info("session opened", session_id=session.session_id)
        try:
            await session.run()
        except Exception:
            log.exception("session failed", session_id=session.session_id)
            error = EngineError(Stage.TRANSPORT, "internal error", code=Code.INTERNAL)
            session.delivery.fail(error)
        finally:
            if self._entries.get(entry.key) is entry:
                del self._entries[entry.key]
            if entry.expiry is not None:
                entry.expiry.cancel()
            log.info("session closed", session_id=session.session_id)


def _shutdown() -> EngineError:
    return EngineError(
        Stage.TRANSPORT,
        "the server shuts down",
        code=Code.UNAVAILABLE,
        retry_after_ms=_retry_after_ms(),
    )


def _retry_after_ms() -> int:
    return random.randint(*RETRY_AFTER_MS)
