"""Findings of `doctor` from opening the engines: which are used, and whether embedded ones work."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from random import Random
from typing import Any

from cedar_voice_cli.inventory import Finding, Status
from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES, AudioBlock, Pcm
from cedar_voice_service.errors import CedarVoiceError, Stage
from cedar_voice_service.providers.catalog import open_engines
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.providers.protocols import EngineInfo, ReplyRequest, SpeechRequest
from cedar_voice_service.providers.registry import (
    BUILT_IN,
    EngineMissing,
    registered,
    specification,
)
from cedar_voice_service.providers.specification import primary_options
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.settings import ServiceSettings

_TIMEOUT_S = 30.0


def other_engines() -> Iterator[Finding]:
    """Return the engines that other distributions register, without loading them."""
    for entry in registered()[len(BUILT_IN) :]:
        owner = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        yield Finding(f"engine {entry.name}", f"registered by {owner}")


async def rehearse(settings: ServiceSettings) -> list[Finding]:
    """Open the engines that the settings select; return one finding for each stage."""
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
    options = primary_options(settings, stage)
    spec = specification(options)
    if obstacle := spec.obstacle(options):
        return Finding(stage.value, f"{name}: {info.description}: {obstacle}", Status.MISSING)
    if spec.is_remote:  # a request may cost money
        return Finding(stage.value, f"{name}: {info.description}")
    started_s = time.perf_counter()
    try:
        results = await _count(_request(engines, stage))
    except CedarVoiceError as error:
        return Finding(stage.value, f"{name} does not work: {error}", Status.MISSING)
    if not results:
        return Finding(stage.value, f"{name} gives no result", Status.MISSING)
    duration_ms = (time.perf_counter() - started_s) * 1_000
    return Finding(stage.value, f"{name}: {info.description} (tried, {duration_ms:.0f} ms)")


def _request(engines: Engines, stage: Stage) -> AsyncGenerator[Any, None]:
    """Request a second of work from the engine of a stage."""
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


async def _second_of_noise() -> AsyncIterator[AudioBlock]:
    yield AudioBlock(Pcm(Random(0).randbytes(LISTENING_RATE_HZ * SAMPLE_BYTES)), end_ms=1_000)
