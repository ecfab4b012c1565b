"""The OpenAI engines when servers fail, and whom they connect to with which key."""

import asyncio
import socket
import ssl
from contextlib import ExitStack
from typing import Any

import anyio
import pytest

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.openai.connection import timed_wait
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.openai.specification import OPENAI
from cedar_voice_service.providers.protocols import SpeechRequest
from cedar_voice_service.providers.specification import primary_options
from tests.support.openai_engines import (
    DEADLINES,
    QUESTION,
    answering,
    open_openai_responder,
    open_openai_synthesizer,
    open_openai_transcriber,
    recording,
    run,
    settings_of,
)
from tests.support.openai_script import INSTANT, Fault, Latencies, StageName
from tests.support.openai_standin import OpenAIStandin

STAGES: tuple[StageName, ...] = ("stt", "llm", "tts")
FAILED = {"stt": Code.STT_FAILED, "llm": Code.LLM_FAILED, "tts": Code.TTS_FAILED}

every_stage = pytest.mark.parametrize("stage", STAGES)


async def failure(stage: StageName, base_url: str, **changes: Any) -> EngineError:
    """The error that a run of the stage ends with; it is of that stage, and chained."""
    with pytest.raises(EngineError) as caught:
        await run(stage, settings_of(base_url, **changes))
    assert caught.value.stage is Stage(stage)
    return caught.value


@every_stage
async def test_rate_limit_says_when_to_come_back(stage: StageName, server: OpenAIStandin) -> None:
    server.faults = {stage: Fault(status=429, retry_after="2.5")}
    error = await failure(stage, server.base_url)
    assert (error.code, error.retryable, error.retry_after_ms) == (FAILED[stage], True, 2_500)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "header", ["", "soon", "-5", "nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"]
)
async def test_unusable_retry_after_is_left_to_the_caller(
    header: str, server: OpenAIStandin
) -> None:
    server.faults = {"llm": Fault(status=429, retry_after=header)}
    assert (await failure("llm", server.base_url)).retry_after_ms == 0


async def test_endless_retry_after_is_bounded(server: OpenAIStandin) -> None:
    server.faults = {"llm": Fault(status=429, retry_after="1e30")}
    assert (await failure("llm", server.base_url)).retry_after_ms == 3_600_000


@every_stage
@pytest.mark.parametrize(
    ("status", "error_code", "retryable"),
    [
        (400, "injected", False),
        (403, "injected", False),
        (404, "model_not_found", False),
        (408, "injected", True),
        (429, "insufficient_quota", False),
        (500, "injected", True),
        (503, "injected", True),
    ],
)
async def test_status_tells_whether_to_try_again(
    stage: StageName, status: int, error_code: str, retryable: bool, server: OpenAIStandin
) -> None:
    server.faults = {stage: Fault(status=status, error_code=error_code)}
    error = await failure(stage, server.base_url)
    assert (error.code, error.retryable) == (FAILED[stage], retryable)
    assert f"status {status}, {error_code}" in error.message


async def test_code_that_is_no_plain_word_is_not_repeated(server: OpenAIStandin) -> None:
    server.faults = {"llm": Fault(status=500, error_code="key secret-key is wrong")}
    assert "secret-key" not in (await failure("llm", server.base_url)).message


@every_stage
async def test_wrong_key_is_refused_without_repeating_it(stage: StageName) -> None:
    async with OpenAIStandin(latencies=INSTANT, api_key="another-key") as server:
        error = await failure(stage, server.base_url)
    assert not error.retryable
    assert "invalid_api_key" in error.message
    assert "secret-key" not in error.message


@every_stage
async def test_server_that_never_answers(stage: StageName, server: OpenAIStandin) -> None:
    server.faults = {stage: Fault(hangs=True)}
    async with asyncio.timeout(3):
        error = await failure(stage, server.base_url, stage_timeout_ms=200)
    assert (error.code, error.retryable) == (Code.STAGE_TIMEOUT, True)
    await asyncio.wait_for(server.requests[0].ended.wait(), 5)


@every_stage
async def test_server_that_falls_silent(stage: StageName, server: OpenAIStandin) -> None:
    server.faults = {stage: Fault(hangs=True, after_bytes=30)}
    async with asyncio.timeout(3):
        error = await failure(stage, server.base_url, stage_timeout_ms=200)
    assert error.code is Code.STAGE_TIMEOUT
    await asyncio.wait_for(server.requests[0].ended.wait(), 5)


async def test_filler_is_no_progress(server: OpenAIStandin) -> None:
    server.faults = {"llm": Fault(hangs=True, after_bytes=0, filler_interval_ms=20)}
    async with asyncio.timeout(3):
        error = await failure("llm", server.base_url, stage_timeout_ms=300)
    assert error.code is Code.STAGE_TIMEOUT


@every_stage
async def test_connection_cut_in_the_middle(stage: StageName, server: OpenAIStandin) -> None:
    server.faults = {stage: Fault(after_bytes=30)}
    error = await failure(stage, server.base_url)
    assert (error.code, error.retryable) == (FAILED[stage], True)
    assert error.__cause__ is not None


@every_stage
async def test_nobody_listens(stage: StageName, unused_tcp_port: int) -> None:
    error = await failure(stage, f"http://127.0.0.1:{unused_tcp_port}/v1")
    assert (error.code, error.retryable) == (FAILED[stage], True)


@every_stage
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>welcome</html>", "text/html"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"unexpected": 1}', "application/json"),
    ],
)
async def test_server_of_something_else(stage: StageName, body: bytes, content_type: str) -> None:
    async with answering(body, content_type) as base_url:
        assert (await failure(stage, base_url)).code is FAILED[stage]


@pytest.mark.parametrize(
    "events",
    [
        b"data: {broken\n\n",
        b"data: []\n\n",
        b'data: {"choices": null}\n\n',
        b'data: {"choices": [{"delta": null}]}\n\n',
        b'data: {"choices": [{"index": 0, "delta": {"content": "cut"}}]}\n\ndata: [DONE]\n\n',
        b'data: {"error": {"message": "overloaded"}}\n\n',
        b"data: \xff\n\n",
    ],
)
async def test_malformed_stream(events: bytes) -> None:
    async with answering(events, "text/event-stream") as base_url:
        assert (await failure("llm", base_url)).code is Code.LLM_FAILED


async def test_mp3_is_not_taken_for_samples() -> None:
    async with answering(b"ID3", "audio/mpeg") as base_url:
        assert not (await failure("tts", base_url)).retryable


@pytest.mark.parametrize(
    "failing", [ssl.SSLError, ssl.SSLCertVerificationError, anyio.EndOfStream, OSError]
)
async def test_failure_below_http(failing: type[Exception]) -> None:
    endpoint = Endpoint(Stage.TTS, "model", DEADLINES, "http://127.0.0.1:9/v1")
    with pytest.raises(EngineError) as caught:
        async with timed_wait(endpoint):
            raise failing
    assert (caught.value.code, caught.value.retryable) == (Code.TTS_FAILED, True)
    assert caught.value.message == "the connection to speech synthesis failed"


async def test_stages_of_a_turn_share_one_connection(server: OpenAIStandin) -> None:
    settings = settings_of(server.base_url)
    async with (
        open_openai_transcriber(settings) as transcriber,
        open_openai_responder(settings) as responder,
        open_openai_synthesizer(settings) as synthesizer,
    ):
        async for _ in transcriber.transcribe(recording(), "en-US"):
            pass
        async for _ in responder.respond(QUESTION):
            pass
        async for _ in synthesizer.synthesize(SpeechRequest("Hello.")):
            pass
    assert [request.stage for request in server.requests] == ["stt", "llm", "tts"]
    assert len({request.connection for request in server.requests}) == 1


async def test_connection_that_the_server_gave_up_is_replaced(unused_tcp_port: int) -> None:
    first, second = OpenAIStandin(latencies=INSTANT), OpenAIStandin(latencies=INSTANT)
    async with first:
        await first.start(unused_tcp_port)
        async with open_openai_responder(settings_of(first.base_url)) as responder:
            assert [part async for part in responder.respond(QUESTION)]
            await first.__aexit__()
            async with second:
                await second.start(unused_tcp_port)
                assert [part async for part in responder.respond(QUESTION)]
    assert [len(first.requests), len(second.requests)] == [1, 1]


async def test_closing_one_engine_leaves_the_others_connected(server: OpenAIStandin) -> None:
    settings = settings_of(server.base_url)
    async with open_openai_responder(settings) as responder:
        async with open_openai_transcriber(settings):
            pass
        assert [part async for part in responder.respond(QUESTION)]
    assert await run("llm", settings)


async def test_each_stage_has_a_server_key_and_model_of_its_own() -> None:
    async with (
        OpenAIStandin(latencies=INSTANT, api_key="ears") as ears,
        OpenAIStandin(latencies=INSTANT, api_key="brain") as brain,
        OpenAIStandin(latencies=INSTANT, api_key="mouth") as mouth,
    ):
        settings = settings_of(
            "http://127.0.0.1:9/v1",
            stt_base_url=ears.base_url,
            stt_api_key="ears",
            stt_model="whisper-large",
            llm_base_url=brain.base_url,
            llm_api_key="brain",
            llm_model="llama",
            tts_base_url=mouth.base_url,
            tts_api_key="mouth",
            tts_model="kokoro",
        )
        for stage in STAGES:
            await run(stage, settings)
    received = [*ears.requests, *brain.requests, *mouth.requests]
    assert [request.stage for request in received] == ["stt", "llm", "tts"]
    assert [request.body["model"] for request in received] == ["whisper-large", "llama", "kokoro"]


async def test_key_of_every_stage_is_not_shown_to_a_server_of_one(server: OpenAIStandin) -> None:
    settings = settings_of("http://127.0.0.1:9/v1", llm_base_url=server.base_url)
    await run("llm", settings)
    assert server.requests[0].api_key
    assert server.requests[0].api_key != "secret-key"


@every_stage
async def test_local_server_needs_no_key(
    stage: StageName, server: OpenAIStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    await run(stage, settings_of(server.base_url, OPENAI_API_KEY=""))
    assert server.requests[0].api_key == "none"


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("api.openai.com", True),
        ("eu.api.openai.com", True),
        ("openai.com.example", False),
        ("notopenai.com", False),
        ("127.0.0.1:8000", False),
    ],
)
def test_openai_itself_is_told_from_others(host: str, is_own: bool) -> None:
    assert Endpoint(Stage.LLM, "model", DEADLINES, f"https://{host}/v1").is_openais_own is is_own


def test_openai_itself_needs_no_address_and_keys_are_not_shown() -> None:
    endpoint = Endpoint(Stage.LLM, "model", DEADLINES, api_key="secret-key")
    assert endpoint.is_openais_own
    assert "secret-key" not in repr(endpoint)


def test_engines_say_what_they_are_and_where() -> None:
    settings = settings_of("", llm_base_url="http://127.0.0.1:9/v1", llm_model="llama")
    stt, llm, tts = (
        OPENAI.describe(primary_options(settings, stage))
        for stage in (Stage.STT, Stage.LLM, Stage.TTS)
    )
    assert (stt.name, stt.model) == ("openai", settings.stt.model)
    assert "by OpenAI" in stt.description
    assert llm.model == "llama"
    assert "OpenAI-compatible server" in llm.description
    assert "pitch" in tts.description


async def test_each_wait_has_a_deadline_of_its_own(server: OpenAIStandin) -> None:
    server.faults = {"llm": Fault(hangs=True, after_bytes=400)}
    error = await failure("llm", server.base_url, llm_next_timeout_ms=200)
    assert (error.code, "200 ms" in error.message) == (Code.STAGE_TIMEOUT, True)


async def test_all_waits_together_have_a_deadline() -> None:
    async with OpenAIStandin(latencies=Latencies(0, 0, 0, 100, 0, 0)) as server:
        async with asyncio.timeout(4):  # 60 tokens take 6 s
            error = await failure("llm", server.base_url, llm_total_timeout_ms=500)
    assert error.code is Code.STAGE_TIMEOUT


async def test_a_server_that_cannot_be_reached_is_given_up_before_it_had_to_answer() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(4):  # the queue of who waits to be let in
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        base_url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        async with asyncio.timeout(4):
            error = await failure("llm", base_url, connect_timeout_ms=100)
    assert (error.code, error.retryable) == (Code.LLM_FAILED, True)
