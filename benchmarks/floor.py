"""The least latency of an answer: the same three calls by hand, with nothing between them."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

TIMEOUT_S = 30

_SENTENCE = re.compile(r".*[.!?]\Z", re.DOTALL)
_CLAUSE = re.compile(r".{12,}[,;:.!?]\Z", re.DOTALL)
_KEY = {"Authorization": "Bearer benchmark"}


@dataclass(frozen=True, slots=True)
class FloorTurn:
    """One turn by hand: milliseconds from the end of the recording.

    Synthesis begins when the first sentence, or already the first clause, is complete.
    """

    final_ms: float
    first_text_ms: float
    sentence_audio_ms: float
    clause_audio_ms: float


class Floor:
    """Makes the calls of a turn with perfect pipelining: each once its input is complete."""

    def __init__(self, http: aiohttp.ClientSession, provider_url: str) -> None:
        self._http = http
        self._url = provider_url
        self.recordings = 0
        """Number of recordings sent to the provider so far."""

    async def turn(self, wav: bytes) -> FloorTurn:
        """Measure one turn, from the end of a recording on.

        Raises:
            aiohttp.ClientError: the provider fails.
            TimeoutError: the provider takes longer than `TIMEOUT_S`.
        """
        started_s = time.monotonic()
        self.recordings += 1
        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as tasks:
            question = await self._transcribe(wav)
            final_s = time.monotonic()
            text, first_text_s = "", 0.0
            clause = sentence = None
            async for token in self._answer(question):
                first_text_s = first_text_s or time.monotonic()
                text += token
                if clause is None and _CLAUSE.match(text):
                    clause = tasks.create_task(self._speak(text))
                if sentence is None and _SENTENCE.match(text):
                    sentence = tasks.create_task(self._speak(text))
        if clause is None or sentence is None:
            raise aiohttp.ClientPayloadError("the provider's answer has no sentence")
        heard_s = (final_s, first_text_s, sentence.result(), clause.result())
        return FloorTurn(*((at_s - started_s) * 1000 for at_s in heard_s))

    async def _transcribe(self, wav: bytes) -> str:
        form = aiohttp.FormData({"model": "stt", "response_format": "json"})
        form.add_field("file", wav, filename="speech.wav", content_type="audio/wav")
        async with self._http.post(f"{self._url}/audio/transcriptions", data=form) as answer:
            answer.raise_for_status()
            text: str = (await answer.json())["text"]
            return text

    async def _answer(self, question: str) -> AsyncIterator[str]:
        body = {
            "model": "llm",
            "messages": [{"role": "user", "content": question}],
            "stream": True,
        }
        async with self._http.post(f"{self._url}/chat/completions", json=body) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if line.startswith(b"data: {"):
                    choices = json.loads(line.removeprefix(b"data: "))["choices"]
                    if choices and (text := choices[0]["delta"].get("content")):
                        yield text

    async def _speak(self, phrase: str) -> float:
        """Synthesize a phrase; return the time of its first byte."""
        body = {"model": "tts", "input": phrase, "voice": "alloy", "response_format": "mp3"}
        async with self._http.post(f"{self._url}/audio/speech", json=body) as speech:
            speech.raise_for_status()
            await speech.content.readany()
            heard_at_s = time.monotonic()
            await speech.read()
        return heard_at_s


@asynccontextmanager
async def open_floor(provider_url: str) -> AsyncIterator[Floor]:
    """Open the connections for the calls by hand, which stay open."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    async with aiohttp.ClientSession(connector=connector, headers=_KEY) as http:
        yield Floor(http, provider_url)
