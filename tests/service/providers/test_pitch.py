"""A synthesizer of one pitch that is given every pitch."""

from collections.abc import AsyncGenerator

import pytest

from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.providers.protocols import SpeechRequest
from cedar_voice_service.providers.scripted.engine import ToneSynthesizer
from cedar_voice_service.providers.wrappers.pitch import PitchShiftingSynthesizer

TEXT = "a phrase of some length"


async def samples_of(request: SpeechRequest) -> bytes:
    """Output of the wrapped engine."""
    blocks = [
        block async for block in PitchShiftingSynthesizer(ToneSynthesizer()).synthesize(request)
    ]
    return b"".join(block.data for block in blocks if isinstance(block, Pcm))


async def test_its_own_pitch_goes_through_untouched() -> None:
    own = [block.data async for block in ToneSynthesizer().synthesize(SpeechRequest(TEXT))]
    assert await samples_of(SpeechRequest(TEXT)) == b"".join(own)


@pytest.mark.parametrize("pitch", [0.7, 1.5])
async def test_another_pitch_is_made_here(pitch: float) -> None:
    level = await samples_of(SpeechRequest(TEXT))
    shifted = await samples_of(SpeechRequest(TEXT, pitch=pitch))
    assert shifted != level
    assert len(shifted) == pytest.approx(len(level), rel=0.1)


async def test_closing_it_closes_the_engine() -> None:
    closed = []

    class Endless:
        """Speaks on."""

        async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
            """Speak until closed."""
            assert request.pitch == 1.0
            try:
                while True:
                    yield Pcm(bytes(4_800), 24_000)
            finally:
                closed.append(request.text)

    speech = PitchShiftingSynthesizer(Endless()).synthesize(SpeechRequest(TEXT, pitch=1.5))
    await anext(speech)
    await speech.aclose()
    assert closed == [TEXT]
