"""A change of the configuration, as a client sends it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ConfigPatch:
    """Values to change: field by field in the first three groups, as a whole in `replaced`.

    Keys are the field names of `VoiceSettings`, `TurnDetection`, `Generation`, `SessionConfig`.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    turn_detection: Mapping[str, Any] = field(default_factory=dict)
    generation: Mapping[str, Any] = field(default_factory=dict)
    replaced: Mapping[str, Any] = field(default_factory=dict)
