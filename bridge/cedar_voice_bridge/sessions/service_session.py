"""Sessions of the service on behalf of browsers: opened, or resumed."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_client import (
    ErrorCode,
    Recovery,
    ResumingStream,
    SessionRefused,
    VoiceClient,
    VoiceClientError,
)
from cedar_voice_client.client import DEFAULT_RECOVERY

FetchConversation = Callable[[pb.SessionReady], Awaitable[pb.GetSessionResponse]]
"""Requests the conversation of a session from the service."""


class ServiceSession:
    """A session that survives breaks of its stream. Send and receive as on the stream."""

    def __init__(
        self,
        stream: ResumingStream,
        opening: pb.VoiceSessionResponse,
        fetch_conversation: FetchConversation,
    ) -> None:
        self.opening = opening
        """The first response: `ready`."""
        self.send = stream.send
        self.receive = stream.receive
        self._stream = stream
        self._fetch_conversation = fetch_conversation

    @property
    def sent_sequence(self) -> int:
        """Sequence number of the newest message that was sent."""
        return self._stream.sent_sequence

    async def replayed(self) -> list[pb.VoiceSessionResponse]:
        """Return the events that the session has sent to earlier streams, as far as it keeps them.

        Raises:
            VoiceClientError: the stream is over; the class gives the reason.
        """
        events: list[pb.VoiceSessionResponse] = []
        count = self.opening.ready.replayed
        while len(events) < count and (response := await self.receive()) is not None:
            if response.HasField("ready"):  # the stream broke meanwhile
                count = len(events) + response.ready.replayed
            else:
                events.append(response)
        with suppress(VoiceClientError):  # then a later restoration has less of the conversation
            ready = self.opening.ready
            self._stream.recall(await self._fetch_conversation(ready), ready)
        return events


class ServiceSessions:
    """Opens sessions of the service, or resumes those that this process or another one held.

    A session is found by its name: clients that use a name at the bridge share the session, so its
    secret is derived from the name alone. The service tells users apart by their tokens. A stream
    that resumes a session gets it whether the previous stream is closed, half-open or still open:
    the service lets the newest one win.
    """

    def __init__(
        self,
        client: VoiceClient,
        *,
        open_timeout_s: float,
        recovery: Recovery = DEFAULT_RECOVERY,
    ) -> None:
        self._client = client
        self._open_timeout_s = open_timeout_s
        self._recovery = recovery

    @asynccontextmanager
    async def open(
        self,
        config: pb.SessionConfig,
        caller: Caller,
        *,
        done_with: Callable[[], int] | None = None,
    ) -> AsyncIterator[ServiceSession]:
        """Resume the session of this name and user, or open it; it can be resumed afterwards.

        Args:
            config: configuration of a new session.
            caller: the user.
            done_with: see `ResumingStream`.

        Raises:
            VoiceClientError: the service cannot be reached or refuses; the class gives the reason.
        """
        attempt = pb.SessionConfig()
        attempt.CopyFrom(config)
        attempt.resume.resume_token = secret_of(config.session_id)
        attempt.resume.restore = True
        async with self._stream(caller, done_with) as stream:
            try:
                opening = await stream.open(attempt, timeout_s=self._open_timeout_s)
            except SessionRefused as refusal:
                if refusal.code is not ErrorCode.SESSION_ID_IN_USE:
                    raise
            else:
                yield ServiceSession(stream, opening, partial(self._fetch, caller))
                return
        attempt.session_id = ""  # a program of the user has the name: the service chooses another
        async with self._stream(caller, done_with) as stream:
            opening = await stream.open(attempt, timeout_s=self._open_timeout_s)
            yield ServiceSession(stream, opening, partial(self._fetch, caller))

    async def _fetch(self, caller: Caller, ready: pb.SessionReady) -> pb.GetSessionResponse:
        return await self._client.conversation(
            ready.session_id,
            resume_token=ready.resume_token,
            token=caller.token,
            timeout_s=self._open_timeout_s,
        )

    def _stream(self, caller: Caller, done_with: Callable[[], int] | None) -> ResumingStream:
        """Return a stream; each of its calls presents the user's newest token at that time."""
        return ResumingStream(
            lambda: self._client.stream(token=caller.token), self._recovery, done_with=done_with
        )


def secret_of(name: str) -> str:
    """Return the secret that resumes the session of this name: the same in every bridge."""
    return hashlib.sha256(f"cedar_voice_bridge {name}".encode()).hexdigest()
