"""A synthesizer for every pitch over one that has a single pitch."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from cedar_voice_service.audio.formats import Pcm, Sound
from cedar_voice_service.audio.pitch import PitchShifter
from cedar_voice_service.providers.protocols import SpeechRequest, SpeechRestarted, Synthesizer


class PitchShiftingSynthesizer:
    """Changes the pitch of another engine's speech, which is requested at its own pitch."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer

    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound | SpeechRestarted, None]:
        """Speak one phrase. See `Synthesizer.synthesize`."""
        if request.pitch == 1.0:
            return self._synthesizer.synthesize(request)
        return self._shifted(request)

    async def _shifted(
        self, request: SpeechRequest
    ) -> AsyncGenerator[Sound | SpeechRestarted, None]:
        shifter: PitchShifter | None = None
        level = replace(request, pitch=1.0, takes_mp3=False)
        async with aclosing(self._synthesizer.synthesize(level)) as blocks:
            async for block in blocks:
                if not isinstance(block, Pcm):  # the request accepts no MP3
                    yield block
                    continue
                shifter = shifter or PitchShifter(request.pitch, block.sample_rate_hz)
                for shifted in shifter.feed(block):
                    yield shifted
        for shifted in shifter.flush() if shifter else ():
            yield shifted
