"""Opens the OpenAI engines. The first request of each makes its connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from cedar_voice_service.providers.openai.connection import connected
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.openai.realtime_connection import RealtimeSessions
from cedar_voice_service.providers.openai.realtime_transcriber import OpenAIRealtimeTranscriber
from cedar_voice_service.providers.openai.responder import OpenAIResponder
from cedar_voice_service.providers.openai.synthesizer import OpenAISynthesizer
from cedar_voice_service.providers.openai.transcriber import OpenAIRecognizer
from cedar_voice_service.providers.protocols import Synthesizer
from cedar_voice_service.providers.wrappers.pitch import PitchShiftingSynthesizer


@asynccontextmanager
async def open_recognizer(endpoint: Endpoint) -> AsyncIterator[OpenAIRecognizer]:
    """Open speech to text of whole recordings."""
    async with connected(endpoint) as client:
        yield OpenAIRecognizer(client, endpoint)


@asynccontextmanager
async def open_realtime_transcriber(
    endpoint: Endpoint, model: str
) -> AsyncIterator[OpenAIRealtimeTranscriber]:
    """Open speech to text while the user speaks; each utterance has a connection of its own."""
    endpoint = replace(endpoint, model=model)
    async with connected(endpoint) as client:
        yield OpenAIRealtimeTranscriber(RealtimeSessions(client, endpoint), endpoint)


@asynccontextmanager
async def open_responder(endpoint: Endpoint) -> AsyncIterator[OpenAIResponder]:
    """Open the language model."""
    async with connected(endpoint) as client:
        yield OpenAIResponder(client, endpoint)


@asynccontextmanager
async def open_synthesizer(endpoint: Endpoint, voice: str) -> AsyncIterator[Synthesizer]:
    """Open text to speech, which speaks with `voice` for clients that name none."""
    async with connected(endpoint) as client:
        yield PitchShiftingSynthesizer(OpenAISynthesizer(client, endpoint, voice))
