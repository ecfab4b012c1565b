"""The recorded speech under tests/data, as paths and as samples."""

import wave
from pathlib import Path

SPEECH = Path(__file__).parents[1] / "data" / "speech"


def speech_path(name: str = "weather_in_london") -> Path:
    """A recording of one sentence."""
    return SPEECH / f"{name}.wav"


def speech_pcm(name: str = "weather_in_london") -> bytes:
    """The samples of a recording: 16 kHz, mono, signed 16-bit little-endian."""
    with wave.open(str(speech_path(name))) as recording:
        pcm: bytes = recording.readframes(recording.getnframes())
        return pcm
