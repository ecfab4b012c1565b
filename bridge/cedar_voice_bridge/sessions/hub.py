"""The hub: the shared sessions of one bridge, by user and name."""

import asyncio
from collections.abc import Callable

import structlog

from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.http.close_codes import unavailable
from cedar_voice_bridge.sessions.service_session import ServiceSessions
from cedar_voice_bridge.sessions.shared_session import SharedSession

log = structlog.get_logger("cedar_voice.bridge")


class Hub:
    """Shared sessions by user and name. Use as an async context manager: its exit ends them.

    Args:
        sessions: opens the sessions of the service.
        create_session: returns a shared session, which the hub runs, from its name and user.
    """

    def __init__(
        self,
        sessions: ServiceSessions,
        create_session: Callable[[str, Caller], SharedSession],
    ) -> None:
        self._service_sessions = sessions
        self._create_session = create_session
        self._sessions: dict[tuple[Caller, str], SharedSession] = {}
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_draining = False
        """Whether the bridge stops, so that no session is begun."""

    async def __aenter__(self) -> "Hub":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    async def session(
        self, session_id: str, caller: Caller, *, keep_s: float = 0.0
    ) -> SharedSession:
        """Return the session of this name; open it if it is not open.

        Args:
            session_id: its name.
            caller: the user.
            keep_s: time from now for which the session is kept, also without a reader.

        Raises:
            VoiceClientError: the service cannot be reached or refuses; the class gives the reason.
        """
        key = (caller, session_id)
        session = self._sessions.get(key)
        if session is None or session.is_over:
            if self.is_draining:
                raise unavailable("the bridge stops")
            session = self._create_session(session_id, caller)
            self._sessions[key] = session
            task = self._group.create_task(self._run(key, session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await session.join(caller, keep_s=keep_s)
        return session

    async def drain(self, timeout_s: float) -> None:
        """Begin no more sessions, and wait for the turns in progress.

        Args:
            timeout_s: longest wait.
        """
        self.is_draining = True
        log.info("draining", session_count=len(self._sessions))
        async with asyncio.TaskGroup() as group:
            for session in self._sessions.values():
                group.create_task(session.drain(timeout_s))

    def close(self) -> None:
        """End every reader: the bridge stops."""
        for session in self._sessions.values():
            session.end()

    async def _run(self, key: tuple[Caller, str], session: SharedSession) -> None:
        with structlog.contextvars.bound_contextvars(session_id=key[1]):
            try:
                await session.run(self._service_sessions)
            except Exception:
                log.exception("session broke")
            finally:
                session.end()
                if self._sessions.get(key) is session:
                    del self._sessions[key]
