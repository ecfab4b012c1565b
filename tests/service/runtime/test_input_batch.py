"""When input audio is heard: in the midst of speech a few pieces together, else as they come."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

import pytest

from cedar_voice_service.audio.formats import AudioBlock, AudioFormat
from cedar_voice_service.providers.protocols import Hypothesis
from cedar_voice_service.providers.scripted.engine import ScriptedResponder
from cedar_voice_service.runtime import input_batch
from cedar_voice_service.runtime.input_batch import (
    INTERVAL_MS,
    MAX_WAIT_MS,
    InputBatch,
    InputBatcher,
)
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.config import TurnDetection, TurnMode
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.resume.durability import Durability
from cedar_voice_service.workers.decoding import Decoding, LiveDecoder
from tests.support.conversing import CONFIG, Client, converse
from tests.support.media import decoded_live, recorded
from tests.support.recordings import speech_pcm

PIECE_MS = 20
PIECE_BYTES = 640
KNOWN_BY_MS = 800
"""Speech of the recording that has begun is known by then."""


class Noting:
    """A recognizer that notes what it hears."""

    def __init__(self) -> None:
        self.blocks: list[AudioBlock] = []
        self._came = asyncio.Event()

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """Hear one utterance."""
        async for block in audio:
            self.blocks.append(block)
            self._came.set()
        yield Hypothesis("heard", is_final=True)

    @property
    def byte_count(self) -> int:
        """Audio processed so far, in bytes."""
        return sum(len(block.pcm.data) for block in self.blocks)

    async def until(self, byte_count: int) -> None:
        """Wait until it has heard so much."""
        while self.byte_count < byte_count:
            self._came.clear()
            await self._came.wait()

    def lengths_ms(self, from_ms: int, until_ms: int) -> list[float]:
        """How long the blocks were that ended between these."""
        return [heard.pcm.duration_ms for heard in self.blocks if from_ms < heard.end_ms < until_ms]


async def say_in_real_time(client: Client, pcm: bytes) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number, start in enumerate(range(0, len(pcm), PIECE_BYTES)):
        await asyncio.sleep(began_s + number * PIECE_MS / 1000 - loop.time())
        await client.send(on.AudioReceived(pcm[start : start + PIECE_BYTES]))


def first(pcm: bytes, duration_ms: int) -> bytes:
    return pcm[: duration_ms // PIECE_MS * PIECE_BYTES]


@pytest.mark.parametrize("speech_ms", [2_000, 2_040, 2_080])
def test_pieces_within_speech_are_heard_together_and_those_of_silence_as_they_come(
    speech_ms: int,
) -> None:
    noting = Noting()
    recording = first(speech_pcm(), speech_ms) + bytes(16 * PIECE_BYTES)

    async def story(client: Client) -> None:
        await client.send(on.ListeningStarted())
        await say_in_real_time(client, recording)
        await client.send(on.ListeningStopped())
        await client.until(msg.ResponseStarted)

    converse(story, transcriber=noting)
    assert b"".join(block.pcm.data for block in noting.blocks) == recording
    spoken_ms = noting.lengths_ms(KNOWN_BY_MS, speech_ms)
    together_ms = [length_ms for length_ms in spoken_ms if length_ms == INTERVAL_MS]
    assert sum(together_ms) > (speech_ms - KNOWN_BY_MS) / 2
    of_silence_ms = noting.lengths_ms(speech_ms, speech_ms + 16 * PIECE_MS)
    assert set(of_silence_ms[1:]) == {PIECE_MS}  # speech and silence may share a block


def test_what_waits_is_heard_though_no_other_piece_comes() -> None:
    noting = Noting()
    recording = speech_pcm()

    async def story(client: Client) -> None:
        await client.send(on.ListeningStarted())
        await say_in_real_time(client, recording)
        loop = asyncio.get_running_loop()
        ended_s = loop.time()
        assert noting.byte_count < len(recording)
        await noting.until(len(recording))
        assert loop.time() - ended_s <= MAX_WAIT_MS / 1000

    converse(story, transcriber=noting)


def test_speech_over_an_answer_is_heard_as_it_comes() -> None:
    noting = Noting()
    detection = TurnDetection(mode=TurnMode.SERVER_VAD)
    answer = "A sentence that takes its time to be said, and another one behind it. " * 4

    async def story(client: Client) -> None:
        await client.send(on.TextEntered("go"))
        await client.until(msg.OutputAudio)
        await say_in_real_time(client, first(speech_pcm(), KNOWN_BY_MS))

    converse(
        story,
        config=replace(CONFIG, turn_detection=detection),
        transcriber=noting,
        responder=ScriptedResponder(replies={"go": answer}),
    )
    assert set(noting.lengths_ms(0, KNOWN_BY_MS)) == {PIECE_MS}


def test_what_is_heard_together_is_kept_from_its_first_message_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: list[tuple[int, int]] = []
    heard = Durability.heard

    def noted(self: Durability, first: int, last: int, until_ms: int) -> None:
        batches.append((first, last))
        heard(self, first, last, until_ms)

    async def story(client: Client) -> None:
        await client.send(on.ListeningStarted())
        for number in range(1, 101):
            await asyncio.sleep(PIECE_MS / 1000)
            data = speech_pcm()[(number - 1) * PIECE_BYTES : number * PIECE_BYTES]
            await client.runner.receive(ClientMessage(on.AudioReceived(data), sequence=number))
        await client.send(on.ListeningStopped())
        await client.until(msg.ResponseStarted)

    monkeypatch.setattr(Durability, "heard", noted)
    converse(story)
    assert any(last > first for first, last in batches)
    assert [first for first, _ in batches] == [1, *(last + 1 for _, last in batches[:-1])]


def test_a_recorder_that_begins_anew_within_speech_is_heard() -> None:
    recording = recorded("webm")
    noting = Noting()

    async def story(client: Client) -> None:
        await client.send(on.ListeningStarted(AudioFormat()))
        for _ in range(2):
            for blob in recording.blobs:
                await asyncio.sleep(0.1)
                await client.send(on.AudioReceived(blob))
        await client.send(on.ListeningStopped())
        await client.until(msg.ResponseStarted)

    converse(story, transcriber=noting)
    once_bytes = len(decoded_live(recording.blobs))
    assert noting.byte_count > 1.9 * once_bytes


def test_others_get_their_turn_while_much_sound_is_heard() -> None:
    class Dense(Decoding):
        """Finds 22 s of speech in every message, as a codec may."""

        def open(self, audio_format: AudioFormat) -> LiveDecoder:
            return self

        async def feed(self, data: bytes) -> bytes:
            return speech_pcm() * 10

        async def flush(self) -> bytes:
            return b""

        def close(self) -> None:
            pass

    async def story(client: Client) -> None:
        await client.send(on.AudioReceived(b"dense"), on.ListeningStopped())
        turns = 0
        while not noting.blocks or noting.blocks[-1].end_ms < 22_000:
            await asyncio.sleep(0)
            turns += 1
        assert turns > 10

    noting = Noting()
    converse(story, transcriber=noting, decoding=Dense())


def test_much_audio_does_not_wait() -> None:
    batcher = InputBatcher()
    assert batcher.take(now_ms=4_000) is None
    batcher.add(b"a", 0)
    assert batcher.take(now_ms=5_000) == InputBatch(b"a", 0, 0)
    assert batcher.due_ms is None
    batcher.add(bytes(input_batch.PIECE_BYTES - 1), 2)
    assert not batcher.is_full(now_ms=5_001)
    assert batcher.due_ms == 5_000 + MAX_WAIT_MS
    batcher.add(b"bc", 3)
    assert batcher.is_full(now_ms=5_001)
    batch = batcher.take(now_ms=5_001)
    assert batch is not None
    assert batch == InputBatch(bytes(input_batch.PIECE_BYTES - 1) + b"bc", 2, 3)
    assert list(map(len, batch.pieces)) == [input_batch.PIECE_BYTES, 1]
