"""Text to speech over `audio/speech` of OpenAI or another server."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from typing import Literal

from openai import (
    AsyncAPIResponse,
    AsyncOpenAI,
    BadRequestError,
    NotFoundError,
    UnprocessableEntityError,
)

from cedar_voice_service.audio.formats import SAMPLE_BYTES, Mp3, Pcm, Sound
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.openai.connection import timed_results
from cedar_voice_service.providers.openai.endpoint import Endpoint
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

_REFUSALS = (BadRequestError, NotFoundError, UnprocessableEntityError)
_MP3_TYPES = ("audio/mp",)
_RAW_TYPES = ("audio/pcm", "audio/l16", "audio/raw", "audio/x-raw")
_OTHER_TYPES = ("text/", "application/json", "audio/wav", "audio/x-wav", "audio/ogg")

_Format = Literal["mp3", "pcm"]


class OpenAISynthesizer:
    """Streams speech, raw or as MP3. It ignores pitch, which the API lacks: see `wrappers.pitch`.

    A voice that the server does not know is replaced by the default voice. OpenAI's voices are
    known; another server shows only by a refusal that it has no such voice, or no MP3, which is
    replaced by raw samples.
    """

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint, default_voice: str) -> None:
        # Access to the resource imports its modules now and not in the first turn.
        self._speech = client.audio.speech.with_streaming_response
        self._endpoint = endpoint
        self._default_voice = default_voice
        self._refuses_mp3 = False
        self._refused_voices: deque[str] = deque(maxlen=100)

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound, None]:
        """Speak one phrase. See `Synthesizer.synthesize`."""
        rest = b""
        async with aclosing(timed_results(self._endpoint, self._pieces(request))) as pieces:
            async for piece in pieces:
                if isinstance(piece, Mp3):
                    yield piece
                    continue
                samples = rest + piece
                end = len(samples) - len(samples) % SAMPLE_BYTES
                samples, rest = samples[:end], samples[end:]
                if samples:
                    yield Pcm(samples, SPEECH_RATE_HZ)

    async def _pieces(self, request: SpeechRequest) -> AsyncGenerator[bytes | Mp3, None]:
        """Yield the body of the response as it arrives: samples, or MP3."""
        async with AsyncExitStack() as opened:
            response, variant = await self._open(opened, request)
            is_mp3 = _is_mp3(response.headers.get("content-type", ""), variant.response_format)
            async for piece in response.iter_bytes():
                if piece:
                    yield Mp3(piece) if is_mp3 else piece

    async def _open(
        self, opened: AsyncExitStack, request: SpeechRequest
    ) -> tuple[AsyncAPIResponse[bytes], "_Variant"]:
        """Make the request; after a refusal, with another voice or for raw samples."""
        variants = self._variants(request)
        for variant in variants[:-1]:
            with suppress(*_REFUSALS):
                response = await opened.enter_async_context(self._ask(request, variant))
                break
        else:
            variant = variants[-1]
            response = await opened.enter_async_context(self._ask(request, variant))
        self._learn(variants[0], variant)
        return response, variant

    def _variants(self, request: SpeechRequest) -> list["_Variant"]:
        """Return the variants of the request, best first."""
        voices = dict.fromkeys((self._voice_of(request), self._default_voice))
        has_mp3 = request.takes_mp3 and not self._refuses_mp3
        formats: tuple[_Format, ...] = ("mp3", "pcm") if has_mp3 else ("pcm",)
        return [_Variant(voice, name) for name in formats for voice in voices]

    def _learn(self, refused: "_Variant", accepted: "_Variant") -> None:
        """Remember the refused voice and format: the variants between were refused as well."""
        if accepted.voice != refused.voice:
            self._refused_voices.append(refused.voice)
        if accepted.response_format != refused.response_format:
            self._refuses_mp3 = True

    def _voice_of(self, request: SpeechRequest) -> str:
        if self._endpoint.is_openais_own:
            is_known = request.voice_id in OPENAI_VOICES
        else:
            is_known = bool(request.voice_id) and request.voice_id not in self._refused_voices
        return request.voice_id if is_known else self._default_voice

    def _ask(
        self, request: SpeechRequest, variant: "_Variant"
    ) -> AbstractAsyncContextManager[AsyncAPIResponse[bytes]]:
        return self._speech.create(
            model=self._endpoint.model,
            input=request.text,
            voice=variant.voice,
            speed=request.rate,
            response_format=variant.response_format,
        )


@dataclass(frozen=True, slots=True)
class _Variant:
    """The part of a request that a server may refuse: the next variant replaces it."""

    voice: str
    response_format: _Format


def _is_mp3(content_type: str, asked_for: _Format) -> bool:
    """Whether the response is MP3; servers that name no type send the requested format.

    Raises:
        EngineError: it has another format than requested.
    """
    is_mp3 = asked_for == "mp3" and not content_type.startswith(_RAW_TYPES)
    unexpected = _OTHER_TYPES if is_mp3 else (*_OTHER_TYPES, *_MP3_TYPES)
    if content_type.startswith(unexpected):
        message = "speech synthesis sent another format than requested"
        raise EngineError(Stage.TTS, message, retryable=False)
    return is_mp3
