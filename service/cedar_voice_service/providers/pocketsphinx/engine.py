"""PocketSphinx: the embedded speech recognizer.

It holds the GIL while it works, so it runs in processes of its own.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from cedar_voice_service.audio.formats import AudioBlock
from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.protocols import Hypothesis
from cedar_voice_service.workers.frames import BEGIN, DATA, END
from cedar_voice_service.workers.pool import WorkerPool, open_worker_pool

_WORKER = "cedar_voice_service.providers.pocketsphinx.worker"


class PocketSphinx:
    """A `Transcriber` over recognizer processes, one utterance in each at a time.

    It knows English only, and reads any other language as English.
    """

    def __init__(self, workers: WorkerPool, timeout_ms: int) -> None:
        self._workers = workers
        self._timeout_ms = timeout_ms

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """Recognize one utterance; a partial follows each block that changes the words."""
        async with self._workers.worker() as worker:
            await worker.ask(BEGIN, timeout_ms=self._timeout_ms)
            newest = b""
            async for block in audio:
                words = await worker.ask(DATA, block.pcm.data, timeout_ms=self._timeout_ms)
                if words and words != newest:
                    newest = words
                    yield Hypothesis(words.decode(), is_final=False)
            transcript = await worker.ask(END, timeout_ms=self._timeout_ms)
        text, confidence = json.loads(transcript)
        yield Hypothesis(text, is_final=True, confidence=confidence)


@asynccontextmanager
async def open_pocketsphinx(
    worker_count: int, timeout_ms: int
) -> AsyncGenerator[PocketSphinx, None]:
    """Start the recognizer processes, so that the first utterance need not wait for one.

    Raises:
        EngineError: a recognizer does not start.
    """
    async with open_worker_pool(_WORKER, Stage.STT, size=worker_count) as workers:
        yield PocketSphinx(workers, timeout_ms)
