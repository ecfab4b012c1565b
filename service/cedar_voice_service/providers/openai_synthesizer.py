"""Text to speech over OpenAI's `audio/speech`, also as other servers offer it."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing

from openai import (
    AsyncAPIResponse,
    AsyncOpenAI,
    BadRequestError,
    NotFoundError,
    UnprocessableEntityError,
)

from cedar_voice_service.audio.formats import SAMPLE_BYTES, Pcm
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.openai_connection import Endpoint, timed_results
from cedar_voice_service.providers.protocols import SpeechRequest

SPEECH_RATE_HZ = 24_000
"""Rate of the API's raw PCM."""

OPENAI_VOICES = frozenset(
    {
        "alloy",
        "ash",
        "ballad",
        "cedar",
        "coral",
        "echo",
        "fable",
        "marin",
        "nova",
        "onyx",
        "sage",
        "shimmer",
        "verse",
    }
)
"""The voices of OpenAI itself; each speaks every language."""

_VOICE_REFUSALS = (BadRequestError, NotFoundError, UnprocessableEntityError)
_NOT_RAW_TYPES = ("text/", "application/json", "audio/mp", "audio/wav", "audio/x-wav", "audio/ogg")


class OpenAISynthesizer:
    """Streams speech as raw PCM. It ignores pitch, which the API does not have: see `pitched`.

    A voice that the server does not know is replaced by the default voice. OpenAI's voices are
    known; other servers tell only by refusing one.
    """

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint, default_voice: str) -> None:
        # Taking the resource imports its modules now and not in the first turn.
        self._speech = client.audio.speech.with_streaming_response
        self._endpoint = endpoint
        self._default_voice = default_voice
        self._refused_voices: deque[str] = deque(maxlen=100)

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        """Speak one phrase. See `Synthesizer.synthesize`."""
        rest = b""
        async with aclosing(timed_results(self._endpoint, self._bytes(request))) as pieces:
            async for piece in pieces:
                samples = rest + piece
                end = len(samples) - len(samples) % SAMPLE_BYTES
                samples, rest = samples[:end], samples[end:]
                if samples:
                    yield Pcm(samples, SPEECH_RATE_HZ)

    async def _bytes(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """The body of the answer as it comes."""
        async with AsyncExitStack() as opened:
            response = await self._open(opened, request)
            if response.headers.get("content-type", "").startswith(_NOT_RAW_TYPES):
                message = "speech synthesis gave something else than raw samples"
                raise EngineError(Stage.TTS, message, retryable=False)
            async for piece in response.iter_bytes():
                if piece:
                    yield piece

    async def _open(
        self, opened: AsyncExitStack, request: SpeechRequest
    ) -> AsyncAPIResponse[bytes]:
        voice = self._voice_of(request)
        try:
            return await opened.enter_async_context(self._ask(request, voice))
        except _VOICE_REFUSALS:
            if voice == self._default_voice:
                raise
        answer = await opened.enter_async_context(self._ask(request, self._default_voice))
        self._refused_voices.append(voice)
        return answer

    def _voice_of(self, request: SpeechRequest) -> str:
        if self._endpoint.is_openais_own:
            is_known = request.voice_id in OPENAI_VOICES
        else:
            is_known = bool(request.voice_id) and request.voice_id not in self._refused_voices
        return request.voice_id if is_known else self._default_voice

    def _ask(
        self, request: SpeechRequest, voice: str
    ) -> AbstractAsyncContextManager[AsyncAPIResponse[bytes]]:
        return self._speech.create(
            model=self._endpoint.model,
            input=request.text,
            voice=voice,
            speed=request.rate,
            response_format="pcm",
        )
