"""Speech to text over `audio/transcriptions` of OpenAI or another server."""

import io
import math
import wave
from collections.abc import Iterable
from statistics import fmean

from openai import AsyncOpenAI, omit
from openai.types.audio import Transcription, TranscriptionVerbose

from cedar_voice_service.audio.formats import SAMPLE_BYTES, Pcm
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.openai.connection import timed_wait
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.protocols import Recognized

SHORTEST_RECORDING_MS = 100
"""The API refuses anything shorter; it cannot hold a word."""


class OpenAIRecognizer:
    """Transcribes whole recordings; `StreamAdapter` makes a transcriber of it."""

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint) -> None:
        # Access to the resource imports its modules now and not in the first turn.
        self._transcriptions = client.audio.transcriptions
        self._endpoint = endpoint

    async def recognize(self, speech: Pcm, language: str, prompt: str) -> Recognized:
        """Recognize a recording. See `BatchRecognizer.recognize`."""
        if speech.duration_ms < SHORTEST_RECORDING_MS:
            return Recognized("")
        async with timed_wait(self._endpoint):
            answer = await self._ask(speech, language, prompt)
        text = getattr(answer, "text", None)
        if not isinstance(text, str):
            raise EngineError(Stage.STT, "speech recognition returned no text")
        return Recognized(text.strip(), _confidence(answer))

    async def _ask(
        self, speech: Pcm, language: str, prompt: str
    ) -> Transcription | TranscriptionVerbose:
        model = self._endpoint.model
        file = ("speech.wav", _wav(speech), "audio/wav")
        spoken = language.partition("-")[0].lower() or omit
        context = prompt if prompt and "diarize" not in model else omit
        if model == "whisper-1":
            return await self._transcriptions.create(
                file=file,
                model=model,
                language=spoken,
                prompt=context,
                response_format="verbose_json",
            )
        return await self._transcriptions.create(
            file=file,
            model=model,
            language=spoken,
            prompt=context,
            response_format="json",
            include=["logprobs"] if self._gives_logprobs() else omit,
        )

    def _gives_logprobs(self) -> bool:
        model = self._endpoint.model
        return (
            self._endpoint.is_openais_own
            and model.startswith("gpt-4o")
            and "transcribe" in model
            and "diarize" not in model
        )


def _wav(speech: Pcm) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(SAMPLE_BYTES)
        writer.setframerate(speech.sample_rate_hz)
        writer.writeframes(speech.data)
    return file.getvalue()


def _confidence(answer: Transcription | TranscriptionVerbose) -> float | None:
    """Return the geometric mean of the probabilities of the tokens; None without any."""
    if isinstance(answer, TranscriptionVerbose):
        logprobs: Iterable[float | None] = (part.avg_logprob for part in answer.segments or ())
    else:
        logprobs = (token.logprob for token in answer.logprobs or ())
    known = [logprob for logprob in logprobs if logprob is not None]
    return min(1.0, math.exp(fmean(known))) if known else None
