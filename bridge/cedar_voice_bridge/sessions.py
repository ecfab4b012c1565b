"""Sessions of the service on behalf of browsers: opened, or come back to."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import cedar_voice.v1 as pb
from cedar_voice_bridge.callers import Caller
from cedar_voice_client import (
    ErrorCode,
    Recovery,
    ResumingStream,
    SessionRefused,
    VoiceClient,
)
from cedar_voice_client.client import DEFAULT_RECOVERY

MAX_REMEMBERED = 10_000
"""Sessions that a browser can come back to; the longest unused is forgotten first."""

# The session is gone, or its name is held by somebody we cannot speak for: there is another way in.
_TRY_NEXT = frozenset({ErrorCode.SESSION_NOT_FOUND, ErrorCode.SESSION_ID_IN_USE})


@dataclass(slots=True)
class _Place:
    """Where a browser is in its session."""

    resume_token: str
    delivered_sequence: int = 0


class BrowserSession:
    """A session that goes on through breaks of its stream. Send and receive as on the stream."""

    def __init__(
        self, stream: ResumingStream, opening: pb.VoiceSessionResponse, place: _Place
    ) -> None:
        self.opening = opening
        """The first response: `ready`."""
        self.send = stream.send
        self.receive = stream.receive
        self._stream = stream
        self._place = place

    @property
    def sent_sequence(self) -> int:
        """Number of the newest message."""
        return self._stream.sent_sequence

    def delivered(self, response: pb.VoiceSessionResponse) -> None:
        """This is kept for the browser; a stream that takes over begins after it."""
        self._place.delivered_sequence = max(self._place.delivered_sequence, response.sequence)


class Sessions:
    """Opens sessions, and remembers how to come back to them.

    Who names a session again gets it back, whether the stream before is closed, half dead or still
    open: the service lets the newest one win.
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
        self._places: OrderedDict[tuple[Caller, str], _Place] = OrderedDict()

    @asynccontextmanager
    async def open(self, config: pb.SessionConfig, caller: Caller) -> AsyncIterator[BrowserSession]:
        """Go on with the session of this name and user, or open it; left, it can be resumed.

        Args:
            config: what it opens with.
            caller: the user.

        Raises:
            VoiceClientError: the service cannot be reached or refuses; the class says why.
        """
        key = (caller, config.session_id)
        *attempts, last = self._ways_in(key, config)
        for attempt in attempts:
            async with self._stream(caller) as stream:
                try:
                    session = await self._open(stream, attempt, key)
                except SessionRefused as refusal:
                    if refusal.code not in _TRY_NEXT:
                        raise
                    continue
                yield session
                return
        async with self._stream(caller) as stream:
            yield await self._open(stream, last, key)

    def _stream(self, caller: Caller) -> ResumingStream:
        """Each of its calls shows the token that is the user's newest then."""
        return ResumingStream(lambda: self._client.stream(token=caller.token), self._recovery)

    def _ways_in(self, key: tuple[Caller, str], config: pb.SessionConfig) -> list[pb.SessionConfig]:
        """First messages to try: the session as it was, one of this name, one of any name."""
        unnamed = pb.SessionConfig()
        unnamed.CopyFrom(config)
        unnamed.session_id = ""
        place = self._places.get(key)
        if place is None:
            return [config, unnamed]
        resume = pb.ResumeRequest(
            resume_token=place.resume_token, last_received_sequence=place.delivered_sequence
        )
        return [pb.SessionConfig(resume=resume), config, unnamed]

    async def _open(
        self, stream: ResumingStream, attempt: pb.SessionConfig, key: tuple[Caller, str]
    ) -> BrowserSession:
        opening = await stream.open(attempt, timeout_s=self._open_timeout_s)
        return BrowserSession(stream, opening, self._remember(key, opening.ready))

    def _remember(self, key: tuple[Caller, str], ready: pb.SessionReady) -> _Place:
        before = self._places.pop(key, None)
        place = _Place(ready.resume_token)  # its own: what the socket before still says is old
        if before is not None and before.resume_token == ready.resume_token:
            place.delivered_sequence = before.delivered_sequence
        self._places[key] = place
        if len(self._places) > MAX_REMEMBERED:
            self._places.popitem(last=False)
        return place
