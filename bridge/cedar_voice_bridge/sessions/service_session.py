"""ServiceSessions of the service on behalf of browsers: opened, or come back to."""

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

Read = Callable[[pb.SessionReady], Awaitable[pb.GetSessionResponse]]
"""Asks the service for the conversation of a session."""


class ServiceSession:
    """A session that goes on through breaks of its stream. Send and receive as on the stream."""

    def __init__(
        self, stream: ResumingStream, opening: pb.VoiceSessionResponse, read: Read
    ) -> None:
        self.opening = opening
        """The first response: `ready`."""
        self.send = stream.send
        self.receive = stream.receive
        self._stream = stream
        self._read = read

    @property
    def sent_sequence(self) -> int:
        """Number of the newest message."""
        return self._stream.sent_sequence

    async def replayed(self) -> list[pb.VoiceSessionResponse]:
        """What the session has said before, as far as it is kept, to whoever held it then.

        Raises:
            VoiceClientError: the stream is over; the class says why.
        """
        said: list[pb.VoiceSessionResponse] = []
        count = self.opening.ready.replayed
        while len(said) < count and (response := await self.receive()) is not None:
            if response.HasField("ready"):  # the stream broke meanwhile
                count = len(said) + response.ready.replayed
            else:
                said.append(response)
        with suppress(VoiceClientError):  # then a session that is lost later knows less
            self._stream.recall(await self._read(self.opening.ready), self.opening.ready)
        return said


class ServiceSessions:
    """Opens sessions, or comes back to them: whoever has held them, this process or another.

    A session is found by its name: who names it at the bridge shares it, so its secret is made of
    nothing else. Whose it is, the service knows by the user's token. Who comes back gets it whether
    the stream before is closed, half dead or still open: the service lets the newest one win.
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
        """Go on with the session of this name and user, or open it; left, it can be resumed.

        Args:
            config: what it opens with.
            caller: the user.
            done_with: see `ResumingStream`.

        Raises:
            VoiceClientError: the service cannot be reached or refuses; the class says why.
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
                yield ServiceSession(stream, opening, partial(self._read, caller))
                return
        attempt.session_id = ""  # a program of the user's holds the name: the session gets another
        async with self._stream(caller, done_with) as stream:
            opening = await stream.open(attempt, timeout_s=self._open_timeout_s)
            yield ServiceSession(stream, opening, partial(self._read, caller))

    async def _read(self, caller: Caller, ready: pb.SessionReady) -> pb.GetSessionResponse:
        return await self._client.conversation(
            ready.session_id,
            resume_token=ready.resume_token,
            token=caller.token,
            timeout_s=self._open_timeout_s,
        )

    def _stream(self, caller: Caller, done_with: Callable[[], int] | None) -> ResumingStream:
        """Each of its calls shows the token that is the user's newest then."""
        return ResumingStream(
            lambda: self._client.stream(token=caller.token), self._recovery, done_with=done_with
        )


def secret_of(name: str) -> str:
    """What resumes the session that browsers call so: the same in every bridge."""
    return hashlib.sha256(f"cedar_voice_bridge {name}".encode()).hexdigest()
