"""What the user still gets when a provider fails: real SDK, real service, a server with faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cedar_voice_client import (
    AudioEncoding,
    ErrorCode,
    OutputAudioConfig,
    SessionOptions,
    TurnDetection,
    TurnDetectionMode,
    VoiceSession,
    events,
)
from cedar_voice_client.enums import FinishReason, PipelineStage
from cedar_voice_client.options import AudioFormat
from tests.support.openai_script import INSTANT, Answer, Fault, Latencies, StageName
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_path
from tests.support.service import running, settings_of

STAGES: tuple[StageName, ...] = ("stt", "llm", "tts")
SAID = "First one. Second one."
SPOKEN_MS = round(len("First one.Second one.") * 1_000 / 15)
OPTIONS = SessionOptions(
    input_audio=AudioFormat(AudioEncoding.WAV),
    turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL),
    output_audio=OutputAudioConfig(
        format=AudioFormat(AudioEncoding.PCM_S16LE, sample_rate_hz=24_000), max_lead_ms=10_000
    ),
)
FAILED = {"stt": ErrorCode.STT_FAILED, "llm": ErrorCode.LLM_FAILED, "tts": ErrorCode.TTS_FAILED}
STAGE = {"stt": PipelineStage.STT, "llm": PipelineStage.LLM, "tts": PipelineStage.TTS}

every_stage = pytest.mark.parametrize("stage", STAGES)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a client was told in one turn."""

    transcripts: list[str]
    text: str
    finish: FinishReason | None
    spoken_ms: int
    errors: list[events.ErrorEvent]

    @property
    def is_whole(self) -> bool:
        """Whether the user noticed nothing."""
        is_answered = (self.text, self.finish) == (SAID, FinishReason.STOP)
        return is_answered and abs(self.spoken_ms - SPOKEN_MS) <= 60 and not self.errors


async def turn(session: VoiceSession, *, speaks: bool = True) -> Turn:
    """Speak, or type, and listen until the record of the turn."""
    if speaks:
        await session.start_listening()
        await session.send_audio(speech_path("open_the_settings").read_bytes())
        await session.stop_listening()
    else:
        await session.send_text("hello")
    transcripts: list[str] = []
    errors: list[events.ErrorEvent] = []
    text, finish, spoken_ms = "", None, 0
    async with asyncio.timeout(20):
        async for event in session:
            match event:
                case events.Transcription(text=said, is_final=True):
                    transcripts.append(said)
                case events.ResponseCompleted():
                    text, finish = event.text, event.finish_reason
                case events.AudioChunk():
                    spoken_ms += event.duration_ms
                case events.ErrorEvent():
                    errors.append(event)
                case events.TurnMetrics():
                    break
                case _:
                    pass
    return Turn(transcripts, text, finish, spoken_ms, errors)


@asynccontextmanager
async def conversing(standin: OpenAIStandin, **values: Any) -> AsyncIterator[VoiceSession]:
    """A session of a service on the stand-in."""
    async with running(settings_of(standin, **values)) as client, client.session(OPTIONS) as talk:
        yield talk


def standin(stage: StageName, fault: Fault, latencies: Latencies = INSTANT) -> OpenAIStandin:
    """A provider with a fault in one stage."""
    return OpenAIStandin(answers=[Answer(SAID)], latencies=latencies, faults={stage: fault})


def fallback_to(server: OpenAIStandin) -> dict[str, str]:
    """Settings in which another server stands in for each stage."""
    values = {}
    for stage in STAGES:
        values[f"{stage}_fallback_engine"] = "openai"
        values[f"{stage}_fallback_base_url"] = server.base_url
        values[f"{stage}_fallback_api_key"] = "other-key"
    return values


PASSING = {
    "limited": Fault(status=429, requests=1),
    "limited for a while": Fault(status=429, retry_after="0.3", requests=1),
    "broken": Fault(status=500, requests=1),
    "away": Fault(status=503, requests=1),
    "cut before the first byte": Fault(after_bytes=0, requests=1),
}

LASTING = {
    "limited": Fault(status=429),
    "limited for long": Fault(status=429, retry_after="60"),
    "broken": Fault(status=500),
    "refusing": Fault(status=401, error_code="invalid_api_key"),
    "hanging": Fault(hangs=True),
    "cut before the first byte": Fault(after_bytes=0),
}

QUICK = {
    "stt_final_timeout_ms": 500,
    "llm_first_timeout_ms": 500,
    "llm_next_timeout_ms": 500,
    "tts_first_timeout_ms": 500,
    "tts_next_timeout_ms": 500,
}


@every_stage
@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_a_fault_that_passes_is_not_noticed(stage: StageName, fault: Fault) -> None:
    async with standin(stage, fault) as server, conversing(server) as session:
        assert (await turn(session)).is_whole


@every_stage
@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
async def test_another_provider_answers_for_one_that_fails(stage: StageName, fault: Fault) -> None:
    async with standin(stage, fault) as first, standin("llm", Fault()) as second:
        async with conversing(first, **fallback_to(second), **QUICK) as session:
            assert (await turn(session)).is_whole
        assert {request.stage for request in second.requests} == {stage}
        assert {request.api_key for request in second.requests} == {"other-key"}


@every_stage
async def test_another_provider_answers_for_one_that_nobody_is_at(
    stage: StageName, unused_tcp_port: int
) -> None:
    async with standin(stage, Fault()) as second:
        nobody = {f"{stage}_base_url": f"http://127.0.0.1:{unused_tcp_port}/v1"}
        async with conversing(second, **fallback_to(second), **nobody) as session:
            assert (await turn(session)).is_whole


@every_stage
async def test_the_embedded_engine_can_stand_in(stage: StageName) -> None:
    values = {f"{stage}_fallback_engine": "local"}
    async with (
        standin(stage, Fault(status=500)) as server,
        conversing(server, **values) as session,
    ):
        told = await turn(session)
    assert told.finish is FinishReason.STOP and told.spoken_ms > 500 and not told.errors
    assert "settings" in told.transcripts[0] if stage == "stt" else told.transcripts


@every_stage
@pytest.mark.parametrize(
    ("fault", "retryable", "retry_after_ms", "requests"),
    [
        (Fault(status=500), True, 0, 2),
        (Fault(status=429), True, 0, 2),
        (Fault(status=429, retry_after="60"), True, 60_000, 1),
        (Fault(status=429, error_code="insufficient_quota"), False, 0, 1),
        (Fault(status=400), False, 0, 1),
    ],
    ids=["broken", "limited", "limited for long", "out of quota", "refusing"],
)
async def test_a_provider_that_fails_for_good_is_told_and_the_session_lives(
    stage: StageName, fault: Fault, retryable: bool, retry_after_ms: int, requests: int
) -> None:
    async with standin(stage, fault) as server, conversing(server) as session:
        told = await turn(session)
        (error,) = {error.code: error for error in told.errors}.values()
        assert (error.code, error.stage, error.fatal) == (FAILED[stage], STAGE[stage], False)
        assert (error.retryable, error.retry_after_ms) == (retryable, retry_after_ms)
        # Two phrases are spoken; a recording is sent while it is heard, and once more at its end.
        occasions = 1 if stage == "llm" else 2
        assert len(server.requests_of(stage)) <= requests * occasions
        if stage == "tts":  # what cannot be heard can be read
            assert (told.text, told.finish) == (SAID, FinishReason.STOP)
        server.faults.clear()
        assert (await turn(session)).is_whole


@every_stage
async def test_a_provider_that_hangs_is_given_up_in_time(stage: StageName) -> None:
    async with (
        standin(stage, Fault(hangs=True)) as server,
        conversing(server, **QUICK) as session,
    ):
        async with asyncio.timeout(5):
            told = await turn(session)
        assert told.errors[0].code is ErrorCode.STAGE_TIMEOUT
        assert told.errors[0].stage is STAGE[stage] and told.errors[0].retryable
        server.faults.clear()
        assert (await turn(session)).is_whole


@pytest.mark.parametrize("hangs", [False, True], ids=["cut", "silent"])
async def test_an_answer_that_breaks_off_is_closed_and_not_begun_anew(hangs: bool) -> None:
    fault = Fault(after_bytes=900, hangs=hangs)
    async with (
        standin("llm", fault) as first,
        standin("llm", Fault()) as second,
        conversing(first, **fallback_to(second), **QUICK) as session,
    ):
        told = await turn(session)
        assert told.finish is FinishReason.ERROR and len(told.errors) == 1
        assert told.text and SAID.startswith(told.text) and told.text != SAID
        assert second.requests_of("llm") == []
        first.faults.clear()
        assert (await turn(session)).is_whole


@pytest.mark.parametrize("hangs", [False, True], ids=["cut", "silent"])
@pytest.mark.parametrize("with_fallback", [False, True], ids=["alone", "with another"])
async def test_a_phrase_that_breaks_off_is_spoken_as_a_whole(
    hangs: bool, with_fallback: bool
) -> None:
    fault = Fault(after_bytes=10_000, hangs=hangs, requests=None if with_fallback else 1)
    async with standin("tts", fault) as first, standin("tts", Fault()) as second:
        others = fallback_to(second) if with_fallback else {}
        async with conversing(first, **others, **QUICK) as session:
            told = await turn(session)
    assert told.finish is FinishReason.STOP and not told.errors
    assert told.spoken_ms >= SPOKEN_MS - 60  # and perhaps the piece that was heard before
    if with_fallback:
        asked = {request.body["input"] for request in second.requests}
        assert asked == {"First one.", "Second one."}


@pytest.mark.parametrize("hangs", [False, True], ids=["cut", "silent"])
async def test_a_transcript_that_breaks_off_is_made_again(hangs: bool) -> None:
    fault = Fault(after_bytes=10, hangs=hangs)
    async with standin("stt", fault) as first, standin("stt", Fault()) as second:
        async with conversing(first, **fallback_to(second), **QUICK) as session:
            assert (await turn(session)).is_whole
        heard_ms = max(request.audio_ms for request in second.requests_of("stt"))
        assert heard_ms == pytest.approx(max(r.audio_ms for r in first.requests), abs=300)


async def test_a_slow_stream_is_waited_for() -> None:
    slow = Latencies(100, 0, 150, 60, 150, 2)
    async with standin("llm", Fault(), slow) as server, conversing(server, **QUICK) as session:
        assert (await turn(session)).is_whole
        assert len(server.requests_of("llm")) == 1


@every_stage
async def test_when_all_providers_are_down_the_turn_fails_and_the_session_lives(
    stage: StageName,
) -> None:
    down = Fault(status=503)
    async with (
        standin(stage, down) as first,
        standin(stage, down) as second,
        conversing(first, **fallback_to(second)) as session,
    ):
        told = await turn(session)
        assert told.errors and told.errors[0].stage is STAGE[stage]
        assert told.errors[0].retryable
        if stage == "stt":  # one can still type
            assert (await turn(session, speaks=False)).is_whole
        second.faults.clear()
        assert (await turn(session)).is_whole


APOLOGY = "Sorry, that did not work."


@pytest.mark.parametrize("stage", ["stt", "llm"])
async def test_a_failed_turn_is_apologized_for_aloud(stage: StageName) -> None:
    async with (
        standin(stage, Fault(status=500)) as server,
        conversing(server, apology=APOLOGY) as session,
    ):
        failed = await turn(session)
        assert failed.errors
        async with asyncio.timeout(10):
            told = [event async for event in _until_metrics(session)]
        (completed,) = [event for event in told if isinstance(event, events.ResponseCompleted)]
        assert completed.text == APOLOGY
        assert sum(e.duration_ms for e in told if isinstance(e, events.AudioChunk)) > 1_000


async def test_failed_speech_is_apologized_for_in_text() -> None:
    async with (
        standin("tts", Fault(status=500)) as server,
        conversing(server, apology=APOLOGY) as session,
    ):
        failed = await turn(session)
        assert failed.errors
        async with asyncio.timeout(10):
            told = [event async for event in _until_metrics(session)]
        (completed,) = [event for event in told if isinstance(event, events.ResponseCompleted)]
        assert completed.text == APOLOGY
        assert not any(isinstance(event, events.ErrorEvent) for event in told)
        asked = {request.body["input"] for request in server.requests_of("tts")}
        assert APOLOGY not in asked


async def _until_metrics(session: VoiceSession) -> AsyncIterator[events.Event]:
    async for event in session:
        yield event
        if isinstance(event, events.TurnMetrics):
            return
