"""Speech to text through the real SDK against the stand-in."""

import asyncio
import io
import math
import wave
from array import array
from collections.abc import AsyncIterator

import pytest

from cedar_voice_service.audio.formats import AudioBlock, EdgeKind, Pcm, SpeechEdge
from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.openai.connection import connected
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.openai.transcriber import OpenAIRecognizer
from cedar_voice_service.providers.protocols import AudioSent, Hypothesis, Transcriber
from tests.support.hypotheses import hypotheses_of
from tests.support.openai_engines import (
    DEADLINES,
    endpoint_of,
    open_openai_transcriber,
    recording,
    settings_of,
)
from tests.support.openai_script import TRANSCRIPT, Fault
from tests.support.openai_standin import OpenAIStandin
from tests.support.openai_wire import WORD_LOGPROB

CERTAINTY = math.exp(WORD_LOGPROB)


async def transcribed(
    server: OpenAIStandin,
    audio: AsyncIterator[AudioBlock],
    *,
    language: str = "en-US",
    model: str = "",
) -> list[Hypothesis]:
    """Everything that the engine yields for an utterance."""
    changes = {"stt_model": model} if model else {}
    async with open_openai_transcriber(settings_of(server.base_url, **changes)) as engine:
        transcriber: Transcriber = engine
        return [each async for each in hypotheses_of(transcriber.transcribe(audio, language))]


async def test_utterance_becomes_one_final(server: OpenAIStandin) -> None:
    server.transcript = "  two words \n"
    (final,) = await transcribed(server, recording())
    assert final == Hypothesis("two words", is_final=True)


async def test_recording_is_sent_whole_as_wav(server: OpenAIStandin) -> None:
    await transcribed(server, recording(1_500))
    with wave.open(io.BytesIO(server.requests[0].audio)) as file:
        shape = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        samples = file.readframes(file.getnframes())
    assert shape == (16_000, 1, 2)
    assert samples == b"".join([block.pcm.data async for block in recording(1_500)])


async def test_audio_without_known_speech_is_sent_at_its_end(
    server: OpenAIStandin,
) -> None:
    async def speech() -> AsyncIterator[AudioBlock]:
        async for block in recording():
            assert not server.requests
            yield block

    assert len(await transcribed(server, speech())) == 1


@pytest.mark.parametrize("duration_ms", [0, 90])
async def test_too_little_audio_is_silence(duration_ms: int, server: OpenAIStandin) -> None:
    audio = recording(duration_ms, block_ms=10)
    assert await transcribed(server, audio) == [Hypothesis("", is_final=True)]
    assert not server.requests


@pytest.mark.parametrize(
    ("language", "sent"), [("de-DE", "de"), ("EN", "en"), ("zh-Hans-CN", "zh"), ("", None)]
)
async def test_language_is_sent_without_its_region(
    language: str, sent: str | None, server: OpenAIStandin
) -> None:
    await transcribed(server, recording(), language=language)
    assert server.requests[0].body.get("language") == sent


async def test_whisper_tells_its_confidence(server: OpenAIStandin) -> None:
    (final,) = await transcribed(server, recording(), model="whisper-1")
    assert (final.text, final.is_final) == (TRANSCRIPT, True)
    assert final.confidence == pytest.approx(CERTAINTY)
    assert server.requests[0].body["response_format"] == "verbose_json"


async def test_whisper_that_heard_nothing_has_no_confidence(server: OpenAIStandin) -> None:
    server.transcript = ""
    final = await transcribed(server, recording(), model="whisper-1")
    assert final == [Hypothesis("", is_final=True, confidence=None)]


async def test_other_servers_are_not_asked_for_probabilities(server: OpenAIStandin) -> None:
    await transcribed(server, recording(), model="gpt-4o-transcribe")
    assert "include[]" not in server.requests[0].body


@pytest.mark.parametrize(
    ("model", "asks"),
    [
        ("gpt-4o-transcribe", True),
        ("gpt-4o-mini-transcribe", True),
        ("gpt-4o-transcribe-diarize", False),
        ("gpt-transcribe", False),
    ],
)
async def test_openai_itself_tells_probabilities(
    model: str, asks: bool, server: OpenAIStandin
) -> None:
    endpoint = Endpoint(Stage.STT, model, DEADLINES)
    async with connected(endpoint_of(settings_of(server.base_url), Stage.STT)) as client:
        engine = OpenAIRecognizer(client, endpoint)
        answer = await engine.recognize(Pcm(bytes(32_000)), "en", "")
    assert server.requests[0].body.get("include[]") == (["logprobs"] if asks else None)
    assert answer.confidence == (pytest.approx(CERTAINTY) if asks else None)


async def test_cancelling_hangs_up(server: OpenAIStandin) -> None:
    server.faults = {"stt": Fault(hangs=True)}
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(transcribed(server, recording()))
        await server.wait_for_requests(1)
        work.cancel()
    async with asyncio.timeout(5):
        await server.requests[0].ended.wait()
    assert not server.requests[0].was_answered


@pytest.mark.parametrize(
    ("model", "sent"), [("gpt-4o-transcribe", "and then"), ("gpt-4o-transcribe-diarize", None)]
)
async def test_what_was_said_before_is_told_to_models_that_take_it(
    model: str, sent: str | None, server: OpenAIStandin
) -> None:
    endpoint = endpoint_of(settings_of(server.base_url, stt_model=model), Stage.STT)
    async with connected(endpoint) as client:
        await OpenAIRecognizer(client, endpoint).recognize(Pcm(bytes(32_000)), "en", "and then")
    assert server.requests[0].body.get("prompt") == sent


SPOKEN = (("open", 600), ("the", 800), ("settings", 1_400), ("page", 1_900))
"""Words, and by which millisecond of the utterance each is spoken."""


def words_in(audio: bytes) -> str:
    """The words spoken in a recording of `numbered`."""
    with wave.open(io.BytesIO(audio)) as file:
        samples = array("h", file.readframes(file.getnframes()))
    start_ms, end_ms = samples[0], samples[-1]
    return " ".join(word for word, at_ms in SPOKEN if start_ms < at_ms <= end_ms)


async def numbered(told: asyncio.Event) -> AsyncIterator[AudioBlock]:
    """Speech from 300 to 2000 ms, then silence; each sample tells its millisecond.

    It waits for what is told first, and of the pause.
    """
    edges = {400: SpeechEdge(EdgeKind.STARTED, 300), 2_140: SpeechEdge(EdgeKind.STOPPED, 2_000)}
    for end_ms in range(20, 2_801, 20):
        samples = array("h", (end_ms for _ in range(320)))
        known = (edges[end_ms],) if end_ms in edges else ()
        yield AudioBlock(Pcm(samples.tobytes()), end_ms, known)
        if end_ms in (1_200, 2_200):
            await told.wait()
            told.clear()


async def test_words_appear_while_they_are_spoken_and_stay(server: OpenAIStandin) -> None:
    server.transcript = words_in
    told = asyncio.Event()
    heard: list[Hypothesis] = []
    sent_ms = 0
    async with asyncio.timeout(20), open_openai_transcriber(settings_of(server.base_url)) as engine:
        async for result in engine.transcribe(numbered(told), "en-US"):
            if isinstance(result, AudioSent):
                sent_ms += result.duration_ms
            else:
                if not heard or result.is_settled:
                    told.set()
                heard.append(result)
    *partials, final = heard
    assert final.text == "open the settings page"
    assert (partials[0].text, partials[0].stable_text) == ("open the", "")
    assert [each.text for each in partials if each.is_settled] == [final.text]
    assert partials[-1].stable_text.startswith("open the")
    assert sent_ms == sum(round(request.audio_ms) for request in server.requests)
    assert sent_ms <= 4 * 1_700
