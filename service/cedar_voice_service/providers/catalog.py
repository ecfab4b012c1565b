"""Chooses the engine of each stage by the settings, and opens them for as long as they serve."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TypeVar

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.protocols import (
    EngineInfo,
    Responder,
    Synthesizer,
    Transcriber,
)
from cedar_voice_service.providers.wrappers.attempts import retry_policy_of
from cedar_voice_service.providers.wrappers.circuit_breaker import CircuitBreaker
from cedar_voice_service.providers.wrappers.fallback import (
    FallbackResponder,
    FallbackSynthesizer,
    FallbackTranscriber,
    NamedEngine,
    PrimaryAndFallback,
)
from cedar_voice_service.providers.wrappers.load_shedding import LoadSheddingTranscriber
from cedar_voice_service.providers.wrappers.retry import (
    RetriedResponder,
    RetriedSynthesizer,
    RetriedTranscriber,
)
from cedar_voice_service.session.load_shedding import Pressure
from cedar_voice_service.settings import ServiceSettings
from cedar_voice_service.workers.decoding import HERE, Decoding, open_decoding

Engine = TypeVar("Engine")

STAGE_NAMES = {
    Stage.STT: "speech to text",
    Stage.LLM: "language model",
    Stage.TTS: "text to speech",
}


class EngineMissing(Exception):
    """An engine was chosen whose packages are not installed; the message says how to get them."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines in use, one per stage, and what they are good for."""

    transcriber: Transcriber
    responder: Responder
    synthesizer: Synthesizer
    infos: Mapping[Stage, EngineInfo]
    decoding: Decoding = HERE


@asynccontextmanager
async def open_engines(
    settings: ServiceSettings, pressure: Pressure | None = None
) -> AsyncGenerator[Engines, None]:
    """Open the engine of each stage; under pressure they do less.

    Raises:
        EngineMissing: the packages of a chosen engine are not installed.
        EngineError: an engine does not start.
    """
    async with AsyncExitStack() as stack:
        pressure = pressure or Pressure()
        decoding = await stack.enter_async_context(open_decoding(settings))
        transcriber, stt_info = await _lasting_transcriber(settings, pressure, stack)
        responder, llm_info = await _lasting_responder(settings, stack)
        synthesizer, tts_info = await _lasting_synthesizer(settings, stack)
        infos = {Stage.STT: stt_info, Stage.LLM: llm_info, Stage.TTS: tts_info}
        shedding = LoadSheddingTranscriber(transcriber, pressure)
        yield Engines(shedding, responder, synthesizer, infos, decoding)


def chosen(settings: ServiceSettings, stage: Stage) -> str:
    """The engine of a stage: "openai", "local", or "openai-realtime" for speech to text.

    "auto" takes OpenAI where the stage has a key or a base URL, of its own or for all stages.
    """
    choice: str = getattr(settings, f"{stage.value}_engine")
    if choice != "auto":
        return choice
    own_key = getattr(settings, f"{stage.value}_api_key").get_secret_value()
    own_url = getattr(settings, f"{stage.value}_base_url")
    shared = settings.openai_api_key.get_secret_value() or settings.openai_base_url
    return "openai" if own_key or own_url or shared else "local"


def describe(engines: Engines) -> list[str]:
    """Lines for people: which engines are in use, and what they are good for."""
    return [
        f"{STAGE_NAMES[stage]}: {' '.join(filter(None, (info.name, info.model)))}"
        f" - {info.description}"
        for stage, info in engines.infos.items()
    ]


def fallback_settings(settings: ServiceSettings, stage: Stage) -> ServiceSettings | None:
    """Settings whose engine of the stage is the fallback engine; None where there is none."""
    name = stage.value
    choice = getattr(settings, f"{name}_fallback_engine")
    if choice == "none":
        return None
    changes = {
        f"{name}_{field}": getattr(settings, f"{name}_fallback_{field}")
        for field in ("engine", "base_url", "api_key")
    }
    if model := getattr(settings, f"{name}_fallback_model"):
        changes[f"{name}_model"] = model
    if stage is Stage.TTS and settings.tts_fallback_voice:
        changes["tts_voice"] = settings.tts_fallback_voice
    return settings.model_copy(update=changes)


async def _lasting_transcriber(
    settings: ServiceSettings, pressure: Pressure, stack: AsyncExitStack
) -> tuple[Transcriber, EngineInfo]:
    first, info = await _open_transcriber(settings, pressure, stack)
    other = fallback_settings(settings, Stage.STT)
    if other is None:
        return first, info
    second, other_info = await _open_transcriber(other, pressure, stack)
    pair = _pair(settings, Stage.STT, _named(first, info), _named(second, other_info))
    return FallbackTranscriber(pair), _with_fallback(info, other_info)


async def _lasting_responder(
    settings: ServiceSettings, stack: AsyncExitStack
) -> tuple[Responder, EngineInfo]:
    policy = retry_policy_of(settings, Stage.LLM)
    engine, info = await _open_responder(settings, stack)
    first: Responder = RetriedResponder(engine, policy)
    other = fallback_settings(settings, Stage.LLM)
    if other is None:
        return first, info
    engine, other_info = await _open_responder(other, stack)
    second: Responder = RetriedResponder(engine, policy)
    pair = _pair(settings, Stage.LLM, _named(first, info), _named(second, other_info))
    return FallbackResponder(pair), _with_fallback(info, other_info)


async def _lasting_synthesizer(
    settings: ServiceSettings, stack: AsyncExitStack
) -> tuple[Synthesizer, EngineInfo]:
    policy = retry_policy_of(settings, Stage.TTS)
    engine, info = await _open_synthesizer(settings, stack)
    first: Synthesizer = RetriedSynthesizer(engine, policy)
    other = fallback_settings(settings, Stage.TTS)
    if other is None:
        return first, info
    engine, other_info = await _open_synthesizer(other, stack)
    second: Synthesizer = RetriedSynthesizer(engine, policy)
    pair = _pair(settings, Stage.TTS, _named(first, info), _named(second, other_info))
    return FallbackSynthesizer(pair), _with_fallback(info, other_info)


def _named(engine: Engine, info: EngineInfo) -> NamedEngine[Engine]:
    return NamedEngine(" ".join(filter(None, (info.name, info.model))), engine)


def _pair(
    settings: ServiceSettings, stage: Stage, first: NamedEngine[Engine], second: NamedEngine[Engine]
) -> PrimaryAndFallback[Engine]:
    breaker = CircuitBreaker(settings.engine_max_failures, settings.engine_probe_interval_ms)
    return PrimaryAndFallback(stage, first, second, breaker)


def _with_fallback(info: EngineInfo, other: EngineInfo) -> EngineInfo:
    name = " ".join(filter(None, (other.name, other.model)))
    return replace(info, description=f"{info.description}; {name} stands in for it")


# Engines are imported when they are chosen: their packages are optional.


async def _open_transcriber(
    settings: ServiceSettings, pressure: Pressure, stack: AsyncExitStack
) -> tuple[Transcriber, EngineInfo]:
    """An engine that is asked again when it fails: each in its way."""
    policy = retry_policy_of(settings, Stage.STT)
    choice = chosen(settings, Stage.STT)
    if choice == "openai":
        from cedar_voice_service.providers.openai import engines as openai

        engine = await stack.enter_async_context(openai.open_openai_transcriber(settings, pressure))
        return engine, openai.openai_transcriber_info(settings)
    if choice == "openai-realtime":
        from cedar_voice_service.providers.openai import engines as openai

        live = await stack.enter_async_context(openai.open_openai_realtime_transcriber(settings))
        return RetriedTranscriber(live, policy), openai.openai_realtime_transcriber_info(settings)
    _require("pocketsphinx", Stage.STT)
    from cedar_voice_service.providers.pocketsphinx import engine as pocketsphinx

    local = await stack.enter_async_context(pocketsphinx.open_pocketsphinx(settings))
    return RetriedTranscriber(local, policy), pocketsphinx.INFO


async def _open_responder(
    settings: ServiceSettings, stack: AsyncExitStack
) -> tuple[Responder, EngineInfo]:
    if chosen(settings, Stage.LLM) == "openai":
        from cedar_voice_service.providers.openai import engines as openai

        engine = await stack.enter_async_context(openai.open_openai_responder(settings))
        return engine, openai.openai_responder_info(settings)
    from cedar_voice_service.providers.scripted import engine as scripted

    return scripted.ScriptedResponder(), scripted.INFO


async def _open_synthesizer(
    settings: ServiceSettings, stack: AsyncExitStack
) -> tuple[Synthesizer, EngineInfo]:
    if chosen(settings, Stage.TTS) == "openai":
        from cedar_voice_service.providers.openai import engines as openai

        engine = await stack.enter_async_context(openai.open_openai_synthesizer(settings))
        return engine, openai.openai_synthesizer_info(settings)
    _require("espeakng_loader", Stage.TTS)
    from cedar_voice_service.providers.espeak import engine as espeak

    local = await stack.enter_async_context(espeak.open_espeak(settings))
    return local, espeak.INFO


def _require(package: str, stage: Stage) -> None:
    if find_spec(package) is None:
        raise EngineMissing(
            f"the embedded engine for {STAGE_NAMES[stage]} is not installed: "
            "pip install 'cedar-voice[local]', or give this stage an OpenAI key or base URL"
        )
