"""Speech to text over OpenAI's `audio/transcriptions`, also as other servers offer it."""

import io
import math
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from statistics import fmean

from openai import AsyncOpenAI, omit
from openai.types.audio import Transcription, TranscriptionVerbose

from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES, Pcm
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.openai_connection import Endpoint, timed_wait
from cedar_voice_service.providers.protocols import Hypothesis

SHORTEST_RECORDING_MS = 100
"""The API refuses anything shorter; it cannot hold a word."""


class OpenAITranscriber:
    """Transcribes a whole utterance at its end: gives no partial hypotheses, only the final."""

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint) -> None:
        # Taking the resource imports its modules now and not in the first turn.
        self._transcriptions = client.audio.transcriptions
        self._endpoint = endpoint

    async def transcribe(
        self, audio: AsyncIterator[Heard], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        speech = Pcm(b"".join([block.pcm.data async for block in audio]), LISTENING_RATE_HZ)
        if speech.duration_ms < SHORTEST_RECORDING_MS:
            yield Hypothesis("", is_final=True)
            return
        async with timed_wait(self._endpoint):
            answer = await self._ask(speech, language)
        text = getattr(answer, "text", None)
        if not isinstance(text, str):
            raise EngineError(Stage.STT, "speech recognition answered without a text")
        yield Hypothesis(text.strip(), is_final=True, confidence=_confidence(answer))

    async def _ask(self, speech: Pcm, language: str) -> Transcription | TranscriptionVerbose:
        model = self._endpoint.model
        file = ("speech.wav", _wav(speech), "audio/wav")
        spoken = language.partition("-")[0].lower() or omit
        if model == "whisper-1":
            return await self._transcriptions.create(
                file=file, model=model, language=spoken, response_format="verbose_json"
            )
        return await self._transcriptions.create(
            file=file,
            model=model,
            language=spoken,
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
    """Geometric mean of the probabilities that the model gave its tokens, if it tells them."""
    if isinstance(answer, TranscriptionVerbose):
        logprobs: Iterable[float | None] = (part.avg_logprob for part in answer.segments or ())
    else:
        logprobs = (token.logprob for token in answer.logprobs or ())
    told = [logprob for logprob in logprobs if logprob is not None]
    return min(1.0, math.exp(fmean(told))) if told else None
