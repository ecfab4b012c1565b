"""Text to speech by eSpeak NG, in a child process: some texts crash the library.

The library is GPL-3.0-or-later and optional (extra `local`); nothing of it runs in our process.
"""

import json
import struct
import unicodedata
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cedar_voice_service.audio.formats import SAMPLE_BYTES, Pcm
from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.protocols import EngineInfo, SpeechRequest
from cedar_voice_service.providers.worker_pool import WorkerPool, open_worker_pool

INFO = EngineInfo("espeak-ng", "", "offline, many languages, intelligible but plainly a machine")

MODULE = "cedar_voice_service.providers.espeak_process"
MAX_CHARS = 1_000
"""Longest text spoken at once; phrases are far shorter."""

_BLOCK_MS = 100
_HEADER = struct.Struct("!I")
_SPOKEN = frozenset("LMN")
_PUNCTUATION = frozenset(" .,;:!?'’-–()%&+=/$€£°。，、！？：；")


@asynccontextmanager
async def open_espeak(*, timeout_ms: int) -> AsyncGenerator["EspeakSynthesizer", None]:
    """Run the child process; `timeout_ms` is the longest wait for one phrase."""
    async with open_worker_pool(MODULE, Stage.TTS, size=1) as pool:
        yield EspeakSynthesizer(pool, timeout_ms)


class EspeakSynthesizer:
    """A `Synthesizer`. Eight seconds of speech take a few milliseconds: one process is plenty."""

    def __init__(self, pool: WorkerPool, timeout_ms: int) -> None:
        self._pool = pool
        self._timeout_ms = timeout_ms

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        """Speak one phrase; text without a letter or digit is silent."""
        text = speakable(request.text)
        if not text:
            return
        body = json.dumps(
            {
                "text": text,
                "voice": request.voice_id,
                "language": request.language,
                "rate": request.rate,
                "pitch": request.pitch,
            }
        ).encode()
        reply = await self._ask(body)
        rate_hz = _HEADER.unpack_from(reply)[0]
        block_bytes = rate_hz * _BLOCK_MS // 1000 * SAMPLE_BYTES
        for at in range(_HEADER.size, len(reply), block_bytes):
            yield Pcm(reply[at : at + block_bytes], rate_hz)

    async def _ask(self, body: bytes) -> bytes:
        """Ask, and once more when the child dies over it: the crash may depend on what it did."""
        try:
            async with self._pool.worker() as worker:
                return await worker.ask(b"s", body, timeout_ms=self._timeout_ms)
        except EngineError as error:
            if error.code is not Code.TTS_FAILED:
                raise
        async with self._pool.worker() as worker:
            return await worker.ask(b"s", body, timeout_ms=self._timeout_ms)


def speakable(text: str) -> str:
    """The text without what nobody pronounces, which is also what crashes the library."""
    kept = "".join(
        char if unicodedata.category(char)[0] in _SPOKEN or char in _PUNCTUATION else " "
        for char in text[:MAX_CHARS]
    )
    if not any(char.isalnum() for char in kept):
        return ""
    return " ".join(kept.split())
