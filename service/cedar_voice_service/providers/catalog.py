"""Chooses the engine of each stage by the settings, and opens them for as long as they serve."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.protocols import (
    EngineInfo,
    Responder,
    Synthesizer,
    Transcriber,
)
from cedar_voice_service.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines in use, one per stage, and what they are good for."""

    transcriber: Transcriber
    responder: Responder
    synthesizer: Synthesizer
    infos: Mapping[Stage, EngineInfo]


@asynccontextmanager
async def open_engines(settings: ServiceSettings) -> AsyncIterator[Engines]:
    """Open the engine of each stage; "auto" takes OpenAI where a key or a base URL is given."""
    from cedar_voice_service.providers import openai_engines as openai

    async with AsyncExitStack() as stack:
        yield Engines(
            await stack.enter_async_context(openai.open_openai_transcriber(settings)),
            await stack.enter_async_context(openai.open_openai_responder(settings)),
            await stack.enter_async_context(openai.open_openai_synthesizer(settings)),
            infos={
                Stage.STT: openai.openai_transcriber_info(settings),
                Stage.LLM: openai.openai_responder_info(settings),
                Stage.TTS: openai.openai_synthesizer_info(settings),
            },
        )


def describe(engines: Engines) -> list[str]:
    """Lines for people: which engines are in use."""
    return [
        f"{stage.value}: {info.name} - {info.description}" for stage, info in engines.infos.items()
    ]
