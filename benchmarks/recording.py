"""A spoken question as a browser's recorder sends it, and as a transcription request carries it."""

import io
import wave
from dataclasses import dataclass
from pathlib import Path

import av

PIECE_MS = 100
"""How often a browser's recorder hands over what it has."""

_SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech"


@dataclass(frozen=True, slots=True)
class Recording:
    """One utterance: a WAV file, and the same speech as WebM/Opus in pieces of `PIECE_MS`."""

    wav: bytes
    pieces: tuple[bytes, ...]

    @property
    def duration_ms(self) -> int:
        """Length of the utterance."""
        return len(self.pieces) * PIECE_MS


def load_recording(name: str = "show_the_report") -> Recording:
    """Read a recording of the test data and encode it as a browser does."""
    wav = (_SPEECH / f"{name}.wav").read_bytes()
    with wave.open(io.BytesIO(wav)) as file:
        duration_ms = file.getnframes() * 1000 / file.getframerate()
    webm = _webm_opus(wav)
    piece_count = round(duration_ms / PIECE_MS)
    size_bytes = -(-len(webm) // piece_count)
    starts = range(0, len(webm), size_bytes)
    return Recording(wav, tuple(webm[start : start + size_bytes] for start in starts))


def _webm_opus(wav: bytes) -> bytes:
    webm = io.BytesIO()
    with (
        av.open(io.BytesIO(wav), "r") as source,
        av.open(webm, "w", format="webm", options={"live": "1"}) as target,
    ):
        stream = target.add_stream("libopus", rate=48_000, layout="mono")
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return webm.getvalue()
