"""Opens the engines that the settings select, with repeated requests and fallback engines."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.providers.protocols import (
    BatchRecognizer,
    EngineInfo,
    Responder,
    Synthesizer,
    Transcriber,
)
from cedar_voice_service.providers.registry import STAGE_TITLES, find
from cedar_voice_service.providers.specification import (
    EngineOptions,
    fallback_options,
    primary_options,
)
from cedar_voice_service.providers.wrappers.circuit_breaker import CircuitBreaker
from cedar_voice_service.providers.wrappers.fallback import (
    NamedEngine,
    PrimaryAndFallback,
    with_fallback,
)
from cedar_voice_service.providers.wrappers.load_shedding import LoadSheddingTranscriber
from cedar_voice_service.providers.wrappers.retry import retried, retry_policy_of
from cedar_voice_service.providers.wrappers.stage import (
    REPLY,
    SPEECH,
    TRANSCRIPTION,
    Engine,
    Request,
    Result,
    StageKind,
)
from cedar_voice_service.providers.wrappers.stream_adapter import StreamAdapter
from cedar_voice_service.session.load_shedding import LoadMonitor
from cedar_voice_service.settings import ServiceSettings
from cedar_voice_service.workers.decoding import open_decoding


@asynccontextmanager
async def open_engines(
    settings: ServiceSettings, load_monitor: LoadMonitor | None = None
) -> AsyncGenerator[Engines, None]:
    """Open the engine of each stage; under load they do less.

    Raises:
        EngineMissing: an engine that the settings name cannot be used.
        EngineError: an engine does not start.
    """
    load_monitor = load_monitor or LoadMonitor()
    async with AsyncExitStack() as stack:
        opening = _Opening(settings, load_monitor, stack)
        decoding = await stack.enter_async_context(open_decoding(settings.decoding))
        transcriber, stt = await opening.stage(TRANSCRIPTION, opening.transcriber)
        responder, llm = await opening.stage(REPLY, opening.responder)
        synthesizer, tts = await opening.stage(SPEECH, opening.synthesizer)
        infos = {Stage.STT: stt, Stage.LLM: llm, Stage.TTS: tts}
        shedding = LoadSheddingTranscriber(transcriber, load_monitor)
        yield Engines(shedding, responder, synthesizer, infos, decoding)


def describe(engines: Engines) -> list[str]:
    """Return a line about each engine in use, for people."""
    return [
        f"{STAGE_TITLES[stage]}: {_name_of(info)} - {info.description}"
        for stage, info in engines.infos.items()
    ]


class _Opening:
    """Opens engines into a stack that closes them."""

    def __init__(
        self, settings: ServiceSettings, load_monitor: LoadMonitor, stack: AsyncExitStack
    ) -> None:
        self._settings = settings
        self._load_monitor = load_monitor
        self._stack = stack

    async def stage(
        self,
        kind: StageKind[Engine, Request, Result],
        open_engine: Callable[[EngineOptions], Awaitable[tuple[Engine, EngineInfo]]],
    ) -> tuple[Engine, EngineInfo]:
        """Open the engine of a stage, and the fallback engine if the settings name one."""
        primary, info = await open_engine(primary_options(self._settings, kind.stage))
        other = fallback_options(self._settings, kind.stage)
        if other is None:
            return primary, info
        fallback, other_info = await open_engine(other)
        limits = self._settings.reliability
        engines = PrimaryAndFallback(
            NamedEngine(_name_of(info), primary),
            NamedEngine(_name_of(other_info), fallback),
            CircuitBreaker(limits.engine_max_failures, limits.engine_probe_interval_ms),
        )
        description = f"{info.description}; {_name_of(other_info)} stands in for it"
        return with_fallback(kind, engines), replace(info, description=description)

    async def transcriber(self, options: EngineOptions) -> tuple[Transcriber, EngineInfo]:
        """Open speech to text; a recognizer of whole recordings receives requests in windows."""
        spec, opener = find(options, lambda spec: spec.open_transcriber)
        engine = await self._stack.enter_async_context(opener(options))
        policy = retry_policy_of(self._settings, Stage.STT)
        if isinstance(engine, BatchRecognizer):
            adapter = StreamAdapter(engine, policy, allows_partials=self._allows_partials)
            return adapter, spec.describe(options)
        return retried(TRANSCRIPTION, engine, policy), spec.describe(options)

    async def responder(self, options: EngineOptions) -> tuple[Responder, EngineInfo]:
        """Open the language model."""
        spec, opener = find(options, lambda spec: spec.open_responder)
        engine = await self._stack.enter_async_context(opener(options))
        policy = retry_policy_of(self._settings, Stage.LLM)
        return retried(REPLY, engine, policy), spec.describe(options)

    async def synthesizer(self, options: EngineOptions) -> tuple[Synthesizer, EngineInfo]:
        """Open text to speech."""
        spec, opener = find(options, lambda spec: spec.open_synthesizer)
        engine = await self._stack.enter_async_context(opener(options))
        policy = retry_policy_of(self._settings, Stage.TTS)
        return retried(SPEECH, engine, policy), spec.describe(options)

    def _allows_partials(self) -> bool:
        return self._settings.stt.partials and not self._load_monitor.sheds_partials


def _name_of(info: EngineInfo) -> str:
    return f"{info.name} {info.model}".strip()
