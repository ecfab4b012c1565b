"""Text to speech through the real SDK against the stand-in."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from cedar_voice_service.audio.formats import Mp3, Pcm, Sound
from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.openai.connection import connected
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.openai.synthesizer import OPENAI_VOICES, OpenAISynthesizer
from cedar_voice_service.providers.protocols import SpeechRequest, Synthesizer
from tests.support.openai_engines import (
    DEADLINES,
    answering,
    endpoint_of,
    open_openai_synthesizer,
    settings_of,
)
from tests.support.openai_script import ANSWER, Fault, Latencies, as_mp3, speech_pcm
from tests.support.openai_standin import OpenAIStandin
from tests.support.openai_wire import VOICES


async def spoken(synthesizer: Synthesizer, request: SpeechRequest) -> list[Pcm]:
    """Every block of a phrase that is asked for in samples."""
    sounds = [sound async for sound in synthesizer.synthesize(request)]
    blocks = [sound for sound in sounds if isinstance(sound, Pcm)]
    assert blocks == sounds
    return blocks


async def spoken_in_mp3(synthesizer: Synthesizer, request: SpeechRequest) -> list[Sound]:
    """Every piece of a phrase that may come as MP3."""
    request = replace(request, takes_mp3=True)
    sounds = [sound async for sound in synthesizer.synthesize(request)]
    pieces = [sound for sound in sounds if isinstance(sound, Pcm | Mp3)]
    assert pieces == sounds
    return pieces


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
async def test_phrase_is_spoken_whole_at_its_rate(rate: float, server: OpenAIStandin) -> None:
    async with open_openai_synthesizer(settings_of(server.base_url)) as synthesizer:
        blocks = await spoken(synthesizer, SpeechRequest(ANSWER, rate=rate))
    assert len(blocks) > 10
    assert {block.sample_rate_hz for block in blocks} == {24_000}
    assert all(block.data and len(block.data) % 2 == 0 for block in blocks)
    assert b"".join(block.data for block in blocks) == speech_pcm(ANSWER, rate)
    assert server.requests[0].body["response_format"] == "pcm"


@pytest.mark.parametrize(("takes_mp3", "kind"), [(False, Pcm), (True, Mp3)])
async def test_first_block_comes_before_the_last(
    takes_mp3: bool, kind: type[Sound], server: OpenAIStandin
) -> None:
    server.latencies = Latencies(tts_first_byte_ms=0, tts_realtime_factor=5)
    async with (
        open_openai_synthesizer(settings_of(server.base_url)) as synthesizer,
        aclosing(synthesizer.synthesize(SpeechRequest(ANSWER, takes_mp3=takes_mp3))) as blocks,
    ):
        first = await anext(blocks)
        assert not server.requests[0].ended.is_set()
    assert isinstance(first, kind)
    assert 0 < len(first.data) < len(speech_pcm(ANSWER)) // 20


@pytest.mark.parametrize(
    ("wanted", "sent"), [("shimmer", "shimmer"), ("", "alloy"), ("pNInz6obpgDQGcFmaJgB", "alloy")]
)
async def test_openai_itself_gets_only_voices_it_has(
    wanted: str, sent: str, server: OpenAIStandin
) -> None:
    endpoint = Endpoint(Stage.TTS, "tts-1", DEADLINES)
    async with connected(endpoint_of(settings_of(server.base_url), Stage.TTS)) as client:
        await spoken(OpenAISynthesizer(client, endpoint, "alloy"), SpeechRequest("Hi.", wanted))
    assert [request.body["voice"] for request in server.requests] == [sent]


def test_voices_are_those_the_vendor_accepts() -> None:
    assert OPENAI_VOICES == VOICES


async def test_other_servers_tell_an_unknown_voice_once(server: OpenAIStandin) -> None:
    settings = settings_of(server.base_url, tts_voice="echo")
    async with open_openai_synthesizer(settings) as synthesizer:
        for voice in ("nova", "unheard_of", "unheard_of", ""):
            assert await spoken(synthesizer, SpeechRequest("Hi.", voice))
    voices = [request.body["voice"] for request in server.requests]
    assert voices == ["nova", "unheard_of", "echo", "echo", "echo"]


async def test_refusal_of_the_default_voice_too_is_a_failure(server: OpenAIStandin) -> None:
    server.faults = {"tts": Fault(status=400)}
    async with open_openai_synthesizer(settings_of(server.base_url)) as synthesizer:
        with pytest.raises(EngineError) as caught:
            await spoken(synthesizer, SpeechRequest("Hi.", "nova"))
        assert (caught.value.code, caught.value.retryable) == (Code.TTS_FAILED, False)
        server.faults = {}
        await spoken(synthesizer, SpeechRequest("Hi.", "nova"))
    assert [request.body["voice"] for request in server.requests] == ["nova", "alloy", "nova"]


async def test_closing_hangs_up_and_the_next_phrase_is_spoken(server: OpenAIStandin) -> None:
    server.latencies = Latencies(tts_first_byte_ms=0, tts_realtime_factor=1)
    async with open_openai_synthesizer(settings_of(server.base_url)) as synthesizer:
        async with aclosing(synthesizer.synthesize(SpeechRequest(ANSWER))) as blocks:
            await anext(blocks)
        async with asyncio.timeout(5):
            await server.requests[0].ended.wait()
        assert not server.requests[0].was_answered
        assert await spoken(synthesizer, SpeechRequest("Hi."))


async def test_mp3_is_passed_on_as_it_comes(server: OpenAIStandin) -> None:
    async with open_openai_synthesizer(settings_of(server.base_url)) as synthesizer:
        pieces = await spoken_in_mp3(synthesizer, SpeechRequest(ANSWER, rate=1.5))
    assert len(pieces) > 1
    data = b"".join(piece.data for piece in pieces if isinstance(piece, Mp3))
    assert data == as_mp3(speech_pcm(ANSWER, 1.5))
    assert server.requests[0].body["response_format"] == "mp3"


async def test_mp3_of_another_pitch_is_asked_for_in_samples(server: OpenAIStandin) -> None:
    async with open_openai_synthesizer(settings_of(server.base_url)) as synthesizer:
        pieces = await spoken_in_mp3(synthesizer, SpeechRequest("Hi.", pitch=1.2))
    assert all(isinstance(piece, Pcm) for piece in pieces)
    assert server.requests[0].body["response_format"] == "pcm"


async def test_a_server_without_mp3_tells_so_once(server: OpenAIStandin) -> None:
    server.formats = ("pcm",)
    async with open_openai_synthesizer(settings_of(server.base_url)) as synthesizer:
        for _ in range(2):
            (*_, last) = await spoken_in_mp3(synthesizer, SpeechRequest("Hi.", "nova"))
            assert isinstance(last, Pcm)
    asked = [(r.body["response_format"], r.body["voice"]) for r in server.requests]
    assert asked == [("mp3", "nova"), ("mp3", "alloy"), ("pcm", "nova"), ("pcm", "nova")]


async def test_an_unknown_voice_does_not_cost_the_mp3(server: OpenAIStandin) -> None:
    async with open_openai_synthesizer(settings_of(server.base_url)) as synthesizer:
        for _ in range(2):
            (*_, last) = await spoken_in_mp3(synthesizer, SpeechRequest("Hi.", "unheard_of"))
            assert isinstance(last, Mp3)
    asked = [(r.body["response_format"], r.body["voice"]) for r in server.requests]
    assert asked == [("mp3", "unheard_of"), ("mp3", "alloy"), ("mp3", "alloy")]


async def test_raw_samples_instead_of_mp3_are_heard_too() -> None:
    pcm = speech_pcm("Hi.")
    async with (
        answering(pcm, "audio/pcm") as base_url,
        open_openai_synthesizer(settings_of(base_url)) as synthesizer,
    ):
        pieces = await spoken_in_mp3(synthesizer, SpeechRequest("Hi."))
    assert b"".join(piece.data for piece in pieces if isinstance(piece, Pcm)) == pcm


async def test_an_error_page_instead_of_mp3_is_a_failure() -> None:
    async with (
        answering(b"{}", "application/json") as base_url,
        open_openai_synthesizer(settings_of(base_url)) as synthesizer,
    ):
        with pytest.raises(EngineError) as caught:
            await spoken_in_mp3(synthesizer, SpeechRequest("Hi."))
    assert (caught.value.code, caught.value.retryable) == (Code.TTS_FAILED, False)
