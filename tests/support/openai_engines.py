"""The OpenAI engines as tests use them: settings that point at a server, and one run of a stage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web

from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, AudioBlock, Pcm
from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.deadlines import Deadlines
from cedar_voice_service.providers.openai import endpoint, engines
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.openai.specification import RealtimeSettings
from cedar_voice_service.providers.protocols import (
    ReplyRequest,
    Responder,
    SpeechRequest,
    Synthesizer,
    Transcriber,
)
from cedar_voice_service.providers.specification import primary_options
from cedar_voice_service.providers.wrappers.retry import retry_policy_of
from cedar_voice_service.providers.wrappers.stream_adapter import StreamAdapter
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.settings import ServiceSettings
from tests.support.openai_script import StageName

DEADLINES = Deadlines(1_000, 1_000, 1_000, 10_000)
QUESTION = ReplyRequest(history=(UserMessage("what is the weather"),))


def settings_of(base_url: str, **changes: Any) -> ServiceSettings:
    """Settings that send every stage to one server, with the key "secret-key"."""
    shared = {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "secret-key"}
    return ServiceSettings.model_validate(shared | changes)


def endpoint_of(settings: ServiceSettings, stage: Stage) -> Endpoint:
    """The server of a stage."""
    return endpoint.endpoint_of(primary_options(settings, stage))


@asynccontextmanager
async def open_openai_transcriber(
    settings: ServiceSettings, *, is_repeated: bool = True
) -> AsyncIterator[Transcriber]:
    """Speech to text as the catalog opens it, with the last request repeated or not."""
    async with engines.open_recognizer(endpoint_of(settings, Stage.STT)) as recognizer:
        policy = retry_policy_of(settings, Stage.STT)
        policy = policy if is_repeated else replace(policy, max_attempts=1)
        yield StreamAdapter(recognizer, policy, allows_partials=lambda: settings.stt.partials)


@asynccontextmanager
async def open_openai_realtime_transcriber(settings: ServiceSettings) -> AsyncIterator[Transcriber]:
    """Speech to text while the user speaks, without repeated requests."""
    model = settings.group(RealtimeSettings).model
    server = endpoint_of(settings, Stage.STT)
    async with engines.open_realtime_transcriber(server, model) as engine:
        yield engine


@asynccontextmanager
async def open_openai_responder(settings: ServiceSettings) -> AsyncIterator[Responder]:
    """The language model, without repeated requests."""
    async with engines.open_responder(endpoint_of(settings, Stage.LLM)) as engine:
        yield engine


@asynccontextmanager
async def open_openai_synthesizer(settings: ServiceSettings) -> AsyncIterator[Synthesizer]:
    """Text to speech, without repeated requests."""
    server = endpoint_of(settings, Stage.TTS)
    async with engines.open_synthesizer(server, settings.tts.voice) as engine:
        yield engine


async def recording(duration_ms: int = 1_000, block_ms: int = 100) -> AsyncIterator[AudioBlock]:
    """Yield an utterance of noise in blocks; every block has other samples."""
    samples = LISTENING_RATE_HZ * block_ms // 1000
    for number in range(duration_ms // block_ms):
        noise = Pcm((number + 1).to_bytes(2, "little") * samples)
        yield AudioBlock(noise, (number + 1) * block_ms)


@asynccontextmanager
async def answering(body: bytes, content_type: str) -> AsyncIterator[str]:
    """Run a server that gives every request the same answer; yield its base URL."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def run(stage: StageName, settings: ServiceSettings) -> list[Any]:
    """Run one stage once, and return everything that its engine yields."""
    match stage:
        case "stt":
            async with open_openai_transcriber(settings, is_repeated=False) as transcriber:
                return [part async for part in transcriber.transcribe(recording(), "en-US")]
        case "llm":
            async with open_openai_responder(settings) as responder:
                return [part async for part in responder.respond(QUESTION)]
        case "tts":
            async with open_openai_synthesizer(settings) as synthesizer:
                return [part async for part in synthesizer.synthesize(SpeechRequest("Hello."))]
