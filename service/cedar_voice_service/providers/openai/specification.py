"""The specifications of the OpenAI engines."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.openai.endpoint import OpenAISettings, endpoint_of
from cedar_voice_service.providers.protocols import (
    BatchRecognizer,
    EngineInfo,
    Responder,
    Synthesizer,
    Transcriber,
)
from cedar_voice_service.providers.specification import EngineOptions, EngineSpec
from cedar_voice_shared.settings_groups import SettingsGroup

_DESCRIPTIONS: Mapping[Stage, str] = {
    Stage.STT: "transcribes in windows while one speaks, many languages",
    Stage.LLM: "answers anything and calls the application's tools",
    Stage.TTS: "natural speech at any rate and pitch",
}


class RealtimeSettings(SettingsGroup):
    """Settings of the engine `openai-realtime`."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_STT_REALTIME_")

    model: str = Field("gpt-live-transcribe", description="model of the openai-realtime engine")


def _describe(options: EngineOptions) -> EngineInfo:
    description = f"{_DESCRIPTIONS[options.stage]}, {_server(options)}"
    return EngineInfo("openai", options.model, description)


def _describe_realtime(options: EngineOptions) -> EngineInfo:
    description = f"transcribes while the user speaks, in many languages, {_server(options)}"
    return EngineInfo("openai-realtime", _realtime_model(options), description)


def _server(options: EngineOptions) -> str:
    is_openais_own = endpoint_of(options).is_openais_own
    return "by OpenAI" if is_openais_own else "by the OpenAI-compatible server you chose"


def _realtime_model(options: EngineOptions) -> str:
    return options.settings.group(RealtimeSettings).model


def _has_key_or_server(options: EngineOptions) -> bool:
    endpoint = endpoint_of(options)
    return bool(endpoint.api_key or endpoint.base_url)


def _missing_key(options: EngineOptions) -> str:
    endpoint = endpoint_of(options)
    return "set OPENAI_API_KEY" if endpoint.is_openais_own and not endpoint.api_key else ""


def _open_recognizer(options: EngineOptions) -> AbstractAsyncContextManager[BatchRecognizer]:
    from cedar_voice_service.providers.openai.engines import open_recognizer

    return open_recognizer(endpoint_of(options))


def _open_realtime(options: EngineOptions) -> AbstractAsyncContextManager[Transcriber]:
    from cedar_voice_service.providers.openai.engines import open_realtime_transcriber

    return open_realtime_transcriber(endpoint_of(options), _realtime_model(options))


def _open_responder(options: EngineOptions) -> AbstractAsyncContextManager[Responder]:
    from cedar_voice_service.providers.openai.engines import open_responder

    return open_responder(endpoint_of(options))


def _open_synthesizer(options: EngineOptions) -> AbstractAsyncContextManager[Synthesizer]:
    from cedar_voice_service.providers.openai.engines import open_synthesizer

    return open_synthesizer(endpoint_of(options), options.voice)


OPENAI = EngineSpec(
    describe=_describe,
    open_transcriber=_open_recognizer,
    open_responder=_open_responder,
    open_synthesizer=_open_synthesizer,
    settings=OpenAISettings,
    is_automatic=_has_key_or_server,
    is_remote=True,
    obstacle=_missing_key,
)

OPENAI_REALTIME = EngineSpec(
    describe=_describe_realtime,
    open_transcriber=_open_realtime,
    settings=RealtimeSettings,
    is_remote=True,
    may_replace=False,  # its settings are those of one engine
    obstacle=_missing_key,
)
