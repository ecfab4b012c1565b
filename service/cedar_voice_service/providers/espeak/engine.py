"""eSpeak NG: the embedded speech synthesizer.

Some texts crash the library, so it runs in a process of its own that is replaced when it dies. The
library is GPL-3.0-or-later and optional (extra `local`); none of it runs in this process.
"""

import json
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cedar_voice_service.audio.formats import SAMPLE_BYTES, Pcm
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.espeak.text import plain, sentences_of
from cedar_voice_service.providers.protocols import SpeechRequest
from cedar_voice_service.workers.frames import DATA
from cedar_voice_service.workers.pool import WorkerPool, open_worker_pool

VARIANTS = {"alloy": "", "echo": "m3", "fable": "m7", "onyx": "m1", "nova": "f2", "shimmer": "f4"}
"""The timbres behind the voice names that Cedar frontends offer."""

_WORKER = "cedar_voice_service.providers.espeak.worker"
_RATE_HZ = struct.Struct("!I")
_WORDS_PER_MINUTE = 175
_PITCH = 50
_BLOCK_MS = 100
_ATTEMPTS_IN_STAGE_TIMEOUT = 3


class EspeakSynthesizer:
    """A `Synthesizer` over one eSpeak NG process, which speaks sentence by sentence.

    A sentence needs milliseconds, so sessions share the process. A language without a voice is
    spoken by the American English one.
    """

    def __init__(self, workers: WorkerPool, timeout_ms: int) -> None:
        self._workers = workers
        self._timeout_ms = timeout_ms

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        """Speak one phrase in blocks of 100 ms; text without a letter or digit is silent."""
        for sentence in sentences_of(request.text):
            speech = await self._speak_safely(sentence, request)
            block_bytes = speech.sample_rate_hz * _BLOCK_MS // 1000 * SAMPLE_BYTES
            for start in range(0, len(speech.data), block_bytes):
                yield Pcm(speech.data[start : start + block_bytes], speech.sample_rate_hz)

    async def _speak_safely(self, sentence: str, request: SpeechRequest) -> Pcm:
        # No audio of the sentence is out yet, so another attempt with plainer text is possible.
        try:
            return await self._speak(sentence, request)
        except EngineError:
            return await self._speak(plain(sentence), request)

    async def _speak(self, sentence: str, request: SpeechRequest) -> Pcm:
        arguments = {
            "text": sentence,
            "language": request.language,
            "variant": VARIANTS.get(request.voice_id.lower(), ""),
            "words_per_minute": min(450, max(80, round(_WORDS_PER_MINUTE * request.rate))),
            "pitch": min(99, max(0, round(_PITCH * request.pitch))),
        }
        async with self._workers.worker() as worker:
            reply = await worker.ask(
                DATA, json.dumps(arguments).encode(), timeout_ms=self._timeout_ms
            )
        (rate_hz,) = _RATE_HZ.unpack_from(reply)
        return Pcm(reply[_RATE_HZ.size :], rate_hz)


@asynccontextmanager
async def open_espeak(stage_timeout_ms: int) -> AsyncGenerator[EspeakSynthesizer, None]:
    """Start the synthesizer process.

    Raises:
        EngineError: it does not start.
    """
    timeout_ms = stage_timeout_ms // _ATTEMPTS_IN_STAGE_TIMEOUT
    async with open_worker_pool(_WORKER, Stage.TTS, size=1) as workers:
        yield EspeakSynthesizer(workers, timeout_ms)
