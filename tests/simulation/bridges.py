"""A page that numbers its messages and keeps its position, behind bridges that are killed.

Shared sessions, positions and numbers are the real ones; only sockets and frames are left out.
Messages written by a bridge before it is killed may be lost, in either direction.
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
"""Longest lives of a bridge."""

KILLS = 3
PATIENCE_S = 60.0
LIMITS = Limits()
PAUSE_S = 0.2


class _Service:
    """The part of a client of the service that a bridge uses."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def stream(self, *, token: str | None = None) -> Call:
        """Return a new call."""
        return self._network.connect()

    async def conversation(self, *_: object, **__: object) -> pb.GetSessionResponse:
        """Fail: only the restore of a lost session needs the conversation."""
        raise Unavailable("not simulated", code=ErrorCode.UNAVAILABLE)


class BridgedStream:
    """The page's side of a session, with the methods of the SDK's stream."""

    def __init__(self, network: Network, chance: Random) -> None:
        self._service = cast(VoiceClient, _Service(network))
        self._chance = chance
        self._config = pb.SessionConfig()
        self._number = 0
        self._unreceived: deque[pb.VoiceSessionRequest] = deque()
        """Messages that the service has not acknowledged."""
        self._has_message = asyncio.Event()
        self._received: asyncio.Queue[Response | None] = asyncio.Queue()
        self._position = 0
        self._is_ending = False
        self._life: asyncio.Task[None] | None = None
        self._left_at_s = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)

    @property
    def sent_sequence(self) -> int:
        """Sequence number of the newest message."""
        return sequence_of(self._number)

    async def open(self, config: pb.SessionConfig) -> Response:
        """Open the session; return its `ready`."""
        self._config.CopyFrom(config)
        self._config.session_id = NAME
        self._life = asyncio.create_task(self._live())
        opening = await self._received.get()
        assert opening is not None
        return opening

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Send a message under the next number."""
        self._number += 1
        request.sequence = sequence_of(self._number)
        self._is_ending = request.control.HasField("end_session")
        self._unreceived.append(request)
        self._has_message.set()

    async def receive(self) -> Response | None:
        """Return the next message; None at the end of the session."""
        assert self._life is not None
        getting = asyncio.create_task(self._received.get())
        await asyncio.wait((getting, self._life), return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        getting.cancel()
        await self._life
        return None

    async def _live(self) -> None:
        """Use one bridge after the other."""
        for _ in range(KILLS):
            bridge = asyncio.create_task(self._use_bridge())
            lives_s = self._chance.choice(LIVES_S) * self._chance.random()
            try:
                await asyncio.wait((bridge,), timeout=lives_s)
                if bridge.done() or self._is_ending:  # an ended session is not replayed
                    await bridge
                    return
            finally:
                bridge.cancel()  # at once, without a close of its connections
                await asyncio.gather(bridge, return_exceptions=True)
            await asyncio.sleep(2 * self._chance.random())
        await self._use_bridge()

    async def _use_bridge(self) -> None:
        """Return to the session until it has ended."""
        seeded = partial(ResumingStream, clock_s=_now_s, draw=self._chance.random)
        sessions = ServiceSessions(self._service, open_timeout_s=10.0)
        with patch("cedar_voice_bridge.sessions.service_session.ResumingStream", seeded):
            await self._return_to(sessions)

    async def _return_to(self, sessions: ServiceSessions) -> None:
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
        """Continue at the page's position; return whether the session has ended."""
        greeting = conversation.greeting(BrowserPosition(self._position))
        greeting.ready.replay_truncated = False  # every event that the page lacks is still logged
        is_another = self._position > 0 and not greeting.ready.resumed
        if is_another and self._is_ending:
            self._received.put_nowait(None)
            return True
        if is_another:
            is_expected = _now_s() - self._left_at_s > LIMITS.resume_window_ms / 1000
            raise (
                SessionLost("expired", code=ErrorCode.SESSION_NOT_FOUND)
                if is_expected
                else AssertionError("the session is lost")
            )
        received = number_in(greeting.ack)
        while self._unreceived and number_in(self._unreceived[0].sequence) <= received:
            self._unreceived.popleft()
        after = conversation.last_number_at(BrowserPosition(self._position))
        wire: asyncio.Queue[Response] = asyncio.Queue()
        wire.put_nowait(greeting)
        with conversation.open_reader(after, kind=PAGE, keep_s=PATIENCE_S) as reader:
            reader.acknowledge(after)
            tasks = [
                asyncio.create_task(self._write(conversation.upstream)),
                asyncio.create_task(self._deliver(wire, conversation, reader)),
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
            self._received.put_nowait(None)
        return self._is_ending

    async def _write(self, upstream: Upstream) -> None:
        """Send the unacknowledged messages, and all later ones."""
        sent = 0
        while True:
            self._has_message.clear()
            for request in [request for request in self._unreceived if request.sequence > sent]:
                copy = pb.VoiceSessionRequest()
                copy.CopyFrom(request)
                try:
                    await upstream.send([copy])
                except VoiceClientError:
                    return
                sent = request.sequence
            await self._has_message.wait()

    async def _deliver(
        self,
        wire: "asyncio.Queue[Response]",
        conversation: SharedSession,
        reader: LogReader[Response],
    ) -> None:
        """Deliver the messages of the bridge to the page, after a delay."""
        while True:
            response = await wire.get()
            await asyncio.sleep(self._chance.choice((0.0, 0.0, 0.05)) * self._chance.random())
            self._position = max(self._position, response.sequence)
            self._received.put_nowait(response)
            if response.HasField("metrics"):
                reader.acknowledge(conversation.last_number_at(BrowserPosition(self._position)))
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
