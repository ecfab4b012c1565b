"""The configuration of a session, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from cedar_voice_service.audio.formats import AudioFormat, Framing
from cedar_voice_service.session.config_patch import ConfigPatch


class TurnMode(Enum):
    """The side that finds the end of the user's turn."""

    MANUAL = "manual"
    SERVER_VAD = "server_vad"


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """User-facing settings; `rate` and `pitch` are multipliers, `volume` a gain of 0.0 to 1.0."""

    language: str = "en-US"
    voice_id: str = ""
    pitch: float = 1.0
    rate: float = 1.0
    volume: float = 1.0
    use_browser_tts: bool = False
    auto_add_to_messages: bool = True
    stream: bool = True


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """How the start and end of the user's turn are found; defaults as in the contract."""

    mode: TurnMode = TurnMode.SERVER_VAD
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    min_speech_ms: int = 100
    max_utterance_ms: int = 60_000
    no_input_timeout_ms: int = 0
    create_response: bool = True
    interrupt_response: bool = True
    min_interruption_ms: int = 200
    adaptive: bool = True


@dataclass(frozen=True, slots=True)
class Generation:
    """Instructions and parameters of the language model; None leaves them to the engine.

    `apology` is said when a turn has failed, unless it is empty.
    """

    system_prompt: str = ""
    temperature: float | None = None
    max_output_tokens: int | None = None
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
        """The configuration after `patch`."""
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
