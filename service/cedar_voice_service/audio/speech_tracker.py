"""Speech in the input audio of a session, on a timeline that spans its recordings."""

from cedar_voice_service.audio.formats import AudioBlock, Pcm, byte_count_of, duration_ms_of
from cedar_voice_service.audio.speech_detector import SpeechDetector

MAX_BLOCK_MS = 240
"""Longest block: four packets as browsers record them."""

_MAX_BLOCK_BYTES = byte_count_of(MAX_BLOCK_MS)


class SpeechTracker:
    """Finds speech in the input audio of one session: recordings end, its timeline continues.

    Args: as for `SpeechDetector`.
    """

    def __init__(self, threshold: float, min_speech_ms: int) -> None:
        self._detector = SpeechDetector(threshold, min_speech_ms)
        self._sample_count = 0

    @property
    def is_in_speech(self) -> bool:
        """Whether the user is known to speak, up to the newest sound."""
        return self._detector.is_in_speech

    def tune(self, threshold: float, min_speech_ms: int) -> None:
        """Change the thresholds of speech from here on."""
        self._detector.tune(threshold, min_speech_ms)

    def feed(self, samples: bytes) -> list[AudioBlock]:
        """Receive samples of a recording; return them as blocks with their edges of speech."""
        blocks = []
        for at in range(0, len(samples), _MAX_BLOCK_BYTES):
            block = Pcm(samples[at : at + _MAX_BLOCK_BYTES])
            edges = tuple(self._detector.feed(block))
            self._sample_count += block.sample_count
            blocks.append(AudioBlock(block, self._end_ms, edges))
        return blocks

    def flush(self) -> list[AudioBlock]:
        """End the recording, and speech with it: a last block, without sound, has the edge."""
        edges = tuple(self._detector.flush())
        return [AudioBlock(Pcm(b""), self._end_ms, edges)] if edges else []

    @property
    def _end_ms(self) -> int:
        return duration_ms_of(self._sample_count)
