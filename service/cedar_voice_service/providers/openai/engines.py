"""Opens the OpenAI engines: each stage with a server, key and model of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from pydantic import SecretStr

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.deadlines import deadlines_of
from cedar_voice_service.providers.openai.connection import Endpoint, connected
from cedar_voice_service.providers.openai.realtime_connection import RealtimeSessions
from cedar_voice_service.providers.openai.realtime_transcriber import OpenAIRealtimeTranscriber
from cedar_voice_service.providers.openai.responder import OpenAIResponder
from cedar_voice_service.providers.openai.synthesizer import OpenAISynthesizer
from cedar_voice_service.providers.openai.transcriber import OpenAIRecognizer
from cedar_voice_service.providers.protocols import EngineInfo, Synthesizer
from cedar_voice_service.providers.wrappers.attempts import retry_policy_of
from cedar_voice_service.providers.wrappers.pitch import PitchShiftingSynthesizer
from cedar_voice_service.providers.wrappers.stream_adapter import StreamAdapter
from cedar_voice_service.session.load_shedding import Pressure
from cedar_voice_service.settings import ServiceSettings


@asynccontextmanager
async def open_openai_transcriber(
    settings: ServiceSettings, pressure: Pressure | None = None
) -> AsyncIterator[StreamAdapter]:
    """Speech to text, without partials under pressure. The first request makes the connection."""

    def wants_partials() -> bool:
        return settings.stt_partials and not (pressure and pressure.sheds_partials)

    endpoint = endpoint_of(settings, Stage.STT)
    async with connected(endpoint) as client:
        recognizer = OpenAIRecognizer(client, endpoint)
        policy = retry_policy_of(settings, Stage.STT)
        yield StreamAdapter(recognizer, policy, wants_partials=wants_partials)


@asynccontextmanager
async def open_openai_realtime_transcriber(
    settings: ServiceSettings,
) -> AsyncIterator[OpenAIRealtimeTranscriber]:
    """Speech to text while the user speaks; each utterance makes a connection of its own."""
    endpoint = replace(endpoint_of(settings, Stage.STT), model=settings.stt_realtime_model)
    async with connected(endpoint) as client:
        yield OpenAIRealtimeTranscriber(RealtimeSessions(client, endpoint), endpoint)


@asynccontextmanager
async def open_openai_responder(settings: ServiceSettings) -> AsyncIterator[OpenAIResponder]:
    """The language model; the connection is made by the first request."""
    endpoint = endpoint_of(settings, Stage.LLM)
    async with connected(endpoint) as client:
        yield OpenAIResponder(client, endpoint)


@asynccontextmanager
async def open_openai_synthesizer(settings: ServiceSettings) -> AsyncIterator[Synthesizer]:
    """Text to speech; the connection is made by the first request."""
    endpoint = endpoint_of(settings, Stage.TTS)
    async with connected(endpoint) as client:
        yield PitchShiftingSynthesizer(OpenAISynthesizer(client, endpoint, settings.tts_voice))


def openai_transcriber_info(settings: ServiceSettings) -> EngineInfo:
    """The speech recognizer, as shown to people."""
    return EngineInfo(
        "openai",
        settings.stt_model,
        f"transcribes in windows while one speaks, many languages, {_place(settings, Stage.STT)}",
    )


def openai_realtime_transcriber_info(settings: ServiceSettings) -> EngineInfo:
    """The speech recognizer that hears along, as shown to people."""
    return EngineInfo(
        "openai-realtime",
        settings.stt_realtime_model,
        f"transcribes while the user speaks, in many languages, {_place(settings, Stage.STT)}",
    )


def openai_responder_info(settings: ServiceSettings) -> EngineInfo:
    """The language model, as shown to people."""
    return EngineInfo(
        "openai",
        settings.llm_model,
        f"answers anything and calls the application's tools, {_place(settings, Stage.LLM)}",
    )


def openai_synthesizer_info(settings: ServiceSettings) -> EngineInfo:
    """The speech synthesizer, as shown to people."""
    return EngineInfo(
        "openai",
        settings.tts_model,
        f"natural speech at any rate and pitch, {_place(settings, Stage.TTS)}",
    )


def endpoint_of(settings: ServiceSettings, stage: Stage) -> Endpoint:
    """The server of a stage: its own, or else the one of every stage.

    The key of every stage is not shown to a server that the stage names for itself.
    """
    base_url, own_key, model = {
        Stage.STT: (settings.stt_base_url, settings.stt_api_key, settings.stt_model),
        Stage.LLM: (settings.llm_base_url, settings.llm_api_key, settings.llm_model),
        Stage.TTS: (settings.tts_base_url, settings.tts_api_key, settings.tts_model),
    }[stage]
    shared_key = SecretStr("") if base_url else settings.openai_api_key
    return Endpoint(
        stage=stage,
        model=model,
        deadlines=deadlines_of(settings, stage),
        base_url=base_url or settings.openai_base_url,
        api_key=own_key.get_secret_value() or shared_key.get_secret_value(),
    )


def _place(settings: ServiceSettings, stage: Stage) -> str:
    is_openais_own = endpoint_of(settings, stage).is_openais_own
    return "by OpenAI" if is_openais_own else "by the OpenAI-compatible server you chose"
