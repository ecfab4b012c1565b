"""Requests to a synthesizer, and the way of its MP3 to the client."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace

import pytest

from cedar_voice_service.audio.encoders.stream_encoder import MAX_CHUNK_MS
from cedar_voice_service.audio.formats import AudioFormat, Encoding, Framing, Mp3, Pcm, Sound
from cedar_voice_service.errors import Code
from cedar_voice_service.providers.protocols import SpeechRequest, SpeechRestarted, Synthesizer
from cedar_voice_service.providers.scripted.engine import ToneSynthesizer
from cedar_voice_service.runtime.backpressure import EASY_MS, ENOUGH_MS, PlayoutBackpressure
from cedar_voice_service.runtime.tts_stage import ENOUGH_AHEAD_MS, MIN_SEGMENT_CHARS, TtsStage
from cedar_voice_service.session import events as on
from cedar_voice_service.session.answer_parts import SpokenChunk
from cedar_voice_service.session.config import OutputAudio, SessionConfig, VoiceSettings
from cedar_voice_service.session.pacing import BEAT_MS
from tests.support.media import Form, cut, written
from tests.support.virtual_time import run_virtually

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


async def spoken(engine: Synthesizer, config: SessionConfig) -> list[on.WorkEvent]:
    """What the session is told of an answer of two phrases."""
    events: list[on.WorkEvent] = []
    phrases: asyncio.Queue[str | None] = asyncio.Queue()
    for phrase in (*PHRASES, None):
        phrases.put_nowait(phrase)

    async def report(event: on.WorkEvent) -> None:
        events.append(event)

    await TtsStage(
        engine, config, work_id=1, report=report, backpressure=PlayoutBackpressure()
    ).run(phrases)
    return events


def chunks_in(events: Iterable[on.WorkEvent]) -> list[SpokenChunk]:
    """The audio that was told of, in order."""
    told = (event.chunks for event in events if isinstance(event, on.SpeechSynthesized))
    return [chunk for chunks in told for chunk in chunks]


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
    chunks = chunks_in(events)
    captions = [(chunk.offset_ms, chunk.text) for chunk in chunks if chunk.text]
    frames_ms = sum(chunk.duration_ms for chunk in chunks) // 2
    assert captions == [(0, PHRASES[0]), (frames_ms, PHRASES[1])]
    assert isinstance(events[-1], on.SpeechEnded)


@pytest.mark.parametrize(
    ("lead_ms", "longest_ms"), [(0, MAX_CHUNK_MS), (300, 120), (1_000, MAX_CHUNK_MS)]
)
async def test_a_stream_is_cut_to_fit_the_lead(lead_ms: int, longest_ms: int) -> None:
    output = OutputAudio(AudioFormat(), Framing.CONTINUOUS, max_lead_ms=lead_ms)
    config = SessionConfig(output_audio=output)
    events = await spoken(Mp3Engine(written(Form("mp3", "libmp3lame", 24_000)) * 2), config)
    chunks = chunks_in(events)
    assert max(chunk.duration_ms for chunk in chunks) <= longest_ms


async def test_what_is_no_mp3_is_the_engines_failure() -> None:
    events = await spoken(Mp3Engine(b"<html>" * 100), SessionConfig())
    failed = events[-1]
    assert isinstance(failed, on.SpeechFailed)
    assert failed.error.code is Code.TTS_FAILED


class Breaking:
    """Begins each phrase `beginnings` blocks long, then anew, with another sound."""

    def __init__(self, beginnings: int) -> None:
        self._beginnings = beginnings
        self.may_go_on = asyncio.Event()

    async def synthesize(
        self, request: SpeechRequest
    ) -> AsyncGenerator[Sound | SpeechRestarted, None]:
        """Speak one phrase: a block is 100 ms."""
        for _ in range(self._beginnings):
            yield Pcm(b"\1\0" * 2_400, 24_000)
        await self.may_go_on.wait()
        yield SpeechRestarted()
        for _ in range(5):
            yield Pcm(b"\2\0" * 1_600, 16_000)


RAW = SessionConfig(output_audio=OutputAudio(AudioFormat(Encoding.PCM_S16LE), Framing.CONTINUOUS))


async def test_a_phrase_that_is_begun_anew_goes_on_in_the_same_format() -> None:
    engine = Breaking(beginnings=2)
    events: list[on.WorkEvent] = []
    phrases: asyncio.Queue[str | None] = asyncio.Queue()
    for phrase in (PHRASES[0], None):
        phrases.put_nowait(phrase)

    async def report(event: on.WorkEvent) -> None:
        events.append(event)
        if isinstance(event, on.SpeechSynthesized):
            engine.may_go_on.set()  # what came first is on its way to the listener

    await TtsStage(engine, RAW, work_id=1, report=report, backpressure=PlayoutBackpressure()).run(
        phrases
    )
    formats = [event.format for event in events if isinstance(event, on.SpeechSynthesized)]
    assert {audio_format.sample_rate_hz for audio_format in formats} == {24_000}
    chunks = chunks_in(events)
    assert sum(chunk.duration_ms for chunk in chunks) == pytest.approx(700, abs=10)
    ends = [chunk.offset_ms + chunk.duration_ms for chunk in chunks]
    assert [chunk.offset_ms for chunk in chunks] == [0, *ends[:-1]]
    assert isinstance(events[-1], on.SpeechEnded)


async def test_a_phrase_that_nobody_has_heard_is_begun_anew_unnoticed() -> None:
    class Second(Breaking):
        """Breaks in the second phrase, which is fetched while the first is encoded."""

        async def synthesize(
            self, request: SpeechRequest
        ) -> AsyncGenerator[Sound | SpeechRestarted, None]:
            if request.text == PHRASES[0]:
                yield Pcm(b"\3\0" * 2_400, 24_000)
                await self.broken.wait()
                return
            async for sound in super().synthesize(request):
                yield sound
                if isinstance(sound, SpeechRestarted):
                    self.broken.set()

        broken = asyncio.Event()

    engine = Second(beginnings=3)
    engine.may_go_on.set()
    events = await spoken(engine, RAW)
    chunks = chunks_in(events)
    assert sum(chunk.duration_ms for chunk in chunks) == pytest.approx(600, abs=10)
    assert b"\1\0" not in b"".join(chunk.data for chunk in chunks)


@pytest.mark.parametrize("framing", [Framing.CONTINUOUS, Framing.SELF_CONTAINED])
@pytest.mark.parametrize("gives_mp3", [True, False])
async def test_mp3_that_was_cut_does_not_damage_what_follows(
    gives_mp3: bool, framing: Framing
) -> None:
    file = written(Form("mp3", "libmp3lame", 24_000))
    may_go_on = asyncio.Event()
    config = config_of(AudioFormat(Encoding.MP3), framing)

    class Cut:
        async def synthesize(
            self, request: SpeechRequest
        ) -> AsyncGenerator[Sound | SpeechRestarted, None]:
            yield Mp3(file[: len(file) * 2 // 3 | 1])
            await may_go_on.wait()
            yield SpeechRestarted()
            async for sound in other.synthesize(request):
                yield sound

    events: list[on.WorkEvent] = []

    async def report(event: on.WorkEvent) -> None:
        events.append(event)
        if isinstance(event, on.SpeechSynthesized):
            may_go_on.set()

    async def said(engine: Synthesizer) -> bytes:
        events.clear()
        phrases: asyncio.Queue[str | None] = asyncio.Queue()
        phrases.put_nowait(PHRASES[0])
        phrases.put_nowait(None)
        await TtsStage(
            engine, config, work_id=1, report=report, backpressure=PlayoutBackpressure()
        ).run(phrases)
        chunks = chunks_in(events)
        return b"".join(chunk.data for chunk in chunks)

    other: Synthesizer = Mp3Engine(file) if gives_mp3 else ToneSynthesizer()
    whole = await said(other)
    assert (await said(Cut())).endswith(whole)


async def test_no_more_is_fetched_than_is_needed_but_the_beginning_of_each_phrase_is() -> None:
    fetched: list[str] = []
    has_begun = {phrase: asyncio.Event() for phrase in PHRASES}

    class Counting:
        async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound, None]:
            """Speak one phrase: three blocks of 100 ms."""
            for _ in range(3):
                fetched.append(request.text)
                has_begun[request.text].set()
                yield Pcm(b"\1\0" * 2_400, 24_000)

    async def report(event: on.WorkEvent) -> None:
        pass

    phrases: asyncio.Queue[str | None] = asyncio.Queue()
    for phrase in (*PHRASES, None):
        phrases.put_nowait(phrase)
    backpressure = PlayoutBackpressure()
    backpressure.update(ENOUGH_MS + 1)
    stage = TtsStage(Counting(), RAW, work_id=1, report=report, backpressure=backpressure)
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.run(phrases))
        for begun in has_begun.values():
            await begun.wait()
        for _ in range(20):  # more turns of the loop than the rest would take
            await asyncio.sleep(0)
        assert fetched == [*PHRASES]
        backpressure.update(0)
    assert fetched.count(PHRASES[0]) == fetched.count(PHRASES[1]) == 3


async def test_the_first_phrase_is_said_alone_and_those_that_wait_in_one_segment() -> None:
    asked: list[str] = []
    may_end = asyncio.Event()

    class Slow:
        async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound, None]:
            """Speak; no segment ends before the first is heard."""
            asked.append(request.text)
            yield Pcm(b"\1\0" * 4_800, 24_000)
            await may_end.wait()

    captions: list[str] = []

    async def report(event: on.WorkEvent) -> None:
        for chunk in chunks_in([event]):
            if chunk.text:
                captions.append(chunk.text)
                may_end.set()

    long = "a" * MIN_SEGMENT_CHARS
    phrases: asyncio.Queue[str | None] = asyncio.Queue()
    for phrase in ("Well,", "yes.", long, "Two.", "Three.", None):
        phrases.put_nowait(phrase)
    await TtsStage(Slow(), RAW, work_id=1, report=report, backpressure=PlayoutBackpressure()).run(
        phrases
    )
    assert asked == captions == ["Well,", f"yes. {long}", "Two. Three."]


@pytest.mark.parametrize(
    ("backlog_ms", "rate", "asked"),
    [
        (0, 1.0, [("Well,", 0), ("yes.", 0), ("Three.", 10_000)]),
        (ENOUGH_AHEAD_MS + 400, 1.0, [("Well,", 0), ("yes.", 700), ("Three.", 10_000)]),
        (ENOUGH_AHEAD_MS + 400, 2.0, [("Well,", 0), ("yes.", 550), ("Three.", 10_000)]),
        (ENOUGH_AHEAD_MS + 2_000, 1.0, [("Well,", 0), ("yes. Three.", 1_200)]),
    ],
)
def test_a_phrase_waits_for_the_next_as_long_as_there_is_enough_to_be_heard(
    backlog_ms: int, rate: float, asked: list[tuple[str, int]]
) -> None:
    """The first phrase is being spoken: 300 ms more at the usual rate."""
    requests: list[tuple[str, int]] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()

        class Silent:
            async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound, None]:
                """Be about to speak, and have nothing to say."""
                requests.append((request.text, round((loop.time() - began_s) * 1000)))
                await asyncio.sleep(10)
                nothing: tuple[Sound, ...] = ()
                for sound in nothing:
                    yield sound

        async def report(event: on.WorkEvent) -> None:
            pass

        phrases: asyncio.Queue[str | None] = asyncio.Queue()
        backpressure = PlayoutBackpressure()
        backpressure.update(backlog_ms)
        config = replace(RAW, settings=VoiceSettings(rate=rate))
        stage = TtsStage(Silent(), config, work_id=1, report=report, backpressure=backpressure)
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.run(phrases))
            for phrase, wait_s in (("Well,", 0), ("yes.", 1.0), ("Three.", 0.2), (None, 0)):
                phrases.put_nowait(phrase)
                await asyncio.sleep(wait_s)

    run_virtually(scenario())
    assert requests == asked


@pytest.mark.parametrize(("buffered_ms", "interval_ms"), [(0, 0), (EASY_MS + 1, BEAT_MS)])
def test_audio_is_fetched_as_it_comes_and_at_intervals_while_there_is_some_in_hand(
    buffered_ms: int, interval_ms: int
) -> None:
    fetched_at_ms: list[int] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()

        class Ready:
            async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound, None]:
                """Have four blocks."""
                for _ in range(4):
                    fetched_at_ms.append(round((loop.time() - began_s) * 1000))
                    yield Pcm(b"\1\0" * 2_400, 24_000)

        backpressure = PlayoutBackpressure()
        backpressure.update(buffered_ms)
        phrases: asyncio.Queue[str | None] = asyncio.Queue()
        for phrase in (PHRASES[0], None):
            phrases.put_nowait(phrase)

        async def report(event: on.WorkEvent) -> None:
            pass

        await TtsStage(Ready(), RAW, work_id=1, report=report, backpressure=backpressure).run(
            phrases
        )

    run_virtually(scenario())
    assert fetched_at_ms == [number * interval_ms for number in range(4)]
