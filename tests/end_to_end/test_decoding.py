"""What the user still gets when the process that decodes the microphone dies or hangs."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cedar_voice_client import (
    AudioEncoding,
    AudioFormat,
    ErrorCode,
    SessionOptions,
    TurnDetection,
    TurnDetectionMode,
    VoiceClient,
    VoiceSession,
    events,
)
from cedar_voice_client.enums import PipelineStage
from tests.support.children import child_pids
from tests.support.media import recorded
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_pcm
from tests.support.service import running, settings_of

WEBM = AudioFormat(AudioEncoding.WEBM_OPUS)
PCM = AudioFormat(AudioEncoding.PCM_S16LE, 16_000, 1)
MANUAL = TurnDetection(mode=TurnDetectionMode.MANUAL)
BLOBS = recorded("webm").blobs
HALF = len(BLOBS) // 2
WHOLE_MS = 3_000


@asynccontextmanager
async def service(**values: Any) -> AsyncIterator[VoiceClient]:
    """A service on a provider that answers at once."""
    async with (
        OpenAIStandin(answers=[Answer("Fine.")], latencies=INSTANT) as provider,
        running(settings_of(provider, stt_partials=False, **values)) as client,
    ):
        yield client


def options(
    audio_format: AudioFormat, turn_detection: TurnDetection | None = MANUAL
) -> SessionOptions:
    return SessionOptions(
        use_browser_tts=True, input_audio=audio_format, turn_detection=turn_detection
    )


async def until(session: VoiceSession, kind: type[events.Event]) -> list[events.Event]:
    """The events up to the first of a kind."""
    heard: list[events.Event] = []
    async with asyncio.timeout(60):
        async for event in session:
            heard.append(event)
            if isinstance(event, kind):
                return heard
    raise AssertionError("the session ended")


async def say(session: VoiceSession, *blobs: bytes) -> None:
    for blob in blobs:
        await session.send_audio(blob)


async def spoken_ms(session: VoiceSession) -> int:
    """Speak a whole turn; how much of it was heard and answered."""
    await session.start_listening()
    await say(session, *BLOBS)
    await session.stop_listening()
    return heard_ms(await until(session, events.TurnMetrics))


def heard_ms(heard: list[events.Event]) -> int:
    (answer,) = [event for event in heard if isinstance(event, events.ResponseCompleted)]
    metrics = heard[-1]
    assert answer.text == "Fine." and isinstance(metrics, events.TurnMetrics)
    return metrics.input_audio_ms


def error_of(heard: list[events.Event]) -> events.ErrorEvent:
    (error,) = [event for event in heard if isinstance(event, events.ErrorEvent)]
    assert error.stage is PipelineStage.AUDIO_INPUT
    assert error.retryable and not error.fatal
    return error


async def half_a_turn(session: VoiceSession) -> int:
    """Speak until the service has heard of it; the process that decodes it."""
    before = child_pids()
    await session.start_listening()
    await say(session, *BLOBS[:HALF])
    await until(session, events.SpeechActivity)
    (pid,) = child_pids() - before
    return pid


async def test_a_decoder_that_is_killed_costs_its_turn_and_nobody_else() -> None:
    pcm = speech_pcm()
    async with (
        service() as client,
        client.session(options(WEBM)) as session,
        client.session(options(PCM)) as other,
    ):
        await other.start_listening()
        await other.send_audio(pcm[:32_000])
        os.kill(await half_a_turn(session), signal.SIGKILL)
        await say(session, *BLOBS[HALF:])
        await session.stop_listening()
        error = error_of(await until(session, events.TurnMetrics))
        assert (error.code, error.turn_id) == (ErrorCode.AUDIO_DECODE_FAILED, 1)
        await other.send_audio(pcm[32_000:])
        await other.stop_listening()
        assert heard_ms(await until(other, events.TurnMetrics)) == len(pcm) // 32
        assert await spoken_ms(session) == WHOLE_MS


async def test_a_decoder_that_hangs_is_given_up_in_time() -> None:
    async with (
        service(decoding_timeout_ms=1_000) as client,
        client.session(options(WEBM)) as session,
    ):
        os.kill(await half_a_turn(session), signal.SIGSTOP)
        await say(session, *BLOBS[HALF:])
        await session.stop_listening()
        error = error_of(await until(session, events.TurnMetrics))
        assert (error.code, error.turn_id) == (ErrorCode.STAGE_TIMEOUT, 1)
        assert await spoken_ms(session) == WHOLE_MS


async def test_a_recording_without_end_goes_on_in_another_decoder() -> None:
    """A microphone that is never switched off sends its header once."""
    before = child_pids()
    async with service() as client, client.session(options(WEBM, None)) as session:
        await say(session, *BLOBS)
        await until(session, events.TurnMetrics)
        (pid,) = child_pids() - before
        os.kill(pid, signal.SIGKILL)
        await say(session, *BLOBS[1:])
        heard = await until(session, events.TurnMetrics)
        assert error_of(heard).code is ErrorCode.AUDIO_DECODE_FAILED
        assert heard_ms(heard) > WHOLE_MS / 2
