"""The configuration of a session as clients of every dialect send it. Pure."""

from typing import Any

import msgspec
from msgspec import UNSET, Struct

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.context import context_of, tools_in
from cedar_voice_bridge.translation.contract_fields import with_fields_of
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_shared import options


@with_fields_of(pb.VoiceSettings, options.VoiceSettings)
class Settings(Struct):
    """Voice settings, named as in the contract."""


def chunk_by_chunk_config(session_id: str) -> pb.SessionConfig:
    """Return the opening configuration for clients that play every chunk on arrival.

    Such a client plays each chunk in an audio element of its own, so each chunk is a whole MP3
    file, sent when the previous one has been played.
    """
    return pb.SessionConfig(
        session_id=session_id,
        output_audio=pb.OutputAudioConfig(
            format=pb.AudioFormat(encoding=pb.AUDIO_ENCODING_MP3),
            framing=pb.CHUNK_FRAMING_SELF_CONTAINED,
            max_lead_ms=0,
        ),
        turn_detection=pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_SERVER_VAD),
    )


def is_chunk_by_chunk(output: pb.OutputAudioConfig) -> bool:
    """Whether the output in force is that of a client which has not configured its output."""
    is_ahead = output.max_lead_ms > 0 or output.supports_hold
    return output.framing == pb.CHUNK_FRAMING_SELF_CONTAINED and not is_ahead


def set_values(struct: Struct) -> dict[str, Any]:
    """Return the values that are set, by their names in the contract."""
    values = msgspec.structs.asdict(struct)
    return {name: value for name, value in values.items() if value is not UNSET}


def form_config(settings: str, context: str) -> pb.SessionConfig:
    """Return the configuration in two fields of a form; an empty field changes nothing.

    Args:
        settings: voice settings as JSON.
        context: the application's context, as JSON or any text.

    Raises:
        DialectError: the settings are invalid.
    """
    config = pb.SessionConfig()
    if settings:
        config.settings.CopyFrom(_settings_of(settings))
    if context:
        config.context_json = context_of(context)
        tools = tools_in(config.context_json)
        if tools is not None:
            config.tools.CopyFrom(tools)
    return config


def _settings_of(text: str) -> pb.VoiceSettings:
    """Return the voice settings of a form field.

    Raises:
        DialectError: the text is not JSON, or a setting has another type.
    """
    try:
        return pb.VoiceSettings(**set_values(msgspec.json.decode(text, type=Settings)))
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        place = f"settings{path.removesuffix('`')}"
        raise _invalid(f"{place}: {problem[:1].lower()}{problem[1:]}", place) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _invalid("settings: is not valid JSON", "settings") from None


def _invalid(message: str, path: str) -> DialectError:
    return DialectError(message, code=pb.ERROR_CODE_INVALID_CONFIG, field=path)
