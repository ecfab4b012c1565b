"""A whole conversation on the OpenAI engines: the real SDK against the suite's own server."""

import asyncio
from dataclasses import replace

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
from cedar_voice_client.options import AudioFormat
from tests.support.openai_realtime import RealtimeFault, RealtimeScript
from tests.support.openai_script import INSTANT, TRANSCRIPT, Fault, StageName
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_path
from tests.support.service import running, settings_of

OPTIONS = SessionOptions(
    turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL),
    output_audio=OutputAudioConfig(format=AudioFormat(AudioEncoding.PCM_S16LE), max_lead_ms=1_000),
)


async def speak(session: VoiceSession) -> None:
    await session.start_listening()
    await session.send_audio(speech_path("open_the_settings").read_bytes())
    await session.stop_listening()


async def until(session: VoiceSession, kind: type[events.Event]) -> list[events.Event]:
    heard: list[events.Event] = []
    async with asyncio.timeout(20):
        async for event in session:
            heard.append(event)
            if isinstance(event, kind):
                return heard
    raise AssertionError(f"the session ended before {kind.__name__}")


async def test_speech_is_transcribed_answered_and_spoken() -> None:
    async with (
        OpenAIStandin(latencies=INSTANT) as standin,
        running(settings_of(standin)) as client,
        client.session(OPTIONS) as session,
    ):
        await speak(session)
        heard = await until(session, events.ResponseCompleted)
        await session.interrupt()  # 18 s of speech would be paced out
        rest = await until(session, events.TurnMetrics)
    finals = [e.text for e in heard if isinstance(e, events.Transcription) and e.is_final]
    assert finals == [TRANSCRIPT]
    completed = heard[-1]
    assert isinstance(completed, events.ResponseCompleted)
    assert completed.usage is not None and completed.usage.completion_tokens > 0
    deltas = [e.text for e in heard if isinstance(e, events.ResponseDelta)]
    assert "".join(deltas) == completed.text
    assert any(isinstance(event, events.AudioChunk) and event.data for event in heard + rest)


async def test_the_first_speech_comes_before_the_last_word_is_written() -> None:
    slow = replace(INSTANT, llm_first_token_ms=50, llm_token_ms=20)
    async with (
        OpenAIStandin(latencies=slow) as standin,
        running(settings_of(standin)) as client,
        client.session(OPTIONS) as session,
    ):
        await speak(session)
        heard = await until(session, events.ResponseCompleted)
    kinds = [type(event) for event in heard]
    last_word = len(kinds) - 1 - kinds[::-1].index(events.ResponseDelta)
    assert kinds.index(events.AudioChunk) < last_word


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ("stt", ErrorCode.STT_FAILED),
        ("llm", ErrorCode.LLM_FAILED),
        ("tts", ErrorCode.TTS_FAILED),
    ],
)
async def test_a_failing_stage_is_told_and_the_session_lives(
    stage: StageName, code: ErrorCode
) -> None:
    async with (
        OpenAIStandin(latencies=INSTANT, faults={stage: Fault(status=500)}) as standin,
        running(settings_of(standin)) as client,
        client.session(OPTIONS) as session,
    ):
        await speak(session)
        heard = await until(session, events.ErrorEvent)
        failure = heard[-1]
        assert isinstance(failure, events.ErrorEvent)
        assert failure.code is code and not failure.fatal
        standin.faults.clear()
        await session.send_text("again")
        await until(session, events.AudioChunk)


async def test_a_stage_that_hangs_is_given_up() -> None:
    async with OpenAIStandin(latencies=INSTANT, faults={"llm": Fault(hangs=True)}) as standin:
        service = settings_of(standin, stage_timeout_ms=300)
        async with running(service) as client, client.session(OPTIONS) as session:
            await session.send_text("hello")
            heard = await until(session, events.ErrorEvent)
            failure = heard[-1]
            assert isinstance(failure, events.ErrorEvent)
            assert failure.code is ErrorCode.STAGE_TIMEOUT


async def test_realtime_transcription_shows_the_words_as_they_are_spoken() -> None:
    async with OpenAIStandin(latencies=INSTANT) as standin:
        service = settings_of(standin, stt_engine="openai-realtime")
        async with running(service) as client, client.session(OPTIONS) as session:
            await session.start_listening()
            await session.send_audio(speech_path("open_the_settings").read_bytes())
            first = (await until(session, events.Transcription))[-1]
            await session.stop_listening()
            heard = await until(session, events.ResponseStarted)
    assert isinstance(first, events.Transcription) and not first.is_final
    assert TRANSCRIPT.startswith(first.text)
    told = [event for event in heard if isinstance(event, events.Transcription)]
    assert [event.text for event in told if event.is_final] == [TRANSCRIPT]
    (connection,) = standin.realtime.connections
    assert connection.refused == [] and not standin.requests_of("stt")


async def test_realtime_transcription_that_fails_is_told_and_the_session_lives() -> None:
    async with OpenAIStandin(latencies=INSTANT) as standin:
        standin.realtime.script.fault = RealtimeFault("append", "cut")
        service = settings_of(standin, stt_engine="openai-realtime")
        async with running(service) as client, client.session(OPTIONS) as session:
            await speak(session)
            heard = await until(session, events.ErrorEvent)
            failure = heard[-1]
            assert isinstance(failure, events.ErrorEvent)
            assert failure.code is ErrorCode.STT_FAILED and failure.retryable
            standin.realtime.script.fault = None
            await speak(session)
            heard = await until(session, events.ResponseStarted)
    assert [e.text for e in heard if isinstance(e, events.Transcription) and e.is_final] == [
        TRANSCRIPT
    ]


async def test_a_pause_between_sentences_cuts_what_realtime_transcription_hears() -> None:
    async with OpenAIStandin(latencies=INSTANT) as standin:
        standin.realtime.script = RealtimeScript(("Turn on the light.", "Then close the door."))
        service = settings_of(standin, stt_engine="openai-realtime")
        async with running(service) as client, client.session(OPTIONS) as session:
            await session.start_listening()
            await session.send_audio(speech_path("two_sentences").read_bytes())
            await session.stop_listening()
            heard = await until(session, events.ResponseStarted)
    finals = [e.text for e in heard if isinstance(e, events.Transcription) and e.is_final]
    assert finals == ["Turn on the light. Then close the door."]
    (connection,) = standin.realtime.connections
    assert len(connection.items) == 2 and connection.refused == []
