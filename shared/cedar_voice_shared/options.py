"""Options of voice and turn detection: each with its type, default and range, declared once.

The service's configuration holds them, and the bridge's documents state their ranges. Names and
meanings are those of the contract, `cedar_voice.v1`, which describes each option. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import inf
from typing import Annotated, get_type_hints


@dataclass(frozen=True, slots=True)
class Range:
    """Values that a number may have, both ends included; an annotation of its field."""

    low: float
    high: float = inf

    @property
    def is_bounded(self) -> bool:
        """Whether there is a largest value."""
        return self.high != inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" if self.is_bounded else f"at least {self.low:g}"


class TurnMode(Enum):
    """Side that ends the user's turn: the client (`MANUAL`), or the server after a silence."""

    MANUAL = "manual"
    SERVER_VAD = "server_vad"


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """User-facing settings; `rate` and `pitch` are multipliers, `volume` is a gain."""

    language: str = "en-US"
    voice_id: str = ""
    pitch: Annotated[float, Range(0.5, 2.0)] = 1.0
    rate: Annotated[float, Range(0.5, 2.0)] = 1.0
    volume: Annotated[float, Range(0.0, 1.0)] = 1.0
    use_browser_tts: bool = False
    auto_add_to_messages: bool = True
    stream: bool = True


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """Detection of the start and the end of the user's turn."""

    mode: TurnMode = TurnMode.SERVER_VAD
    threshold: Annotated[float, Range(0.0, 1.0)] = 0.5
    prefix_padding_ms: Annotated[int, Range(0, 2_000)] = 300
    silence_duration_ms: Annotated[int, Range(100, 10_000)] = 500
    min_speech_ms: Annotated[int, Range(0, 2_000)] = 100
    max_utterance_ms: Annotated[int, Range(1_000)] = 60_000
    no_input_timeout_ms: Annotated[int, Range(0, 600_000)] = 0
    create_response: bool = True
    interrupt_response: bool = True
    min_interruption_ms: Annotated[int, Range(0, 5_000)] = 200
    adaptive: bool = True


@cache
def ranges_of(options: type) -> Mapping[str, Range]:
    """Return the ranges of the fields that have one."""
    return {
        name: extra
        for name, hint in get_type_hints(options, include_extras=True).items()
        for extra in getattr(hint, "__metadata__", ())
        if isinstance(extra, Range)
    }
