"""A page that numbers what it says and keeps its place, behind bridges that are killed.

The real sharing of sessions, places and numbers; only sockets and frames are left out. What a
bridge has written when it is killed may not have arrived, in either direction.
"""

import asyncio
from collections import deque
from functools import partial
from random import Random
from types import TracebackType
from typing import Self, cast
from unittest.mock import patch

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.sessions.event_log import EventLog, LogReader, ReaderKind, SessionOver
from cedar_voice_bridge.sessions.hub import Hub
from cedar_voice_bridge.sessions.service_session import ServiceSessions
from cedar_voice_bridge.sessions.shared_session import BrowserPosition, Response, SharedSession
from cedar_voice_bridge.sessions.upstream import Upstream
from cedar_voice_bridge.translation.numbering import number_in, sequence_of
from cedar_voice_client import (
    ErrorCode,
    ResumingStream,
    SessionLost,
    Unavailable,
    VoiceClient,
    VoiceClientError,
)
from cedar_voice_service.session.config import Limits
from tests.simulation.network import Call, Network

PAGE = ReaderKind("page", is_single=True)
NAME = "page"
KEPT_BYTES = 1 << 20
LIVES_S = (0.2, 2.0, 10.0, 100.0)
"""How long a bridge lives, at most."""

KILLS = 3
PATIENCE_S = 60.0
LIMITS = Limits()
PAUSE_S = 0.2


class _Service:
    """What a bridge uses of a client of the service."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def stream(self, *, token: str | None = None) -> Call:
        """A call that has just begun."""
        return self._network.connect()

    async def conversation(self, *_: object, **__: object) -> pb.GetSessionResponse:
        """Nothing is told; only a session that is lost would miss it."""
        raise Unavailable("not simulated", code=ErrorCode.UNAVAILABLE)


class BridgedStream:
    """The page's side, in the terms of the SDK's stream: send, receive."""

    def __init__(self, network: Network, chance: Random) -> None:
        self._service = cast(VoiceClient, _Service(network))
        self._chance = chance
        self._config = pb.SessionConfig()
        self._number = 0
        self._said: deque[pb.VoiceSessionRequest] = deque()
        """What is not known to have arrived."""
        self._has_said = asyncio.Event()
        self._heard: asyncio.Queue[Response | None] = asyncio.Queue()
        self._place = 0
        self._is_ending = False
        self._living: asyncio.Task[None] | None = None
        self._left_at_s = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)

    @property
    def sent_sequence(self) -> int:
        """Place of the newest message."""
        return sequence_of(self._number)

    async def open(self, config: pb.SessionConfig) -> Response:
        """Open the session; gives its `ready`."""
        self._config.CopyFrom(config)
        self._config.session_id = NAME
        self._living = asyncio.create_task(self._live())
        opening = await self._heard.get()
        assert opening is not None
        return opening

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Say something, under the next number."""
        self._number += 1
        request.sequence = sequence_of(self._number)
        self._is_ending = request.control.HasField("end_session")
        self._said.append(request)
        self._has_said.set()

    async def receive(self) -> Response | None:
        """What has arrived; None at the end of the session."""
        assert self._living is not None
        getting = asyncio.create_task(self._heard.get())
        await asyncio.wait((getting, self._living), return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        getting.cancel()
        await self._living
        return None

    async def _live(self) -> None:
        """Live on one bridge after the other."""
        for _ in range(KILLS):
            bridge = asyncio.create_task(self._use_bridge())
            lives_s = self._chance.choice(LIVES_S) * self._chance.random()
            try:
                await asyncio.wait((bridge,), timeout=lives_s)
                if bridge.done() or self._is_ending:  # nobody is told the rest of an ended session
                    await bridge
                    return
            finally:
                bridge.cancel()  # all at once, without a word to anybody
                await asyncio.gather(bridge, return_exceptions=True)
            await asyncio.sleep(2 * self._chance.random())
        await self._use_bridge()

    async def _use_bridge(self) -> None:
        """Come back to the session until it has ended."""
        seeded = partial(ResumingStream, clock_s=_now_s, draw=self._chance.random)
        sessions = ServiceSessions(self._service, open_timeout_s=10.0)
        with patch("cedar_voice_bridge.sessions.service_session.ResumingStream", seeded):
            await self._come_back_to(sessions)

    async def _come_back_to(self, sessions: ServiceSessions) -> None:
        async with Hub(sessions, self._conversation) as hub:
            while True:
                try:
                    conversation = await hub.session(NAME, Caller())
                except VoiceClientError:
                    await asyncio.sleep(PAUSE_S)
                    continue
                if await self._converse(conversation):
                    return

    def _conversation(self, _: str, caller: Caller) -> SharedSession:
        history: EventLog[Response] = EventLog(KEPT_BYTES, size_of=Response.ByteSize)
        return SharedSession(self._config, caller, history, Upstream(10.0, _now_s))

    async def _converse(self, conversation: SharedSession) -> bool:
        """Go on where the page is; whether the session has ended."""
        greeting = conversation.greeting(BrowserPosition(self._place))
        greeting.ready.replay_truncated = False  # what the page lacks is all there
        is_another = self._place > 0 and not greeting.ready.resumed
        if is_another and self._is_ending:
            self._heard.put_nowait(None)
            return True
        if is_another:
            is_told = _now_s() - self._left_at_s > LIMITS.resume_window_ms / 1000
            raise (
                SessionLost("told", code=ErrorCode.SESSION_NOT_FOUND)
                if is_told
                else AssertionError("the session is lost")
            )
        received = number_in(greeting.ack)
        while self._said and number_in(self._said[0].sequence) <= received:
            self._said.popleft()
        after = conversation.last_number_at(BrowserPosition(self._place))
        wire: asyncio.Queue[Response] = asyncio.Queue()
        wire.put_nowait(greeting)
        with conversation.open_reader(after, kind=PAGE, keep_s=PATIENCE_S) as reader:
            reader.acknowledge(after)
            tasks = [
                asyncio.create_task(self._write(conversation.upstream)),
                asyncio.create_task(self._carry(wire, conversation, reader)),
                asyncio.create_task(_read(reader, wire)),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                await wire.join()
            finally:
                for task in tasks:
                    task.cancel()
                self._left_at_s = _now_s()
                await asyncio.gather(*tasks, return_exceptions=True)
        if self._is_ending:
            self._heard.put_nowait(None)
        return self._is_ending

    async def _write(self, line: Upstream) -> None:
        """Say what has not arrived, and what comes."""
        written = 0
        while True:
            self._has_said.clear()
            for request in [request for request in self._said if request.sequence > written]:
                copy = pb.VoiceSessionRequest()
                copy.CopyFrom(request)
                try:
                    await line.send([copy])
                except VoiceClientError:
                    return
                written = request.sequence
            await self._has_said.wait()

    async def _carry(
        self,
        wire: "asyncio.Queue[Response]",
        conversation: SharedSession,
        reader: LogReader[Response],
    ) -> None:
        """Bring to the page what the bridge has written, after a while."""
        while True:
            response = await wire.get()
            await asyncio.sleep(self._chance.choice((0.0, 0.0, 0.05)) * self._chance.random())
            self._place = max(self._place, response.sequence)
            self._heard.put_nowait(response)
            if response.HasField("metrics"):
                reader.acknowledge(conversation.last_number_at(BrowserPosition(self._place)))
            wire.task_done()


async def _read(reader: LogReader[Response], wire: "asyncio.Queue[Response]") -> None:
    try:
        while True:
            entry = await reader.next()
            wire.put_nowait(entry.item)
            reader.record_delivery(entry, ends_turn=entry.item.HasField("metrics"))
    except SessionOver:
        return


def _now_s() -> float:
    return asyncio.get_running_loop().time()
