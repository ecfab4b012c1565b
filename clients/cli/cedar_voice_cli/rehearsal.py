"""What `doctor` finds by opening the engines: which are used, and that embedded ones work."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from random import Random
from typing import Any

from cedar_voice_cli.inventory import Finding, Status
from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES, Pcm
from cedar_voice_service.errors import CedarVoiceError, Stage
from cedar_voice_service.providers.catalog import EngineMissing, Engines, open_engines
from cedar_voice_service.providers.openai.engines import endpoint_of
from cedar_voice_service.providers.protocols import EngineInfo, ReplyRequest, SpeechRequest
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.settings import ServiceSettings

_TIMEOUT_S = 30.0


async def rehearse(settings: ServiceSettings) -> list[Finding]:
    """Open the engines that the settings choose; one finding for each stage."""
    try:
        async with asyncio.timeout(_TIMEOUT_S), open_engines(settings) as engines:
            return [
                await _rehearse_stage(settings, engines, stage, info)
                for stage, info in engines.infos.items()
            ]
    except TimeoutError:
        return [Finding("engines", f"not ready within {_TIMEOUT_S:g} s", Status.MISSING)]
    except (CedarVoiceError, EngineMissing, OSError) as error:
        return [Finding("engines", str(error), Status.MISSING)]


async def _rehearse_stage(
    settings: ServiceSettings, engines: Engines, stage: Stage, info: EngineInfo
) -> Finding:
    name = f"{info.name} {info.model}".strip()
    if info.name in ("openai", "openai-realtime"):
        return _remote(settings, stage, Finding(stage.value, f"{name}: {info.description}"))
    started_s = time.perf_counter()
    try:
        results = await _count(_work(engines, stage))
    except CedarVoiceError as error:
        return Finding(stage.value, f"{name} does not work: {error}", Status.MISSING)
    if not results:
        return Finding(stage.value, f"{name} gives no result", Status.MISSING)
    took_ms = (time.perf_counter() - started_s) * 1_000
    return Finding(stage.value, f"{name}: {info.description} (tried, {took_ms:.0f} ms)")


def _remote(settings: ServiceSettings, stage: Stage, found: Finding) -> Finding:
    """A remote engine is not called, for that may cost money; but it needs a key."""
    endpoint = endpoint_of(settings, stage)
    if endpoint.api_key or not endpoint.is_openais_own:
        return found
    return Finding(found.subject, f"{found.text}: set OPENAI_API_KEY", Status.MISSING)


def _work(engines: Engines, stage: Stage) -> AsyncGenerator[Any, None]:
    """A second of work for the engine of a stage."""
    if stage is Stage.STT:
        return engines.transcriber.transcribe(_second_of_noise(), "en-US")
    if stage is Stage.LLM:
        return engines.responder.respond(ReplyRequest((UserMessage("Hello."),)))
    return engines.synthesizer.synthesize(SpeechRequest("Ready."))


async def _count(results: AsyncGenerator[Any, None]) -> int:
    count = 0
    async with aclosing(results):
        async for _ in results:
            count += 1
    return count


async def _second_of_noise() -> AsyncIterator[Heard]:
    yield Heard(Pcm(Random(0).randbytes(LISTENING_RATE_HZ * SAMPLE_BYTES)), end_ms=1_000)
