"""Replaces the broken stream of a session: resumes the session, or restores a lost one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import (
    InvalidRequest,
    SessionClosed,
    SessionLost,
    SessionRefused,
    VoiceClientError,
)
from cedar_voice_client.options import Recovery
from cedar_voice_client.recovery.link import Link, connection_failure
from cedar_voice_client.recovery.outage import Outage
from cedar_voice_client.recovery.recovery_state import RecoveryState
from cedar_voice_client.recovery.sender import Sender

Opened = tuple[Link, pb.VoiceSessionResponse]
"""A new stream, and the server's `ready`."""


@dataclass(frozen=True, slots=True)
class Restored:
    """State of the session on its newest stream.

    `kept_items` of the conversation were passed to a session that stands in for a lost one.
    `lost_audio_bytes` of microphone audio were dropped before the service received them, because
    too much waited. `answers_again` is whether the response in progress is generated again.
    """

    kept_items: int = 0
    lost_audio_bytes: int = 0
    answers_again: bool = False


class Reconnector:
    """Replaces a broken stream, in a task of its own: a cancelled receive does not stop it.

    Args:
        open_link: opens a stream with a first message, within a time in seconds.
        state: the state of the session, from which it is resumed or restored.
        sender: sends on the new stream.
        recovery: times and bounds.
        deliver: receives the messages for the application.
        clock_s: a clock that never goes back.
        draw: returns a random number of 0.0 to 1.0.
    """

    def __init__(
        self,
        open_link: Callable[[pb.SessionConfig, float], Awaitable[Opened]],
        state: RecoveryState,
        sender: Sender,
        recovery: Recovery,
        deliver: Callable[[pb.VoiceSessionResponse], None],
        *,
        clock_s: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self.restored = Restored()
        self._open_link = open_link
        self._state = state
        self._sender = sender
        self._recovery = recovery
        self._deliver = deliver
        self._clock_s = clock_s
        self._outage = Outage(recovery, draw)
        self._replacing: asyncio.Task[None] | None = None

    def replace(self, link: Link, failure: VoiceClientError) -> None:
        """Stop using a broken stream, and begin to replace it."""
        self._sender.detach()
        now_s = self._clock_s()
        self._outage.begin(now_s, now_s - link.opened_at_s)
        self._replacing = asyncio.create_task(self._replace(link, failure))

    async def wait(self) -> None:
        """Wait until the broken stream is replaced; if cancelled, the replacing continues.

        Raises:
            SessionClosed: no stream is being replaced.
            SessionLost: the service has lost the session, and it is not restored.
            VoiceClientError: the service refuses the session, or stays unreachable.
        """
        if self._replacing is None:
            raise SessionClosed
        await asyncio.shield(self._replacing)
        self._replacing = None

    def confirm_session(self) -> None:
        """Record that the session works, so that it may be restored again."""
        self._outage.confirm_session()

    async def close(self) -> None:
        """Stop replacing."""
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.gather(self._replacing, return_exceptions=True)

    async def _replace(self, link: Link, failure: VoiceClientError) -> None:
        await link.close()
        while self._clock_s() < self._outage.ends_at_s:
            await asyncio.sleep(self._outage.next_wait_s(failure.retry_after_ms))
            try:
                return await self._reconnect()
            except VoiceClientError as again:
                if not again.retryable:
                    raise
                failure = again
        raise failure

    async def _reconnect(self) -> None:
        """Open a stream of the session, and send everything that the service lacks."""
        link, opening = await self._resume_or_restore()
        try:
            async with asyncio.timeout(self._recovery.open_timeout_s):
                await self._resync(link, opening)
        except TimeoutError:
            await link.close()
            raise connection_failure("the service accepts no more messages") from None
        except BaseException:
            await link.close()
            raise

    async def _resume_or_restore(self) -> Opened:
        timeout_s = self._recovery.open_timeout_s
        try:
            return await self._open_link(self._state.resume_config(), timeout_s)
        except SessionRefused as refusal:
            if refusal.code is not ErrorCode.SESSION_NOT_FOUND:
                raise
        if not self._outage.may_restore:
            raise SessionLost("the service has lost the session", code=ErrorCode.SESSION_NOT_FOUND)
        opened = await self._restore()
        self._outage.count_restore()
        return opened

    async def _restore(self) -> Opened:
        timeout_s = self._recovery.open_timeout_s
        try:
            return await self._open_link(self._state.restore_config(), timeout_s)
        except (InvalidRequest, SessionRefused) as refusal:
            if refusal.retryable:
                raise
            raise SessionLost(
                f"the session is lost and was not restored: {refusal.message}", code=refusal.code
            ) from None

    async def _resync(self, link: Link, opening: pb.VoiceSessionResponse) -> None:
        """Deliver the outcome to the application, and the missing messages to the service."""
        state = self._state
        if opening.ready.restored:
            for response in state.replace_session():
                self._deliver(response)
        state.record_ready(opening)
        state.send_buffer.acknowledge(opening.ack, 0)
        self.restored = Restored(
            len(state.log.items), state.send_buffer.pop_lost_bytes(), state.answers_again
        )
        self._deliver(opening)
        await self._sender.resync(link)
