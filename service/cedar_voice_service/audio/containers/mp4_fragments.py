"""Movie fragments of MP4: positions of the samples that follow."""

import struct
from collections.abc import Iterator

from cedar_voice_service.audio.containers.mp4_boxes import MAX_SAMPLES, Range, children
from cedar_voice_service.errors import BrokenAudio

_HAS_BASE = 0x1
_HAS_DESCRIPTION = 0x2
_HAS_DEFAULT_DURATION = 0x8
_HAS_DEFAULT_SIZE = 0x10

_HAS_DATA_OFFSET = 0x1
_HAS_FIRST_FLAGS = 0x4
_HAS_SIZE = 0x200
_PER_SAMPLE = (0x100, _HAS_SIZE, 0x400, 0x800)


def fragment_ranges(
    moof: bytes, at: int, *, track_id: int, default_sample_bytes: int
) -> list[Range]:
    """Return the positions of the samples that a fragment announces.

    Args:
        moof: content of the fragment's box.
        at: position of that box in the file.
        track_id: track of the samples.
        default_sample_bytes: size of a sample that neither the fragment nor its run states.

    Raises:
        BrokenAudio: the fragment is damaged.
    """
    ranges: list[Range] = []
    try:
        for kind, traf in children(moof):
            if kind == b"traf":
                ranges += _runs_of(traf, at, track_id, default_sample_bytes)
    except (struct.error, IndexError):
        raise BrokenAudio("an MP4 fragment is damaged") from None
    return ranges


def _runs_of(traf: bytes, at: int, track_id: int, sample_bytes: int) -> Iterator[Range]:
    base = end = at
    for kind, box in children(traf):
        if kind == b"tfhd":
            flags, found_id = struct.unpack_from(">II", box)
            if found_id != track_id:
                return
            base, sample_bytes = _defaults(box, flags, base, sample_bytes)
            end = base
        elif kind == b"trun":
            offset, sizes = _run(box, sample_bytes)
            end = end if offset is None else base + offset
            for size in sizes:
                yield end, size
                end += size


def _defaults(tfhd: bytes, flags: int, base: int, sample_bytes: int) -> tuple[int, int]:
    at = 8
    if flags & _HAS_BASE:
        (base,) = struct.unpack_from(">Q", tfhd, at)
        at += 8
    at += 4 * bool(flags & _HAS_DESCRIPTION) + 4 * bool(flags & _HAS_DEFAULT_DURATION)
    if flags & _HAS_DEFAULT_SIZE:
        (sample_bytes,) = struct.unpack_from(">I", tfhd, at)
    return base, sample_bytes


def _run(trun: bytes, sample_bytes: int) -> tuple[int | None, list[int]]:
    flags, count = struct.unpack_from(">II", trun)
    if count > MAX_SAMPLES:
        raise BrokenAudio(f"an MP4 fragment lists more than {MAX_SAMPLES} samples")
    at, offset = 8, None
    if flags & _HAS_DATA_OFFSET:
        (offset,) = struct.unpack_from(">i", trun, at)
        at += 4
    at += 4 * bool(flags & _HAS_FIRST_FLAGS)
    if not flags & _HAS_SIZE:
        return offset, [sample_bytes] * count
    fields = [bit for bit in _PER_SAMPLE if flags & bit]
    values = struct.unpack_from(f">{count * len(fields)}I", trun, at)
    return offset, list(values[fields.index(_HAS_SIZE) :: len(fields)])
