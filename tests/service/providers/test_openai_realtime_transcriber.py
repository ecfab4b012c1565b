"""Realtime transcription through the real SDK against the stand-in, over real sockets."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from cedar_voice_service.audio.formats import AudioBlock, EdgeKind, SpeechEdge
from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.protocols import AudioSent, Hypothesis, Transcriber
from tests.support.hypotheses import hypotheses_of, told_of
from tests.support.openai_engines import open_openai_realtime_transcriber, recording, settings_of
from tests.support.openai_realtime import (
    MODELS,
    RATE_HZ,
    RealtimeFault,
    RealtimeScript,
)
from tests.support.openai_script import TRANSCRIPT
from tests.support.openai_standin import OpenAIStandin

SPOKEN_MODEL = "gpt-4o-transcribe"
"""A model that tells nothing before a commit."""


@asynccontextmanager
async def opened(server: OpenAIStandin, **changes: Any) -> AsyncIterator[Transcriber]:
    """The engine; at its end nothing of it may go on, and nothing it sent was refused."""
    before = asyncio.all_tasks()
    settings = settings_of(server.base_url, **{"stage_timeout_ms": 5_000, **changes})
    async with open_openai_realtime_transcriber(settings) as engine:
        yield engine
    async with asyncio.timeout(5):
        for connection in server.realtime.connections:
            await connection.ended.wait()
    assert [each for each in server.realtime.connections if each.refused] == []
    mine = ("websockets", "cedar_voice_service")
    assert [
        task for task in asyncio.all_tasks() - before if any(name in repr(task) for name in mine)
    ] == []


async def transcribed(
    server: OpenAIStandin,
    audio: AsyncIterator[AudioBlock] | None = None,
    *,
    language: str = "en-US",
    **changes: Any,
) -> list[Hypothesis]:
    """Everything that the engine yields for an utterance."""
    async with opened(server, **changes) as engine:
        results = engine.transcribe(audio or recording(3_000), language)
        return [each async for each in hypotheses_of(results)]


async def endless() -> AsyncGenerator[AudioBlock, None]:
    """An utterance that goes on: one second, and then nothing is heard any more."""
    async for block in recording(1_000):
        yield block
    await asyncio.Event().wait()


async def test_words_come_while_they_are_spoken(server: OpenAIStandin) -> None:
    told = asyncio.Event()

    async def speech() -> AsyncIterator[AudioBlock]:
        async for block in recording(1_000):
            yield block
        await told.wait()
        async for block in recording(2_000):
            yield block

    heard = []
    async with opened(server) as engine:
        async for hypothesis in hypotheses_of(engine.transcribe(speech(), "en-US")):
            heard.append(hypothesis)
            told.set()
    assert heard[-1].text == TRANSCRIPT and heard[-1].is_final
    assert sum(each.is_final for each in heard) == 1
    assert heard[0].text == "what" and not heard[0].is_final


async def test_stable_text_begins_the_text_and_only_grows(server: OpenAIStandin) -> None:
    heard = await transcribed(server)
    partials = heard[:-1]
    assert [each.text for each in partials][:3] == ["what", "what is", "what is on"]
    assert [each.stable_text for each in partials][:3] == ["", "what", "what is"]
    for earlier, later in zip(partials, [*partials[1:], heard[-1]], strict=True):
        assert earlier.text.startswith(earlier.stable_text)
        assert later.text.startswith(earlier.stable_text)


async def test_a_model_that_tells_nothing_before_a_commit_still_gives_partials(
    server: OpenAIStandin,
) -> None:
    heard = await transcribed(server, stt_realtime_model=SPOKEN_MODEL)
    assert [each.text for each in heard][:2] == ["what", "what is"]
    assert heard[-1].text == TRANSCRIPT


async def test_a_final_that_differs_from_its_deltas_stands(server: OpenAIStandin) -> None:
    server.realtime.script = RealtimeScript(("to day is fine",), completions=("Today is fine.",))
    heard = await transcribed(server)
    assert heard[-1].text == "Today is fine."
    assert all("Today" not in each.text for each in heard[:-1])


async def test_the_audio_is_sent_once_at_the_rate_of_the_api(server: OpenAIStandin) -> None:
    async with opened(server) as engine:
        _, sent_ms = await told_of(engine.transcribe(recording(1_500, block_ms=20), "en-US"))
    (connection,) = server.realtime.connections
    (item,) = connection.items
    assert len(item) / 2 / RATE_HZ == pytest.approx(1.5, abs=0.001)
    assert sent_ms == 1_500
    assert connection.types.count("input_audio_buffer.append") <= 1_500 / 60 + 1


@pytest.mark.parametrize("duration_ms", [0, 90])
async def test_too_little_audio_is_silence(duration_ms: int, server: OpenAIStandin) -> None:
    heard = await transcribed(server, recording(duration_ms, block_ms=10))
    assert heard == [Hypothesis("", is_final=True)]
    assert "input_audio_buffer.commit" not in server.realtime.connections[0].types


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("language", "code"), [("de-DE", "de"), ("EN", "en"), ("", None)])
async def test_the_session_is_one_that_the_model_takes(
    model: str, language: str, code: str | None, server: OpenAIStandin
) -> None:
    await transcribed(server, recording(200), language=language, stt_realtime_model=model)
    (connection,) = server.realtime.connections
    sent = connection.session["audio"]["input"]["transcription"]
    assert sent.pop("model") == model
    assert list(sent.values()) in ([], [code], [[code]])
    assert bool(sent) is (code is not None)
    assert connection.api_key == "secret-key"


async def test_each_utterance_has_a_connection_of_its_own(server: OpenAIStandin) -> None:
    async with opened(server) as engine:
        for _ in range(2):
            heard = await _collect(engine.transcribe(recording(), "en-US"))
            assert heard[-1].text == TRANSCRIPT
    first, second = server.realtime.connections
    assert len(first.items) == len(second.items) == 1
    assert first.close_code == second.close_code == 1000


async def test_two_utterances_at_once_do_not_mix(server: OpenAIStandin) -> None:
    async with opened(server) as engine, asyncio.TaskGroup() as tasks:
        both = [
            tasks.create_task(told_of(engine.transcribe(recording(length_ms), "en-US")))
            for length_ms in (1_000, 2_000)
        ]
    assert [task.result()[1] for task in both] == [1_000, 2_000]
    assert sorted(len(each.items[0]) for each in server.realtime.connections) == [48_000, 96_000]


async def test_cancelling_in_mid_utterance_closes_the_socket(server: OpenAIStandin) -> None:
    async with opened(server) as engine, asyncio.TaskGroup() as tasks:
        work = tasks.create_task(_collect(engine.transcribe(endless(), "en-US")))
        await server.realtime.wait_for("input_audio_buffer.append", 5)
        work.cancel()
    assert server.realtime.connections[0].close_code == 1000


async def test_cancelling_in_the_handshake_hangs_up(server: OpenAIStandin) -> None:
    server.realtime.script.fault = RealtimeFault("connect", "silence")
    async with opened(server) as engine, asyncio.TaskGroup() as tasks:
        work = tasks.create_task(_collect(engine.transcribe(endless(), "en-US")))
        await server.realtime.wait_for_handshakes(1)
        work.cancel()
    assert server.realtime.connections[0].types == []


async def test_closing_after_a_partial_closes_the_socket(server: OpenAIStandin) -> None:
    async with (
        opened(server) as engine,
        aclosing(engine.transcribe(endless(), "en-US")) as results,
    ):
        assert isinstance(await anext(results), AudioSent)
    assert server.realtime.connections[0].close_code == 1000


STARTED, STOPPED = EdgeKind.STARTED, EdgeKind.STOPPED


async def heard(*edges: tuple[EdgeKind, int, int], length_ms: int) -> AsyncIterator[AudioBlock]:
    """An utterance with edges of speech: what kind, where it lies, and when it is known."""
    at_ms = 0
    async for block in recording(length_ms):
        known = [edge for edge in edges if at_ms < edge[2] <= at_ms + 100]
        at_ms += 100
        yield AudioBlock(
            block.pcm, at_ms, tuple(SpeechEdge(kind, where) for kind, where, _ in known)
        )


async def test_what_was_said_before_a_pause_is_settled_before_the_turn_ends(
    server: OpenAIStandin,
) -> None:
    server.realtime.script = RealtimeScript(("open the settings",))
    settled = asyncio.Event()

    async def speech() -> AsyncIterator[AudioBlock]:
        edges = (STARTED, 300, 500), (STOPPED, 1_200, 1_400)
        async for block in heard(*edges, length_ms=1_500):
            yield block
        await settled.wait()

    told = []
    async with opened(server) as engine:
        async for hypothesis in hypotheses_of(engine.transcribe(speech(), "en-US")):
            told.append(hypothesis)
            if hypothesis.is_settled:
                settled.set()
    assert [each.text for each in told if each.is_settled] == ["open the settings"]
    assert told[-1] == Hypothesis("open the settings", is_final=True)
    (connection,) = server.realtime.connections
    assert len(connection.items) == 1


async def test_a_pause_is_cut_in_its_middle(server: OpenAIStandin) -> None:
    server.realtime.script = RealtimeScript(("stop it", "go home"))
    edges = [(STARTED, 0, 200), (STOPPED, 1_000, 1_130), (STARTED, 1_350, 1_500)]
    told = await transcribed(server, heard(*edges, length_ms=2_500))
    (connection,) = server.realtime.connections
    lengths_ms = [len(item) / 2 * 1_000 / RATE_HZ for item in connection.items]
    assert lengths_ms == [pytest.approx(1_100, abs=1), pytest.approx(1_400, abs=1)]
    assert told[-1].text == "stop it go home"


async def test_a_gap_within_a_phrase_is_no_pause(server: OpenAIStandin) -> None:
    edges = [(STARTED, 0, 200), (STOPPED, 1_000, 1_090), (STARTED, 1_080, 1_190)]
    await transcribed(server, heard(*edges, length_ms=2_000))
    (connection,) = server.realtime.connections
    assert [len(item) for item in connection.items] == [pytest.approx(96_000, abs=100)]


async def test_speech_that_ended_before_the_utterance_makes_no_pause(
    server: OpenAIStandin,
) -> None:
    async def speech() -> AsyncIterator[AudioBlock]:
        edges = (STOPPED, 900, 1_030), (STARTED, 1_300, 1_500), (STOPPED, 2_000, 2_150)
        async for block in heard(*edges, length_ms=2_500):
            if block.end_ms > 1_000:
                yield block

    await transcribed(server, speech())
    (connection,) = server.realtime.connections
    assert [len(item) / 48 for item in connection.items] == [pytest.approx(1_100, abs=1)]


async def test_what_is_said_after_a_pause_is_not_settled(server: OpenAIStandin) -> None:
    server.realtime.script = RealtimeScript(("stop it", "go home"))
    edges = [(STARTED, 0, 200), (STOPPED, 1_000, 1_130), (STARTED, 1_250, 1_300)]
    told = await transcribed(server, heard(*edges, length_ms=2_000))
    assert not any(each.is_settled for each in told if "go" in each.text)


async def _collect(results: AsyncGenerator[Hypothesis | AudioSent, None]) -> list[Hypothesis]:
    return [each async for each in hypotheses_of(results)]


async def failure(server: OpenAIStandin, fault: RealtimeFault, **changes: Any) -> EngineError:
    """What a fault becomes; the audio never ends unless the fault waits for the commit."""
    server.realtime.script.fault = fault
    audio = recording() if fault.at == "commit" else endless()
    with pytest.raises(EngineError) as caught:
        async with asyncio.timeout(20):
            await transcribed(server, audio, **changes)
    assert caught.value.stage is Stage.STT
    assert "secret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "retryable"),
    [
        (RealtimeFault("connect", "refuse", status=503), True),
        (RealtimeFault("connect", "refuse", status=401), False),
        (RealtimeFault("connect", "refuse", status=429, code="insufficient_quota"), False),
        (RealtimeFault("update", "error", kind="invalid_request_error"), False),
        (RealtimeFault("append", "error"), True),
        (RealtimeFault("append", "error", code="insufficient_quota"), False),
        (RealtimeFault("append", "close"), True),
        (RealtimeFault("append", "cut"), True),
        (RealtimeFault("append", "garbage"), True),
        (RealtimeFault("commit", "error"), True),
        (RealtimeFault("commit", "failed"), True),
        (RealtimeFault("commit", "failed", kind="invalid_request_error"), False),
        (RealtimeFault("commit", "close"), True),
        (RealtimeFault("commit", "cut"), True),
    ],
    ids=lambda value: f"{value.at}-{value.does}" if isinstance(value, RealtimeFault) else "",
)
async def test_a_fault_is_a_typed_error(
    fault: RealtimeFault, retryable: bool, server: OpenAIStandin
) -> None:
    error = await failure(server, fault, stage_timeout_ms=15_000)
    assert error.code is Code.STT_FAILED
    assert error.retryable is retryable


async def test_a_refusal_tells_when_to_come_back(server: OpenAIStandin) -> None:
    fault = RealtimeFault("connect", "refuse", status=429, retry_after="2")
    error = await failure(server, fault)
    assert (error.retryable, error.retry_after_ms) == (True, 2_000)


@pytest.mark.parametrize(
    "fault", [RealtimeFault("connect", "silence"), RealtimeFault("commit", "silence")]
)
async def test_silence_is_given_up(fault: RealtimeFault, server: OpenAIStandin) -> None:
    error = await failure(server, fault, stage_timeout_ms=200)
    assert error.code is Code.STAGE_TIMEOUT and error.retryable


async def test_a_server_that_takes_no_more_audio_is_given_up(server: OpenAIStandin) -> None:
    server.realtime.script.fault = RealtimeFault("append", "deafness")
    with pytest.raises(EngineError) as caught:
        async with asyncio.timeout(15):  # the library itself would wait 20 s before it hangs up
            await transcribed(server, recording(600_000, block_ms=1_000), stage_timeout_ms=200)
    assert caught.value.code is Code.STAGE_TIMEOUT


async def test_a_server_that_is_not_there_is_a_typed_error() -> None:
    settings = settings_of("http://127.0.0.1:9/v1")
    async with open_openai_realtime_transcriber(settings) as engine:
        with pytest.raises(EngineError) as caught:
            await _collect(engine.transcribe(recording(), "en-US"))
    assert caught.value.retryable and caught.value.code is Code.STT_FAILED
