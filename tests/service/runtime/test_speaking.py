"""What an engine is asked for, and how its MP3 reaches the client."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from cedar_voice_service.audio.formats import AudioFormat, Encoding, Framing, Mp3, Sound
from cedar_voice_service.errors import Code
from cedar_voice_service.providers.protocols import SpeechRequest
from cedar_voice_service.runtime.speaking import Speaker
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import OutputAudio, SessionConfig, VoiceSettings
from tests.support.media import Form, cut, written

PHRASES = ("Open the settings.", "Show the report.")


class Mp3Engine:
    """Speaks a file, whatever it is asked to say."""

    def __init__(self, data: bytes) -> None:
        self.requests: list[SpeechRequest] = []
        self._data = data

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound, None]:
        """Speak one phrase."""
        self.requests.append(request)
        for piece in cut(self._data, [1_000]):
            yield Mp3(piece)


async def spoken(engine: Mp3Engine, config: SessionConfig) -> list[on.WorkEvent]:
    """What the session is told of an answer of two phrases."""
    events: list[on.WorkEvent] = []
    phrases: asyncio.Queue[str | None] = asyncio.Queue()
    for phrase in (*PHRASES, None):
        phrases.put_nowait(phrase)
    room = asyncio.Event()
    room.set()

    async def report(event: on.WorkEvent) -> None:
        events.append(event)

    await Speaker(engine, config, work_id=1, report=report, room=room).run(phrases)
    return events


def config_of(audio_format: AudioFormat, framing: Framing, volume: float = 1.0) -> SessionConfig:
    output = OutputAudio(audio_format, framing)
    return SessionConfig(output_audio=output, settings=VoiceSettings(volume=volume))


@pytest.mark.parametrize(
    ("config", "takes_mp3"),
    [
        (config_of(AudioFormat(), Framing.CONTINUOUS), True),
        (config_of(AudioFormat(Encoding.MP3), Framing.SELF_CONTAINED), True),
        (config_of(AudioFormat(), Framing.WHOLE), False),
        (config_of(AudioFormat(), Framing.CONTINUOUS, volume=0.5), False),
        (config_of(AudioFormat(Encoding.OGG_OPUS), Framing.CONTINUOUS), False),
    ],
)
async def test_mp3_is_asked_for_where_it_can_be_passed_on(
    config: SessionConfig, takes_mp3: bool
) -> None:
    engine = Mp3Engine(written(Form("mp3", "libmp3lame", 24_000)))
    await spoken(engine, config)
    assert [request.takes_mp3 for request in engine.requests] == [takes_mp3] * 2
    assert [request.text for request in engine.requests] == [*PHRASES]


@pytest.mark.parametrize("framing", [Framing.CONTINUOUS, Framing.SELF_CONTAINED])
async def test_each_phrase_is_captioned_where_it_begins(framing: Framing) -> None:
    engine = Mp3Engine(written(Form("mp3", "libmp3lame", 24_000)))
    events = await spoken(engine, config_of(AudioFormat(), framing))
    chunks = [event.chunk for event in events if isinstance(event, on.SpeechSynthesized)]
    captions = [(chunk.offset_ms, chunk.text) for chunk in chunks if chunk.text]
    frames_ms = sum(chunk.duration_ms for chunk in chunks) // 2
    assert captions == [(0, PHRASES[0]), (frames_ms, PHRASES[1])]
    assert isinstance(events[-1], on.SpeechEnded)


async def test_what_is_no_mp3_is_the_engines_failure() -> None:
    events = await spoken(Mp3Engine(b"<html>" * 100), SessionConfig())
    failed = events[-1]
    assert isinstance(failed, on.SpeechFailed)
    assert failed.error.code is Code.TTS_FAILED
