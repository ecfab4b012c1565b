"""Requests of the contract from JSON frames. Pure."""

import re
from typing import Any, assert_never

import msgspec
import pybase64
from msgspec import UNSET

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation import frames
from cedar_voice_bridge.translation.configuration import set_values
from cedar_voice_bridge.translation.context import tools_in, unwrap_context
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_shared.mirror import write

AUDIO_PIECE_BYTES = 64 << 10
"""Size of the pieces that longer audio is sent in: the contract allows to cut audio anywhere."""


def read_frame(frame: str, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return the frame with checked types: one of the structs that the decoder is made for.

    Raises:
        DialectError: the frame is not JSON, of an unknown type, or has an invalid field.
    """
    try:
        return decoder.decode(frame)
    except msgspec.ValidationError as error:
        raise _misfit(frame, str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise DialectError("the frame is not valid JSON") from None


def requests_of(frame: frames.CommonUpFrame) -> list[pb.VoiceSessionRequest]:
    """Return the requests of a frame that dialects have in common; none for `auth`.

    Raises:
        DialectError: a value is invalid.
    """
    match frame:
        case frames.Config():
            return [pb.VoiceSessionRequest(config=_config(frame))]
        case frames.StartListening():
            return [control_request(start_listening=pb.StartListening())]
        case frames.StopListening():
            return [control_request(stop_listening=pb.StopListening())]
        case frames.Interrupt():
            return [control_request(interrupt=pb.Interrupt(**unnumbered_values(frame)))]
        case frames.Text(text=text):
            return [pb.VoiceSessionRequest(text=pb.TextInput(text=text))]
        case frames.Auth():
            return []
        case _:
            assert_never(frame)


def unnumbered_values(frame: frames.NumberedFrame) -> dict[str, Any]:
    """Return the values of a frame that are set, without its sequence number."""
    return {name: value for name, value in set_values(frame).items() if name != "seq"}


def control_request(**command: Any) -> pb.VoiceSessionRequest:
    """Return the request of one control command, given by its name in the contract."""
    return pb.VoiceSessionRequest(control=pb.Control(**command))


def audio_of(data: str, field: str = "data") -> list[pb.VoiceSessionRequest]:
    """Return the requests that carry audio given in base64.

    Args:
        data: the audio.
        field: name of the frame's field, for the error.

    Raises:
        DialectError: the data is not base64, or empty.
    """
    try:
        audio = pybase64.b64decode(data, validate=True)
    except ValueError:
        raise DialectError(f"{field}: is not base64", field=field) from None
    if not audio:
        raise DialectError(f"{field}: is empty", field=field)
    return pieces_of(audio)


def pieces_of(audio: bytes) -> list[pb.VoiceSessionRequest]:
    """Return the requests that carry audio, cut into pieces of at most `AUDIO_PIECE_BYTES`."""
    return [
        pb.VoiceSessionRequest(audio=pb.InputAudio(data=audio[start : start + AUDIO_PIECE_BYTES]))
        for start in range(0, len(audio), AUDIO_PIECE_BYTES)
    ]


def _config(frame: frames.Config) -> pb.SessionConfig:
    config = pb.SessionConfig()
    if frame.settings is not UNSET:
        config.settings.CopyFrom(pb.VoiceSettings(**set_values(frame.settings)))
    if frame.context is not UNSET:
        config.context_json = unwrap_context(bytes(frame.context).decode())
        _declare_tools(config)
    if frame.output is not UNSET:
        config.output_audio.CopyFrom(_output_audio(frame.output))
    if frame.turn_detection is not UNSET:
        write(set_values(frame.turn_detection), config.turn_detection)
    if frame.tools is not UNSET:
        config.tools.CopyFrom(pb.ToolSet(tools=map(_tool, frame.tools)))
    if frame.system_prompt is not UNSET:
        config.pipeline.system_prompt = frame.system_prompt
    if frame.draft_replies is not UNSET:
        config.pipeline.draft_replies = frame.draft_replies
    return config


def _declare_tools(config: pb.SessionConfig) -> None:
    tools = tools_in(config.context_json)
    if tools is not None:
        config.tools.CopyFrom(tools)


def _output_audio(output: frames.Output) -> pb.OutputAudioConfig:
    return pb.OutputAudioConfig(
        format=pb.AudioFormat(
            encoding=pb.AudioEncoding.Value(f"AUDIO_ENCODING_{output.encoding.upper()}")
        ),
        framing=pb.ChunkFraming.Value(f"CHUNK_FRAMING_{output.framing.upper()}"),
        max_lead_ms=output.max_lead_ms,
        supports_hold=output.supports_hold,
    )


def _tool(tool: frames.Tool) -> pb.ToolDefinition:
    definition = pb.ToolDefinition(name=tool.name, description=tool.description)
    if tool.parameters is not UNSET:
        definition.parameters_json_schema = bytes(tool.parameters).decode()
    if tool.state_key or tool.setter_key:
        definition.state_setter.state_key = tool.state_key
        definition.state_setter.setter_key = tool.setter_key
        definition.state_setter.argument_order.extend(tool.argument_order)
    return definition


# -- frames that do not fit ----------------------------------------------------------------------


class _Typed(msgspec.Struct):
    type: str = ""


def _misfit(frame: str, problem: str) -> DialectError:
    """Return the error for JSON that is not of the dialect, from msgspec's description of it."""
    what, _, path = problem.partition(" - at `$")
    path = path.removesuffix("`").removeprefix(".")
    if missing := re.search(r"missing required field `(\w+)`", what):
        path, what = f"{path}.{missing[1]}".removeprefix("."), "is missing"
    elif path == "type":
        what = "is not known"
    elif what.startswith("Invalid enum value"):
        what = "is not one of the known values"
    message = f"{path or 'the frame'}: {what[:1].lower()}{what[1:]}"
    return DialectError(message, code=_code_of_misfit(frame), field=path)


def _code_of_misfit(frame: str) -> "pb.ErrorCode.ValueType":
    try:
        is_config = msgspec.json.decode(frame, type=_Typed).type == "config"
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # not JSON after the misfit
        is_config = False
    return pb.ERROR_CODE_INVALID_CONFIG if is_config else pb.ERROR_CODE_INVALID_MESSAGE
