"""The engines that a process has opened, as sessions use them."""

from collections.abc import Mapping
from dataclasses import dataclass

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.protocols import (
    EngineInfo,
    Responder,
    Synthesizer,
    Transcriber,
)
from cedar_voice_service.workers.decoding import HERE, Decoding


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines in use, one per stage, with their descriptions."""

    transcriber: Transcriber
    responder: Responder
    synthesizer: Synthesizer
    infos: Mapping[Stage, EngineInfo]
    decoding: Decoding = HERE
