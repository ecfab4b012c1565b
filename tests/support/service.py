"""The real service inside a test: real gRPC on a free port of the loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cedar_voice_client import VoiceClient
from cedar_voice_service.server import open_server
from cedar_voice_service.settings import ServiceSettings
from tests.support.openai_standin import OpenAIStandin

LOCAL = {"stt_engine": "local", "llm_engine": "local", "tts_engine": "local"}


def settings(**values: Any) -> ServiceSettings:
    """Return settings from these values and the defaults, without the environment."""
    return ServiceSettings(**{"grpc_address": "127.0.0.1:0", "local_stt_workers": 1, **values})


def settings_of(standin: OpenAIStandin, **values: Any) -> ServiceSettings:
    """Return settings with the stand-in as the engine of all three stages."""
    names = ("stt_engine", "llm_engine", "tts_engine")
    engines = dict.fromkeys(names, "openai")
    access = {"OPENAI_BASE_URL": standin.base_url, "OPENAI_API_KEY": "test-key"}
    return settings(**engines | access | values)


@asynccontextmanager
async def running(service: ServiceSettings, **client: Any) -> AsyncIterator[VoiceClient]:
    """Run a service with these settings, and open a client of it."""
    async with open_server(service) as (address, _), VoiceClient(address, **client) as caller:
        yield caller
