"""Frames between the service and its child processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.workers.frames import DATA, MAX_BODY_BYTES, FrameReader, frame_of


@given(st.lists(st.binary(max_size=300)), st.integers(min_value=1, max_value=50))
def test_frames_survive_any_cut(bodies: list[bytes], piece_bytes: int) -> None:
    sent = b"".join(frame_of(DATA, body) for body in bodies)
    reader = FrameReader()
    received = [
        frame
        for start in range(0, len(sent), piece_bytes)
        for frame in reader.feed(sent[start : start + piece_bytes])
    ]
    assert received == [(DATA, body) for body in bodies]


def test_a_frame_that_claims_too_much_is_refused_at_its_header() -> None:
    with pytest.raises(ValueError, match="bytes"):
        FrameReader().feed(DATA + (MAX_BODY_BYTES + 1).to_bytes(4, "big"))
