"""The least that an answer can take: the same three calls made by hand, nothing between them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI

from cedar_voice_service.session.phrases import PhraseCutter
from cedar_voice_service.settings import ServiceSettings


class Floor:
    """Makes the calls of a turn with perfect pipelining: each as soon as its input is complete."""

    def __init__(self, client: AsyncOpenAI, settings: ServiceSettings) -> None:
        self._client = client
        self._settings = settings

    async def first_audio_ms(self, wav: bytes) -> float:
        """Time from the end of a recording to the first byte of the answer's speech."""
        started_s = time.monotonic()
        transcript = await self._transcribe(wav)
        first_phrase: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answer(transcript, first_phrase))
            heard_at_s = await self._speak(await first_phrase)
        return (heard_at_s - started_s) * 1000

    async def _transcribe(self, wav: bytes) -> str:
        answer = await self._client.audio.transcriptions.create(
            file=("speech.wav", wav, "audio/wav"),
            model=self._settings.stt_model,
            response_format="json",
        )
        return answer.text

    async def _answer(self, question: str, first_phrase: asyncio.Future[str]) -> None:
        """Read the whole answer, and hand out its first phrase as soon as it is there."""
        cutter = PhraseCutter()
        stream = await self._client.chat.completions.create(
            model=self._settings.llm_model,
            messages=[{"role": "user", "content": question}],
            stream=True,
        )
        async with stream:
            async for chunk in stream:
                text = chunk.choices[0].delta.content if chunk.choices else ""
                phrases = cutter.feed(text or "")
                if phrases and not first_phrase.done():
                    first_phrase.set_result(phrases[0])

    async def _speak(self, phrase: str) -> float:
        """Have a phrase spoken; gives when its first byte came."""
        heard_at_s = 0.0
        async with self._client.audio.speech.with_streaming_response.create(
            model=self._settings.tts_model, input=phrase, voice="alloy", response_format="pcm"
        ) as speech:
            async for _ in speech.iter_bytes():
                heard_at_s = heard_at_s or time.monotonic()
        return heard_at_s


@asynccontextmanager
async def open_floor(provider_url: str) -> AsyncIterator[Floor]:
    """The calls by hand, with the models that the service uses by default."""
    async with AsyncOpenAI(base_url=provider_url, api_key="benchmark", max_retries=0) as client:
        yield Floor(client, ServiceSettings())
