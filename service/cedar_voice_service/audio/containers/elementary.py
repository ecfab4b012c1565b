"""Streams of frames without a container, cut by libav's parsers: MP3 and FLAC."""

from typing import cast

from av.audio.codeccontext import AudioCodecContext
from av.codec.context import CodecContext
from av.error import FFmpegError

from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.errors import BrokenAudio

MAX_FRAMELESS_BYTES = 1 << 20
"""Bytes in a row that may contain no frame, such as a picture in a tag."""


class ElementaryReader:
    """Reads frames of one codec. Those after a frame confirm it: one of MP3, about ten of FLAC."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._parser = cast(AudioCodecContext, CodecContext.create(track.codec, "r"))
        self._has_begun = False
        self._frameless_bytes = 0

    def feed(self, data: bytes) -> list[Part]:
        """See `Reader.feed`."""
        parts = self._parse(data) if data else []
        self._frameless_bytes = 0 if parts else self._frameless_bytes + len(data)
        if self._frameless_bytes > MAX_FRAMELESS_BYTES:
            raise BrokenAudio("no frame of audio was found")
        return parts

    def flush(self) -> list[Part]:
        """See `Reader.flush`."""
        parts: list[Part] = []
        while rest := self._parse(None):
            parts += rest
        if self._frameless_bytes and not self._has_begun:
            raise BrokenAudio("no frame of audio was found")
        return parts

    def _parse(self, data: bytes | None) -> list[Part]:
        try:
            packets: list[Part] = [bytes(packet) for packet in self._parser.parse(data)]
        except FFmpegError:
            raise BrokenAudio("the audio cannot be cut into frames") from None
        if packets and not self._has_begun:
            self._has_begun = True
            packets.insert(0, self._track)
        return packets


class Mp3Reader:
    """Reads MP3 frames, without the tag before them and the frame that only describes the file."""

    def __init__(self) -> None:
        self._frames = ElementaryReader(Track("mp3float"))
        self._tag: Id3Skipper | None = Id3Skipper()
        self._is_first = True

    def feed(self, data: bytes) -> list[Part]:
        """See `Reader.feed`."""
        if self._tag is not None:
            data = self._tag.feed(data)
            if self._tag.is_over:
                self._tag = None
        return self._without_description(self._frames.feed(data))

    def flush(self) -> list[Part]:
        """See `Reader.flush`."""
        return self._without_description(self._frames.flush())

    def _without_description(self, parts: list[Part]) -> list[Part]:
        if self._is_first and len(parts) > 1:
            self._is_first = False
            frame = parts[1]
            if isinstance(frame, bytes) and _describes_file(frame):
                del parts[1]
        return parts


class Id3Skipper:
    """Drops the ID3v2 tag at the beginning of a file, if there is one."""

    def __init__(self) -> None:
        self._head = b""
        self._skip_bytes: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether the tag, if there was one, is passed."""
        return self._skip_bytes == 0

    def feed(self, data: bytes) -> bytes:
        """Receive bytes; return those after the tag."""
        if self._skip_bytes is None:
            data = self._head + data
            if b"ID3".startswith(data[:3]) and len(data) < 10:
                self._head = data
                return b""
            self._skip_bytes = _tag_bytes(data)
        skipped = min(self._skip_bytes, len(data))
        self._skip_bytes -= skipped
        return data[skipped:]


def _tag_bytes(data: bytes) -> int:
    if not data.startswith(b"ID3"):
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    has_footer = data[5] & 0x10
    return 10 + size + (10 if has_footer else 0)


def _describes_file(frame: bytes) -> bool:
    """Whether this is the silent frame in which encoders record length and quality."""
    return any(name in frame[:44] for name in (b"Xing", b"Info"))
