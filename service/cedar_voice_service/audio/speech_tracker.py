"""The ear of a session: tells where speech is in what the microphone heard."""

from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES, AudioBlock, Pcm
from cedar_voice_service.audio.speech_detector import SpeechDetector

MAX_BLOCK_MS = 240
"""Longest block that is told at once: four packets as browsers record them."""

_MAX_BLOCK_BYTES = LISTENING_RATE_HZ * MAX_BLOCK_MS // 1000 * SAMPLE_BYTES


class SpeechTracker:
    """Hears one session: recordings come and go, its time line goes on.

    Args: as for `SpeechDetector`.
    """

    def __init__(self, threshold: float, min_speech_ms: int) -> None:
        self._detector = SpeechDetector(threshold, min_speech_ms)
        self._heard_samples = 0

    @property
    def is_in_speech(self) -> bool:
        """Whether the user is known to speak, up to the newest sound."""
        return self._detector.is_in_speech

    def tune(self, threshold: float, min_speech_ms: int) -> None:
        """Change what counts as speech from here on."""
        self._detector.tune(threshold, min_speech_ms)

    def feed(self, samples: bytes) -> list[AudioBlock]:
        """Hear more of a recording."""
        heard = []
        for at in range(0, len(samples), _MAX_BLOCK_BYTES):
            block = Pcm(samples[at : at + _MAX_BLOCK_BYTES])
            edges = tuple(self._detector.feed(block))
            self._heard_samples += block.sample_count
            heard.append(AudioBlock(block, self._heard_ms, edges))
        return heard

    def flush(self) -> list[AudioBlock]:
        """The recording is over, and speech with it: a last block, without sound, tells so."""
        edges = tuple(self._detector.flush())
        return [AudioBlock(Pcm(b""), self._heard_ms, edges)] if edges else []

    @property
    def _heard_ms(self) -> int:
        return self._heard_samples * 1000 // LISTENING_RATE_HZ
