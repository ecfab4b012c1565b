"""A transcriber that leaves out partials while the process is overloaded."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cedar_voice_service.audio.formats import AudioBlock
from cedar_voice_service.providers.protocols import AudioSent, Hypothesis, Transcriber
from cedar_voice_service.session.load_shedding import LoadMonitor


class LoadSheddingTranscriber:
    """Drops partials under load; under more load also settled ones, on which drafts start."""

    def __init__(self, transcriber: Transcriber, load_monitor: LoadMonitor) -> None:
        self._transcriber = transcriber
        self._load_monitor = load_monitor

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        async with aclosing(self._transcriber.transcribe(audio, language)) as results:
            async for result in results:
                if not self._drops(result):
                    yield result

    def _drops(self, result: Hypothesis | AudioSent) -> bool:
        if isinstance(result, AudioSent) or result.is_final:
            return False
        if result.is_settled:
            return self._load_monitor.sheds_drafts
        return self._load_monitor.sheds_partials
