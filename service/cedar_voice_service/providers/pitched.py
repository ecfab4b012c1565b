"""A synthesizer of one pitch, given every pitch."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.audio.pitch import PitchShifter
from cedar_voice_service.providers.protocols import SpeechRequest, Synthesizer


class PitchedSynthesizer:
    """Changes the pitch of what another engine says; that one is asked for its own."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        """Speak one phrase. See `Synthesizer.synthesize`."""
        shifter: PitchShifter | None = None
        level = replace(request, pitch=1.0)
        async with aclosing(self._synthesizer.synthesize(level)) as blocks:
            async for block in blocks:
                if request.pitch == 1.0:
                    yield block
                    continue
                shifter = shifter or PitchShifter(request.pitch, block.sample_rate_hz)
                for shifted in shifter.feed(block):
                    yield shifted
        for shifted in shifter.flush() if shifter else ():
            yield shifted
