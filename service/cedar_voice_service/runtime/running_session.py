"""A running session as its streams and the registry see it."""

from typing import Protocol

from cedar_voice_service.runtime.delivery import Attachment, Delivery
from cedar_voice_service.runtime.quotas import Quota
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.history import HistoryItem
from cedar_voice_service.session.resume.position import Past, Position


class RunningSession(Protocol):
    """One session, from its start until its task ends. It outlives its streams."""

    session_id: str
    past: Past
    resume_token: str
    """Secret that resumes the session."""
    delivery: Delivery

    @property
    def accepted_sequence(self) -> int:
        """Highest client sequence number accepted so far."""
        ...

    @property
    def durable(self) -> int:
        """Highest client sequence number not needed again, as a stream may report it now."""
        ...

    @property
    def last_turn_id(self) -> int:
        """Number of the newest turn; 0 before the first."""
        ...

    @property
    def history(self) -> tuple[HistoryItem, ...]:
        """The conversation so far."""
        ...

    def attach(self, position: Position | None) -> Attachment:
        """Attach a stream in place of the one before.

        Args:
            position: of the client in the session; None on its first stream.

        Raises:
            CallerError: the client claims to have an event that was never sent.
        """
        ...

    async def receive(self, message: ClientMessage) -> None:
        """Queue a client message; waits while the queue is full."""
        ...

    async def until_idle(self) -> None:
        """Wait until no turn is in progress, or the session is over."""
        ...

    async def run(self) -> None:
        """Run until the client ends the session or the task is cancelled."""
        ...


class SessionFactory(Protocol):
    """Makes sessions, with the engines and limits of the process."""

    def __call__(
        self, session_id: str, patch: ConfigPatch, *, past: Past, quota: Quota
    ) -> RunningSession:
        """Make a session; it starts once it is run.

        Args:
            session_id: its name.
            patch: its configuration, over the defaults.
            past: the session or conversation that it continues.
            quota: of its user.
        """
        ...
