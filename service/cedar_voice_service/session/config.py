"""The configuration of a session, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from cedar_voice_service.audio.formats import AudioFormat, Framing
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_shared.options import Range
from cedar_voice_shared.options import TurnDetection as TurnDetection
from cedar_voice_shared.options import TurnMode as TurnMode
from cedar_voice_shared.options import VoiceSettings as VoiceSettings


@dataclass(frozen=True, slots=True)
class Generation:
    """Instructions and parameters of the language model; None leaves them to the engine.

    `apology` is said when a turn has failed, unless it is empty.
    """

    system_prompt: str = ""
    temperature: Annotated[float | None, Range(0.0, 2.0)] = None
    max_output_tokens: Annotated[int | None, Range(1)] = None
    draft_replies: bool = True
    apology: str = ""


@dataclass(frozen=True, slots=True)
class OutputAudio:
    """Format and pacing of answer audio; `max_lead_ms` of 0 sends at the pace of playback.

    A client that supports hold pauses playback when told; one that does not plays on.
    """

    format: AudioFormat = field(default_factory=AudioFormat)
    framing: Framing = Framing.CONTINUOUS
    max_lead_ms: int = 1_000
    supports_hold: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the language model may call.

    `parameters` is a JSON Schema of type "object". `state_key` and `setter_key` bind the tool to a
    setter of the client's state; `argument_order` names its arguments in the setter's positional
    order, empty passing the whole arguments object as the only one.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    state_key: str = ""
    setter_key: str = ""
    argument_order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Everything a session is configured with."""

    settings: VoiceSettings = field(default_factory=VoiceSettings)
    turn_detection: TurnDetection = field(default_factory=TurnDetection)
    generation: Generation = field(default_factory=Generation)
    output_audio: OutputAudio = field(default_factory=OutputAudio)
    input_audio: AudioFormat = field(default_factory=AudioFormat)
    context_json: str = ""
    tools: tuple[Tool, ...] = ()

    def patched(self, patch: ConfigPatch) -> "SessionConfig":
        """Return the configuration after `patch`."""
        return replace(
            self,
            settings=replace(self.settings, **patch.settings),
            turn_detection=replace(self.turn_detection, **patch.turn_detection),
            generation=replace(self.generation, **patch.generation),
            **patch.replaced,
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for a client, as in `cedar_voice.v1.Limits`."""

    max_message_bytes: int = 1 << 20
    max_audio_chunk_bytes: int = 256 << 10
    max_utterance_ms: int = 60_000
    max_text_chars: int = 4_000
    max_context_bytes: int = 256 << 10
    max_tools: int = 64
    max_history_items: int = 100
    resume_window_ms: int = 30_000
    replay_buffer_bytes: int = 1 << 20
    max_output_lead_ms: int = 1_000
