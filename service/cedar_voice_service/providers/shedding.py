"""A transcriber that says less while the process is too busy."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.providers.protocols import Hypothesis, Transcriber
from cedar_voice_service.session.pressure import Pressure


class SheddingTranscriber:
    """Drops partials under pressure; those that drafts are begun on under more of it."""

    def __init__(self, transcriber: Transcriber, pressure: Pressure) -> None:
        self._transcriber = transcriber
        self._pressure = pressure

    async def transcribe(
        self, audio: AsyncIterator[Heard], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        async with aclosing(self._transcriber.transcribe(audio, language)) as hypotheses:
            async for hypothesis in hypotheses:
                if hypothesis.is_final or not self._drops(hypothesis):
                    yield hypothesis

    def _drops(self, partial: Hypothesis) -> bool:
        if partial.is_settled:
            return self._pressure.sheds_drafts
        return self._pressure.sheds_partials
