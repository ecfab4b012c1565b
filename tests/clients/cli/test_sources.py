"""The input of `talk`: a recording and the microphone."""

import asyncio
import os
import sys
import threading
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pytest

import cedar_voice.v1 as pb
from cedar_voice_cli import sources
from cedar_voice_client import VoiceClient, VoiceSession
from tests.support.checkout import ROOT
from tests.support.scripted_service import Conversation, ScriptedService, serving

SPEECH = ROOT / "tests" / "data" / "speech" / "two_sentences.wav"


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[VoiceSession, ScriptedService]]:
    async def listen(talk: Conversation) -> None:
        await talk.open()
        while (request := await talk.hear()) is not None:
            if request.control.HasField("end_session"):
                return

    service = ScriptedService(listen)
    async with (
        serving(service) as address,
        VoiceClient(address) as client,
        client.session() as session,
    ):
        yield session, service


async def heard_from(source: sources.Source) -> list[pb.VoiceSessionRequest]:
    async with listener() as (session, service):
        await source(session)
        await session.done_sending()
        assert [event async for event in session] == []
        return service.conversations[0].requests[1:]


def test_duration_of_a_recording() -> None:
    with wave.open(str(SPEECH)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert sources.duration_s(SPEECH) == pytest.approx(seconds, abs=0.05)


async def test_in_real_time_a_tenth_of_a_second_is_sent_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(bytes(900))
    requests = await heard_from(sources.recording(path, duration_s=0.3))
    sizes = [len(request.audio.data) for request in requests if request.HasField("audio")]
    assert sizes == [300, 300, 300]


class PortAudioError(Exception):
    """Stands in for the exception of the package `sounddevice`."""


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return a file descriptor; bytes written to it arrive on stdin."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield write_end
        os.close(write_end)


def sound_device(monkeypatch: pytest.MonkeyPatch, record: Callable[[Any], None]) -> None:
    """Install a `sounddevice` whose thread calls `record` with the callback."""

    class RawInputStream:
        def __init__(self, *, callback: Callable[..., None], **settings: object) -> None:
            assert settings == {
                "samplerate": 16_000,
                "blocksize": 1_600,
                "channels": 1,
                "dtype": "int16",
            }
            self._thread = threading.Thread(target=record, args=(callback,))

        def __enter__(self) -> None:
            self._thread.start()

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            self._thread.join()

    module = ModuleType("sounddevice")
    module.__dict__.update(RawInputStream=RawInputStream, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)


async def test_the_microphone_until_enter(monkeypatch: pytest.MonkeyPatch, keyboard: int) -> None:
    def record(callback: Callable[..., None]) -> None:
        for block in (b"one", b"two", b"three"):
            callback(bytearray(block), len(block), None, None)
        os.write(keyboard, b"\n")

    sound_device(monkeypatch, record)
    requests = await heard_from(sources.microphone())
    start = requests[0].control.start_listening
    assert (start.format.encoding, start.format.sample_rate_hz) == (
        pb.AUDIO_ENCODING_PCM_S16LE,
        16_000,
    )
    sent = [request.audio.data for request in requests if request.HasField("audio")]
    assert b"".join(sent) == b"onetwothree"
    assert requests[-1].control.HasField("stop_listening")


async def test_a_minute_that_cannot_be_sent_ends_the_recording() -> None:
    blocks: asyncio.Queue[bytes | None] = asyncio.Queue(sources.MICROPHONE_BLOCKS)
    for _ in range(sources.MICROPHONE_BLOCKS + 5):
        sources.put(blocks, b"x")
    taken = [blocks.get_nowait() for _ in range(blocks.qsize())]
    assert taken == [b"x"] * (sources.MICROPHONE_BLOCKS - 1) + [None]


async def test_a_microphone_that_fails_raises_the_reason(
    monkeypatch: pytest.MonkeyPatch, keyboard: int
) -> None:
    sound_device(monkeypatch, lambda callback: None)

    def refuse(**settings: object) -> None:
        raise PortAudioError("no such device")

    monkeypatch.setattr(sys.modules["sounddevice"], "RawInputStream", refuse)
    async with listener() as (session, _):
        with pytest.raises(sources.SourceError, match="no such device"):
            await sources.microphone()(session)


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [(ModuleNotFoundError("gone"), "cedar-voice\\[microphone\\]"), (OSError("gone"), "PortAudio")],
    ids=["no package", "no library"],
)
def test_the_microphone_names_missing_packages(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, remedy: str
) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise failure

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(sources.SourceError, match=remedy):
        sources.microphone()
