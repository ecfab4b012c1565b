"""The index of an MP4 movie: codec and samples of its sound track."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cedar_voice_service.audio.containers.mp4_boxes import MAX_SAMPLES, Range, children, descend
from cedar_voice_service.audio.containers.parts import Track
from cedar_voice_service.errors import BrokenAudio, UnsupportedAudio

_AAC_OBJECT_TYPES = (0x40, 0x66, 0x67, 0x68)
_MP3_OBJECT_TYPES = (0x69, 0x6B)


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """The first sound track of a movie; `ranges` is empty where fragments list them."""

    track_id: int
    track: Track
    ranges: tuple[Range, ...]
    default_sample_bytes: int


def sound_of(moov: bytes) -> SoundTrack:
    """Read a movie's index.

    Raises:
        BrokenAudio: it is damaged.
        UnsupportedAudio: it has no sound track, or one of a codec that is not decoded.
    """
    try:
        for kind, trak in children(moov):
            if kind == b"trak" and descend(trak, b"mdia", b"hdlr")[8:12] == b"soun":
                return _sound_of(moov, trak)
    except (struct.error, IndexError):
        raise BrokenAudio("the MP4 index is damaged") from None
    raise UnsupportedAudio("the MP4 recording has no sound track")


def _sound_of(moov: bytes, trak: bytes) -> SoundTrack:
    header = descend(trak, b"tkhd")
    (track_id,) = struct.unpack_from(">I", header, 20 if header[0] else 12)
    table = descend(trak, b"mdia", b"minf", b"stbl")
    default_bytes = 0
    for kind, extends in children(descend(moov, b"mvex")):
        if kind == b"trex" and struct.unpack_from(">I", extends, 4)[0] == track_id:
            (default_bytes,) = struct.unpack_from(">I", extends, 16)
    return SoundTrack(
        track_id, _track_of(descend(table, b"stsd")), _ranges_of(table), default_bytes
    )


# -- codecs ------------------------------------------------------------------------------------


def _track_of(descriptions: bytes) -> Track:
    for kind, entry in children(descriptions[8:]):
        extensions = entry[_extensions_at(entry) :]
        if kind == b"Opus":
            return Track("opus", _opus_head_of(descend(extensions, b"dOps")))
        if kind == b"mp4a":
            esds = descend(extensions, b"esds") or descend(extensions, b"wave", b"esds")
            return _mpeg_track_of(esds)
        raise UnsupportedAudio(
            f"MP4 sound of codec {kind.decode('ascii', 'replace')!r} is not decoded"
        )
    raise BrokenAudio("the MP4 index describes no sound")


def _extensions_at(entry: bytes) -> int:
    """Return the offset of a sound description's boxes; QuickTime has longer descriptions."""
    (version,) = struct.unpack_from(">H", entry, 8)
    return {1: 44, 2: 64}.get(version, 28)


def _opus_head_of(specific: bytes) -> bytes:
    channels, pre_skip, rate_hz, gain = struct.unpack_from(">xBHIh", specific)
    return b"OpusHead\x01" + struct.pack("<BHIh", channels, pre_skip, rate_hz, gain) + specific[10:]


def _mpeg_track_of(esds: bytes) -> Track:
    config = _descriptor(_descriptor(esds[4:], 3)[3:], 4)
    object_type = config[0]
    if object_type in _MP3_OBJECT_TYPES:
        return Track("mp3float")
    if object_type in _AAC_OBJECT_TYPES:
        return Track("aac", _descriptor(config[13:], 5))
    raise UnsupportedAudio(f"MP4 sound of MPEG object type {object_type:#x} is not decoded")


def _descriptor(data: bytes, tag: int) -> bytes:
    """Return the content of the first descriptor with `tag`; empty when there is none."""
    at = 0
    while at + 1 < len(data):
        found, size = data[at], 0
        at += 1
        while at < len(data):
            size = size << 7 | data[at] & 0x7F
            at += 1
            if not data[at - 1] & 0x80:
                break
        if found == tag:
            return data[at : at + size]
        at += size
    return b""


# -- positions of the samples ---------------------------------------------------------------------


def _ranges_of(table: bytes) -> tuple[Range, ...]:
    sizes = _sizes_of(descend(table, b"stsz"))
    chunks = _chunk_offsets_of(table)
    ranges: list[Range] = []
    for offset, count in zip(chunks, _samples_per_chunk(table, len(chunks)), strict=False):
        for size in sizes[len(ranges) : len(ranges) + count]:
            ranges.append((offset, size))
            offset += size
    return tuple(sorted(ranges))


def _sizes_of(stsz: bytes) -> list[int]:
    if not stsz:
        return []
    size, count = struct.unpack_from(">4xII", stsz)
    _check_count(count)
    return [size] * count if size else list(struct.unpack_from(f">{count}I", stsz, 12))


def _chunk_offsets_of(table: bytes) -> tuple[int, ...]:
    for name, code in ((b"stco", "I"), (b"co64", "Q")):
        if box := descend(table, name):
            (count,) = struct.unpack_from(">4xI", box)
            _check_count(count)
            return struct.unpack_from(f">{count}{code}", box, 8)
    return ()


def _samples_per_chunk(table: bytes, chunk_count: int) -> Iterator[int]:
    stsc = descend(table, b"stsc")
    runs = list(struct.iter_unpack(">III", stsc[8 : 8 + (len(stsc) - 8) // 12 * 12]))
    for index, (first, per_chunk, _) in enumerate(runs):
        next_first = runs[index + 1][0] if index + 1 < len(runs) else chunk_count + 1
        for _ in range(first, min(next_first, chunk_count + 1)):
            yield per_chunk


def _check_count(count: int) -> None:
    if count > MAX_SAMPLES:
        raise BrokenAudio(f"the MP4 index lists more than {MAX_SAMPLES} samples")
