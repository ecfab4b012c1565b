"""The targets of fuzzing: functions of bytes that raise if a promise about input is broken.

The bytes are those of hypothesis, of a fuzzer guided by coverage, or of the corpus.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.gate import session_id_of
from cedar_voice_bridge.dialects.cedar_os import translator as cedar_os
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocketTranslator
from cedar_voice_bridge.dialects.streaming.endpoint import position_of
from cedar_voice_bridge.dialects.streaming.translator import StreamingTranslator
from cedar_voice_bridge.http.accept import AnswerForm, preferred_form
from cedar_voice_bridge.http.origins import OriginPolicy, bearer_token
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_service.audio.containers.elementary import ElementaryReader, Mp3Reader
from cedar_voice_service.audio.containers.mp4 import Mp4Reader
from cedar_voice_service.audio.containers.ogg import OggReader
from cedar_voice_service.audio.containers.parts import Part, Reader, Track
from cedar_voice_service.audio.containers.wav import WavReader
from cedar_voice_service.audio.containers.webm import WebmReader
from cedar_voice_service.audio.decoder import MAX_AHEAD_MS, MAX_MS_PER_BYTE, open_decoder
from cedar_voice_service.audio.encoders.mp3_cutter import Mp3Cutter
from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, AudioFormat, Encoding, Pcm
from cedar_voice_service.errors import CallerError, Code, Stage
from cedar_voice_service.session.config import Limits, SessionConfig
from cedar_voice_service.session.events import Configured
from cedar_voice_service.wire import requests as wire
from cedar_voice_service.wire.responses import encode_ready
from cedar_voice_shared.containers import MAX_HEADER_BYTES, RecordingHeader, recognize

Target = Callable[[bytes], None]
Proto = TypeVar("Proto", bound=Message)

_ENCODINGS = tuple(Encoding)
_LIMITS = Limits()


def _pieces(data: bytes, piece_bytes: int) -> Iterable[bytes]:
    return (data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes))


# -- sound -----------------------------------------------------------------------------------------


def decode_recording(data: bytes) -> None:
    """Decode a recording: byte 0 selects its encoding, byte 1 the size of the pieces."""
    if len(data) < 2:
        return
    encoding, piece_bytes = _ENCODINGS[data[0] % len(_ENCODINGS)], 1 + data[1] ** 2
    sound = data[2:]
    decoded_bytes = 0
    try:
        decoder = open_decoder(AudioFormat(encoding, LISTENING_RATE_HZ))
        for piece in _pieces(sound, piece_bytes):
            decoded_bytes += len(decoder.feed(piece))
        decoded_bytes += len(decoder.flush())
    except CallerError as error:
        _check_refusal(error)
    assert Pcm(bytes(decoded_bytes)).duration_ms <= MAX_AHEAD_MS + MAX_MS_PER_BYTE * len(sound)


def go_on_in_the_middle(data: bytes) -> None:
    """Decode the rest of a recording after its header, from a place that the first byte selects."""
    place = data[0] * len(data) // 256 if data else 0
    header = RecordingHeader()
    for piece in _pieces(data[1:place], 100):
        header.add(piece)
    assert len(header.setup) <= MAX_HEADER_BYTES
    decoder = open_decoder(AudioFormat())
    try:
        for piece in (header.setup, *_pieces(data[place:], 100)):
            decoder.feed(piece)
        decoder.flush()
    except CallerError as error:
        _check_refusal(error)


def _check_refusal(error: CallerError) -> None:
    assert error.code in (Code.AUDIO_DECODE_FAILED, Code.UNSUPPORTED_AUDIO_FORMAT)
    assert error.stage is Stage.AUDIO_INPUT


def _reading(open_reader: Callable[[], Reader], *, growth: int = 1) -> Target:
    """Check that a reader returns at most as many bytes as it received, times `growth`."""

    def read(data: bytes) -> None:
        for piece_bytes in (1 + len(data), 7):
            parts = _parts(open_reader(), _pieces(data, piece_bytes)) or []
            packets = [part for part in parts if isinstance(part, bytes)]
            assert sum(map(len, packets)) <= growth * len(data)

    return read


def _reading_alike(open_reader: Callable[[], Reader]) -> Target:
    """Check also that a reader returns the same parts for every division into pieces."""
    read = _reading(open_reader)

    def compare(data: bytes) -> None:
        read(data)
        whole = _parts(open_reader(), [data])
        for piece_bytes in (1, 7, 1 + len(data) // 3) if whole is not None else ():
            assert _parts(open_reader(), _pieces(data, piece_bytes)) == whole

    return compare


def _parts(reader: Reader, pieces: Iterable[bytes]) -> list[Part] | None:
    """Return the parts that a reader finds, WAVE samples joined; None if it refuses the bytes."""
    found: list[Part] = []
    try:
        for part in _all_parts(reader, pieces):
            if isinstance(reader, WavReader) and isinstance(part, bytes) and found:
                last = found[-1]
                if isinstance(last, bytes):
                    found[-1] = last + part
                    continue
            found.append(part)
    except CallerError as error:
        _check_refusal(error)
        return None
    return found


def _all_parts(reader: Reader, pieces: Iterable[bytes]) -> Iterator[Part]:
    for piece in pieces:
        yield from reader.feed(piece)
    yield from reader.flush()


def cut_mp3(data: bytes) -> None:
    """Cut a file into MP3 frames; the cutter may refuse it, but not fail."""
    cutter = Mp3Cutter(24_000)
    with suppress(CallerError):
        for piece in _pieces(data, 500):
            cutter.feed(piece)
        cutter.flush()


def recognize_encoding(data: bytes) -> None:
    """Check that twelve bytes decide on the container, and that further bytes change nothing."""
    heads = [recognize(data[:length]) for length in range(min(len(data), 40) + 1)]
    decided = [head for head in heads if head.begins is not None]
    assert len(set(decided)) <= 1
    assert len(data) < 12 or decided


# -- browsers --------------------------------------------------------------------------------------


def _framing(open_dialect: Callable[[], CedarWebSocketTranslator | StreamingTranslator]) -> Target:
    """Check that a frame is read or refused, and that the service can decode its requests."""

    def read(data: bytes) -> None:
        dialect, frame = open_dialect(), data.decode(errors="replace")
        for parse in (dialect.decode, dialect.token_in):
            try:
                parsed = parse(frame)
            except DialectError as problem:
                _check_frames(dialect.refuse(problem))
                continue
            if isinstance(parsed, list):
                _check_requests(parsed)

    return read


def read_form(data: bytes) -> None:
    """Read the fields of a form: settings, a zero byte, context."""
    settings, _, context = data.decode(errors="replace").partition("\0")
    with suppress(DialectError):
        _check_requests(cedar_os.requests_of(b"sound", settings, context, "stream"))


def _check_requests(requests: list[pb.VoiceSessionRequest]) -> None:
    for request in requests:
        _decode(pb.VoiceSessionRequest.FromString(request.SerializeToString()))


def _check_frames(frames: list[str]) -> None:
    """Check that each frame is one line of JSON, as an event stream requires."""
    for frame in frames:
        assert "\n" not in frame and "\r" not in frame
        assert isinstance(json.loads(frame), dict)
        frame.encode()


def read_headers(data: bytes) -> None:
    """Read headers and queries, separated by zero bytes."""
    text = data.decode(errors="surrogateescape")
    first, _, second = text.partition("\0")
    assert preferred_form(first) in AnswerForm
    position = position_of(first)
    assert position is None or min(position.sequence, position.term) >= 0
    admission = OriginPolicy(["https://app.example"])
    token = bearer_token(second)
    assert token is None or token in second
    if admission.admits_origin(first, "bridge.example"):
        assert "app.example" in first.lower() or "bridge.example" in first.lower()
    if text.isprintable():
        assert 1 <= len(session_id_of(text)) <= 64


def write_frames(data: bytes) -> None:
    """Check that each dialect encodes any response in whole lines of JSON."""
    response = _parsed(pb.VoiceSessionResponse(), data)
    if response is None or not _has_json_in_actions(response):
        return
    for dialect in (CedarWebSocketTranslator(), StreamingTranslator(), cedar_os.CedarOsTurn()):
        _check_frames(dialect.encode(response))


def _has_json_in_actions(response: pb.VoiceSessionResponse) -> bool:
    """Whether the arguments of an action are JSON, as the contract requires of the service."""
    action = response.action
    try:
        args = json.loads(action.args_json or "[]")
        arguments = json.loads(action.arguments_json or "{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(args, list) and isinstance(arguments, dict)


# -- the contract ----------------------------------------------------------------------------------


def decode_request(data: bytes) -> None:
    """Check that a message of the contract is decoded or refused."""
    request = _parsed(pb.VoiceSessionRequest(), data)
    if request is not None:
        _decode(request)


def _decode(request: pb.VoiceSessionRequest) -> None:
    try:
        event = wire.decode(request, _LIMITS)
    except CallerError as error:
        assert error.code is not Code.INTERNAL
        return
    if isinstance(event, Configured):
        encode_ready(SessionConfig().patched(event.patch)).SerializeToString()


def _parsed(message: Proto, data: bytes) -> Proto | None:
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message


TARGETS: Mapping[str, Target] = {
    "decoder": decode_recording,
    "going_on": go_on_in_the_middle,
    "webm": _reading_alike(WebmReader),
    "ogg": _reading_alike(OggReader),
    "wav": _reading_alike(WavReader),
    "mp4": _reading(Mp4Reader),
    "mp3": _reading_alike(Mp3Reader),
    "flac": _reading(lambda: ElementaryReader(Track("flac")), growth=2),
    "mp3_cutter": cut_mp3,
    "recognition": recognize_encoding,
    "cedar_websocket": _framing(CedarWebSocketTranslator),
    "streaming": _framing(StreamingTranslator),
    "cedar_os": read_form,
    "headers": read_headers,
    "frames": write_frames,
    "requests": decode_request,
}
