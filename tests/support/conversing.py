"""Runs a conversation on a session: real runner and machine, given engines, virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.providers.protocols import Responder, Synthesizer, Transcriber
from cedar_voice_service.providers.scripted.engine import (
    ScriptedResponder,
    ScriptedTranscriber,
    ToneSynthesizer,
)
from cedar_voice_service.runtime.delivery import Attachment
from cedar_voice_service.runtime.runner import SessionRunner
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.config import (
    Limits,
    OutputAudio,
    SessionConfig,
    TurnDetection,
    TurnMode,
)
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.resume.outbox import Numbered
from cedar_voice_service.session.resume.position import Position
from cedar_voice_service.workers.decoding import HERE, Decoding
from tests.support.recordings import speech_pcm
from tests.support.virtual_time import run_virtually

Kind = TypeVar("Kind")

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000, 1)
CONFIG = SessionConfig(
    input_audio=PCM,
    output_audio=OutputAudio(AudioFormat(Encoding.PCM_S16LE, 24_000)),
    turn_detection=TurnDetection(mode=TurnMode.MANUAL),
)


class Client:
    """The client of a session: sends events, and keeps the messages that it receives."""

    def __init__(self, runner: SessionRunner, attachment: Attachment) -> None:
        self.runner = runner
        self.messages: list[msg.Message] = []
        self._attachment = attachment

    async def send(self, *events: on.RequestEvent) -> None:
        """Send messages."""
        for event in events:
            await self.runner.receive(ClientMessage(event))

    async def speak(self) -> None:
        """Speak in one turn of push to talk."""
        pcm = speech_pcm()
        await self.send(on.ListeningStarted())
        for start in range(0, len(pcm), 3_200):
            await self.send(on.AudioReceived(pcm[start : start + 3_200]))
        await self.send(on.ListeningStopped())

    def leave(self) -> None:
        """Break the stream without ending the session."""
        self.runner.delivery.detach(self._attachment)

    async def come_back(self) -> None:
        """Resume on another stream."""
        position = Position(self.runner.delivery.last_sequence)
        self._attachment = self.runner.attach(position)
        await self.send(on.StreamOpened())

    async def until(self, kind: type[Kind], count: int = 1) -> Kind:
        """Read until the `count`th message of a kind from now."""
        async with asyncio.timeout(120):
            while (item := await self._attachment.next()) is not None:
                if isinstance(item, Numbered):
                    self.messages.append(item.message)
                    if isinstance(item.message, kind):
                        count -= 1
                        if count == 0:
                            return item.message
        raise AssertionError(f"the session ended before {kind.__name__}")

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the received messages of a kind."""
        return [message for message in self.messages if isinstance(message, kind)]


def converse(
    story: Callable[[Client], Coroutine[Any, Any, None]],
    *,
    config: SessionConfig = CONFIG,
    transcriber: Transcriber | None = None,
    responder: Responder | None = None,
    synthesizer: Synthesizer | None = None,
    decoding: Decoding = HERE,
) -> None:
    """Run a conversation on a session with scripted engines."""
    engines = Engines(
        transcriber or ScriptedTranscriber(["what is the weather"]),
        responder or ScriptedResponder(),
        synthesizer or ToneSynthesizer(),
        infos={},
        decoding=decoding,
    )

    async def scenario() -> None:
        runner = SessionRunner("s", config, engines, Limits(), stage_timeout_ms=5_000)
        client = Client(runner, runner.attach(None))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(runner.run())
            await story(client)
            running.cancel()

    run_virtually(scenario())
