"""WebM as MediaRecorder writes it: live, of unknown length, cut anywhere.

Elements are read in order, and parents as if they were not there, so it does not matter whether
sizes are known. After bytes that are no element, reading resumes at the next cluster.
"""

import re
import struct
from collections.abc import Iterator

from cedar_voice_service.audio.containers import ebml
from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.audio.containers.raw import pcm_track
from cedar_voice_service.errors import BrokenAudio, UnsupportedAudio

MAX_OPUS_BLOCK_BYTES = 8 << 10
"""Largest block of Opus: 120 ms at its highest rate."""

MAX_PCM_BLOCK_BYTES = 256 << 10
"""Largest block of uncompressed audio."""

MAX_BULKY_BYTES = 1 << 20
"""Largest known element that is skipped."""

MAX_UNKNOWN_BYTES = 256
"""Largest unknown element that is skipped; one that claims more counts as garbage."""

MAX_LOST_BYTES = 64 << 10
"""Garbage after which a recording is abandoned: seconds of speech."""

MAX_TRACKS = 64

_LANDMARK = re.compile(
    b"|".join(re.escape(id_.to_bytes(4)) for id_ in (ebml.CLUSTER, ebml.EBML, ebml.TRACKS))
)
"""Elements at which reading resumes after garbage."""

_TRACK_LEAVES = frozenset(
    {
        ebml.TRACK_NUMBER,
        ebml.TRACK_TYPE,
        ebml.CODEC_ID,
        ebml.CODEC_PRIVATE,
        ebml.CONTENT_ENCODINGS,
        ebml.SAMPLING_FREQUENCY,
        ebml.CHANNELS,
        ebml.BIT_DEPTH,
    }
)
_AUDIO_TRACK = 2
_LACING = 0x06


class WebmReader:
    """Reads packets of the first audio track. A new EBML header begins a new recording."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip_bytes = 0
        self._lost_bytes = 0
        self._is_lost = False
        self._entries: list[dict[int, bytes]] | None = None
        self._track_number: int | None = None
        self._max_block_bytes = MAX_OPUS_BLOCK_BYTES

    def feed(self, data: bytes) -> list[Part]:
        """See `Reader.feed`."""
        self._buffer += data
        return list(self._parts())

    def flush(self) -> list[Part]:
        """See `Reader.flush`; an incomplete element is dropped."""
        return []

    def _parts(self) -> Iterator[Part]:
        while self._pass_over() and self._find():
            try:
                header = ebml.read_header(self._buffer, 0)
            except ebml.InvalidHeader:
                self._lose()
                continue
            if header is None:
                return
            if header.id in ebml.MASTERS:
                del self._buffer[: header.length]
                yield from self._enter(header.id)
            elif header.size is None or header.size > self._size_limit(header.id):
                self._lose()
            elif not self._is_wanted(header.id):
                self._ignore(header.id, header.length + header.size)
            elif len(self._buffer) < header.length + header.size:
                return
            else:
                value = bytes(self._buffer[header.length : header.length + header.size])
                del self._buffer[: header.length + header.size]
                yield from self._read_element(header.id, value)

    # -- skipping, and resuming after garbage --------------------------------------------------

    def _ignore(self, id_: int, length: int) -> None:
        self._skip_bytes = length
        if id_ == ebml.EBML:
            self._entries = []
            self._track_number = None

    def _pass_over(self) -> bool:
        skipped = min(self._skip_bytes, len(self._buffer))
        del self._buffer[:skipped]
        self._skip_bytes -= skipped
        return not self._skip_bytes

    def _lose(self) -> None:
        if self._entries is None:
            raise BrokenAudio("the audio does not begin with a WebM header")
        del self._buffer[:1]
        self._is_lost = True
        self._lost_bytes += 1

    def _find(self) -> bool:
        """Whether reading can continue at the front of the buffer."""
        if not self._is_lost:
            return True
        found = _LANDMARK.search(self._buffer)
        dropped = found.start() if found else max(0, len(self._buffer) - 3)
        del self._buffer[:dropped]
        self._lost_bytes += dropped
        if self._lost_bytes > MAX_LOST_BYTES:
            raise BrokenAudio("the recording is damaged beyond repair")
        self._is_lost = found is None
        return not self._is_lost

    def _size_limit(self, id_: int) -> int:
        if id_ in ebml.BULKY:
            return MAX_BULKY_BYTES
        if id_ in (ebml.SIMPLE_BLOCK, ebml.BLOCK):
            return self._max_block_bytes
        return MAX_UNKNOWN_BYTES

    # -- elements ------------------------------------------------------------------------------

    def _is_wanted(self, id_: int) -> bool:
        if id_ in (ebml.SIMPLE_BLOCK, ebml.BLOCK):
            return self._track_number is not None
        return id_ in _TRACK_LEAVES and bool(self._entries)

    def _enter(self, id_: int) -> Iterator[Track]:
        if self._entries is None:
            raise BrokenAudio("the audio does not begin with a WebM header")
        if self._track_number is not None:
            return
        if id_ == ebml.TRACK_ENTRY:
            if len(self._entries) == MAX_TRACKS:
                raise BrokenAudio(f"the WebM recording has more than {MAX_TRACKS} tracks")
            self._entries.append({})
        elif id_ == ebml.CLUSTER:
            entry = _first_audio(self._entries)
            track = _track_of(entry)
            self._track_number = _unsigned(entry, ebml.TRACK_NUMBER)
            is_opus = track.codec == "opus"
            self._max_block_bytes = MAX_OPUS_BLOCK_BYTES if is_opus else MAX_PCM_BLOCK_BYTES
            yield track

    def _read_element(self, id_: int, value: bytes) -> Iterator[bytes]:
        if id_ in _TRACK_LEAVES:
            if self._entries and self._track_number is None:
                self._entries[-1][id_] = value
            return
        try:
            number, at = ebml.read_vint(value, 0)
        except ebml.InvalidHeader:
            return
        if number != self._track_number or len(value) < at + 3:
            return
        if value[at + 2] & _LACING:
            raise UnsupportedAudio("laced WebM blocks are not decoded")
        self._lost_bytes = 0
        yield value[at + 3 :]


def _first_audio(entries: list[dict[int, bytes]]) -> dict[int, bytes]:
    for entry in entries:
        if _unsigned(entry, ebml.TRACK_TYPE) == _AUDIO_TRACK:
            return entry
    raise UnsupportedAudio("the WebM recording has no audio track")


def _track_of(entry: dict[int, bytes]) -> Track:
    codec_id = entry.get(ebml.CODEC_ID, b"").rstrip(b"\0")[:32]
    if ebml.CONTENT_ENCODINGS in entry:
        raise UnsupportedAudio("compressed or encrypted WebM tracks are not decoded")
    if codec_id == b"A_OPUS":
        return Track("opus", entry.get(ebml.CODEC_PRIVATE, b""))
    codec = _PCM_CODECS.get((codec_id, _unsigned(entry, ebml.BIT_DEPTH)))
    if codec is None:
        name = codec_id.decode("ascii", "replace")
        raise UnsupportedAudio(f"WebM audio of codec {name!r} is not decoded")
    rate_hz = _float(entry.get(ebml.SAMPLING_FREQUENCY, b""))
    return pcm_track(codec, rate_hz, _unsigned(entry, ebml.CHANNELS) or 1)


_PCM_CODECS = {
    (b"A_PCM/FLOAT/IEEE", 32): "pcm_f32le",
    (b"A_PCM/INT/LIT", 16): "pcm_s16le",
    (b"A_PCM/INT/LIT", 24): "pcm_s24le",
    (b"A_PCM/INT/LIT", 32): "pcm_s32le",
}


def _unsigned(entry: dict[int, bytes], id_: int) -> int:
    return int.from_bytes(entry.get(id_, b""), "big")


def _float(value: bytes) -> int:
    """Return a rate in Hz, by default that of the specification."""
    if len(value) not in (4, 8):
        return 8_000
    rate_hz: float = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]
    return max(1, int(rate_hz)) if 0 < rate_hz < 1e9 else 1
