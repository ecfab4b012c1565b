"""The OpenAI engines as tests use them: settings that point at a server, and one run of a stage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, AudioBlock, Pcm
from cedar_voice_service.providers.deadlines import Deadlines
from cedar_voice_service.providers.openai.engines import (
    open_openai_responder,
    open_openai_synthesizer,
    open_openai_transcriber,
)
from cedar_voice_service.providers.protocols import ReplyRequest, SpeechRequest
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.settings import ServiceSettings
from tests.support.openai_script import StageName

DEADLINES = Deadlines(1_000, 1_000, 1_000, 10_000)
QUESTION = ReplyRequest(history=(UserMessage("what is the weather"),))


def settings_of(base_url: str, **changes: Any) -> ServiceSettings:
    """Settings that send every stage to one server, with the key "secret-key"."""
    shared = {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "secret-key"}
    return ServiceSettings.model_validate(shared | changes)


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
            once = settings.model_copy(update={"engine_attempts": 1})
            async with open_openai_transcriber(once) as transcriber:
                return [part async for part in transcriber.transcribe(recording(), "en-US")]
        case "llm":
            async with open_openai_responder(settings) as responder:
                return [part async for part in responder.respond(QUESTION)]
        case "tts":
            async with open_openai_synthesizer(settings) as synthesizer:
                return [part async for part in synthesizer.synthesize(SpeechRequest("Hello."))]
