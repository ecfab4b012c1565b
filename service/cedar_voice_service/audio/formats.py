"""The vocabulary of audio: encodings, formats, blocks and chunks. No codec lives here."""

from dataclasses import dataclass
from enum import Enum

SAMPLE_BYTES = 2
"""Size of one sample: everything inside the service is signed 16-bit little-endian, mono."""

LISTENING_RATE_HZ = 16_000
"""Rate at which speech is detected and recognized."""

MIN_DECODED_RATE_HZ = 8_000
MAX_DECODED_RATE_HZ = 192_000


def is_decoded_rate(sample_rate_hz: int) -> bool:
    """Whether input audio of this rate is decoded."""
    return MIN_DECODED_RATE_HZ <= sample_rate_hz <= MAX_DECODED_RATE_HZ


def duration_ms_of(sample_count: int, sample_rate_hz: int = LISTENING_RATE_HZ) -> int:
    """Return the length of so many samples in whole milliseconds."""
    return sample_count * 1000 // sample_rate_hz


def byte_count_of(duration_ms: int, sample_rate_hz: int = LISTENING_RATE_HZ) -> int:
    """Return the size of the samples of so many milliseconds."""
    return duration_ms * sample_rate_hz // 1000 * SAMPLE_BYTES


class Encoding(Enum):
    """Codec and container, named as in `cedar_voice.v1.AudioEncoding`."""

    AUTO = "auto"
    PCM_S16LE = "pcm_s16le"
    OGG_OPUS = "ogg_opus"
    WEBM_OPUS = "webm_opus"
    MP4 = "mp4"
    MP3 = "mp3"
    FLAC = "flac"
    WAV = "wav"


class Framing(Enum):
    """Rule by which encoded audio is cut into chunks, as in `cedar_voice.v1.ChunkFraming`."""

    CONTINUOUS = "continuous"
    SELF_CONTAINED = "self_contained"
    WHOLE = "whole"


INPUT_ENCODINGS = tuple(Encoding)
OUTPUT_ENCODINGS = (
    Encoding.PCM_S16LE,
    Encoding.OGG_OPUS,
    Encoding.WEBM_OPUS,
    Encoding.MP3,
    Encoding.WAV,
)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding of an audio stream.

    `sample_rate_hz` and `channel_count` describe raw PCM input; 0 leaves them to the encoding.
    """

    encoding: Encoding = Encoding.AUTO
    sample_rate_hz: int = 0
    channel_count: int = 0


@dataclass(frozen=True, slots=True)
class Pcm:
    """A block of sound: signed 16-bit little-endian samples, mono."""

    data: bytes
    sample_rate_hz: int = LISTENING_RATE_HZ

    @property
    def sample_count(self) -> int:
        """Number of samples in the block."""
        return len(self.data) // SAMPLE_BYTES

    @property
    def duration_ms(self) -> float:
        """Length of the block in milliseconds."""
        return self.sample_count * 1000 / self.sample_rate_hz


class EdgeKind(Enum):
    """Direction of an edge."""

    STARTED = "started"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SpeechEdge:
    """Start or end of speech at `at_ms`, in milliseconds of sound since the detector was made."""

    kind: EdgeKind
    at_ms: int


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """A block of sound and the edges of speech that were detected with it.

    Times are milliseconds of sound since the session began: `end_ms` is the end of the block, the
    edges lie at or before it.
    """

    pcm: Pcm
    end_ms: int
    edges: tuple[SpeechEdge, ...] = ()


@dataclass(frozen=True, slots=True)
class Mp3:
    """A piece of an MP3 file, cut anywhere. Each phrase is a file of its own."""

    data: bytes


Sound = Pcm | Mp3
"""Speech as engines synthesize it."""


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """Encoded sound and its place in the response. Each chunk begins where the one before ends.

    `continues` is set where its bytes belong to the same file as those before.
    """

    data: bytes
    offset_ms: int
    duration_ms: int
    continues: bool = False
