"""What a caller can ask of a session. `None` leaves a value to the server, or as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cedar_voice_client.enums import AudioEncoding, ChunkFraming, TurnDetectionMode


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding of an audio stream.

    Raw PCM input needs `sample_rate_hz`; 0 leaves rate and channels to the encoding.
    """

    encoding: AudioEncoding
    sample_rate_hz: int = 0
    channel_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAudioConfig:
    """Format and pacing of the answer audio.

    `max_lead_ms` is how far the server sends ahead of playback; 0 is for clients that play every
    chunk the moment it arrives. `supports_hold` says that the client heeds `PlaybackHold`.
    """

    format: AudioFormat | None = None
    framing: ChunkFraming = ChunkFraming.UNSPECIFIED
    max_lead_ms: int | None = None
    supports_hold: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How a session outlives its connection.

    A broken stream is opened again for `give_up_after_s`, with waits of up to `max_wait_s`, drawn
    at random. A stream on which nothing comes for `ping_after_s`, and nothing within
    `pong_within_s` of a ping, is taken for broken. A session that the service has lost is opened
    again with what the client knows of it, unless `restore` is off. What was said and not yet
    settled is kept to be said again: audio of `max_audio_s` and `max_audio_bytes` at most.
    """

    give_up_after_s: float = 60.0
    first_wait_s: float = 0.25
    max_wait_s: float = 5.0
    ping_after_s: float = 5.0
    pong_within_s: float = 5.0
    open_timeout_s: float = 10.0
    restore: bool = True
    max_audio_s: float = 90.0
    max_audio_bytes: int = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetection:
    """How the server finds the start and the end of the user's turn.

    `threshold` is a speech probability, 0.0 to 1.0; `silence_duration_ms` of silence ends the turn,
    up to twice as much for a speaker who pauses long when `adaptive` is on; speech of
    `min_interruption_ms` holds the answer, and words interrupt it, when `interrupt_response` is on.
    After `no_input_timeout_ms` without a word there is a `SpeechActivity` that says so, never when
    it is 0. With `create_response` off, a turn is answered only when asked for.
    """

    mode: TurnDetectionMode | None = None
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    min_speech_ms: int | None = None
    max_utterance_ms: int | None = None
    no_input_timeout_ms: int | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    min_interruption_ms: int | None = None
    adaptive: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSetter:
    """Binds a tool to a setter of the application's state.

    `argument_order` names the tool's arguments in the setter's positional order; empty passes them
    as one object.
    """

    state_key: str
    setter_key: str
    argument_order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool the language model may call; a call arrives as an `Action`.

    `parameters` is the JSON Schema of its arguments, an object; None declares no arguments.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    state_setter: StateSetter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    """Voice and language.

    `language` is a BCP-47 tag. `pitch` and `rate` are multipliers from 0.5 to 2.0, `volume` goes
    from 0.0 to 1.0. With `use_browser_tts` the server synthesizes nothing; with `stream` off it
    sends no partial transcriptions and no deltas.
    """

    language: str | None = None
    voice_id: str | None = None
    pitch: float | None = None
    rate: float | None = None
    volume: float | None = None
    use_browser_tts: bool | None = None
    auto_add_to_messages: bool | None = None
    stream: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions(VoiceSettings):
    """Everything that configures a session; as a patch, what is None stays as it is.

    `session_id` is the wanted name of a new session. `context` is application context for the
    language model: any JSON value, {} for none. With `draft_replies` the answer is begun when the
    user pauses, and kept only if nothing more is said. `tools` replaces the whole set, () removes
    it.
    """

    session_id: str | None = None
    context: Any = None
    input_audio: AudioFormat | None = None
    output_audio: OutputAudioConfig | None = None
    turn_detection: TurnDetection | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    draft_replies: bool | None = None
    tools: tuple[Tool, ...] | None = None
