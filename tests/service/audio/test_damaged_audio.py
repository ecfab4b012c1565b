"""Whatever bytes come, the only thing a decoder ever raises is `CallerError`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, AudioFormat, Encoding
from cedar_voice_service.errors import CallerError, Code, Stage
from tests.support.media import Form, cut, decoded_live, recorded, written

SAMPLES = (
    recorded("webm").data,
    recorded("mp4").data,
    written(Form("webm", "libopus"), "close_the_window"),
    written(Form("ogg", "libopus"), "close_the_window"),
    written(Form("mp4", "aac"), "close_the_window"),
    written(Form("mp3", "libmp3lame", 24_000), "close_the_window"),
    written(Form("flac", "flac", 16_000), "close_the_window"),
    written(Form("wav", "pcm_s24le", 16_000, "stereo"), "close_the_window"),
)

ENCODINGS = st.sampled_from([e for e in Encoding if e is not Encoding.PCM_S16LE])
SIZES = st.lists(st.integers(1, 5_000), min_size=1, max_size=4)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A recording with some bytes changed, cut out, or put in; mostly near its front."""
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    reach = draw(st.sampled_from([60, 1_000, len(data)]))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, min(reach, len(data)) - 1))
        match draw(st.sampled_from(["change", "remove", "insert"])):
            case "change":
                data[at] = draw(st.integers(0, 255))
            case "remove":
                del data[at : at + draw(st.integers(1, min(2_000, len(data) - at - 1) or 1))]
            case _:
                data[at:at] = draw(st.binary(min_size=1, max_size=40))
        if not data:
            break
    return bytes(data)


def survives(data: bytes, sizes: list[int], encoding: Encoding) -> None:
    try:
        decoded_live(cut(data, sizes), AudioFormat(encoding, LISTENING_RATE_HZ))
    except CallerError as error:
        assert error.code in (Code.AUDIO_DECODE_FAILED, Code.UNSUPPORTED_AUDIO_FORMAT)
        assert error.stage is Stage.AUDIO_INPUT


@settings(max_examples=300, deadline=None)
@given(damaged(), SIZES)
def test_damaged_recordings(data: bytes, sizes: list[int]) -> None:
    survives(data, sizes, Encoding.AUTO)


@settings(max_examples=100, deadline=None)
@given(damaged(), SIZES, ENCODINGS)
def test_damaged_recordings_announced_as_another(
    data: bytes, sizes: list[int], encoding: Encoding
) -> None:
    survives(data, sizes, encoding)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([sample[:40] for sample in SAMPLES] + [b""]),
    st.binary(max_size=4_000),
    SIZES,
    ENCODINGS,
)
def test_garbage(head: bytes, garbage: bytes, sizes: list[int], encoding: Encoding) -> None:
    survives(head + garbage, sizes, encoding)


@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_lost_blobs_cost_little_more_than_themselves(container: str) -> None:
    recording = recorded(container)
    whole_ms = len(decoded_live(recording.blobs)) / 32
    for lost in range(3, len(recording.blobs) - 3):
        rest = [blob for index, blob in enumerate(recording.blobs) if index not in (lost, lost + 1)]
        lost_ms = whole_ms - len(decoded_live(rest)) / 32
        assert 0 < lost_ms <= 480, lost


@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_garbage_in_the_middle_is_passed_over(container: str) -> None:
    recording = recorded(container)
    whole_ms = len(decoded_live(recording.blobs)) / 32
    garbage = bytes(range(256)) * 12
    for at in range(3, len(recording.blobs) - 3):
        blobs = [*recording.blobs[:at], garbage, *recording.blobs[at:]]
        lost_ms = whole_ms - len(decoded_live(blobs)) / 32
        assert -130 <= lost_ms <= 360, at


@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_endless_garbage_is_refused(container: str) -> None:
    with pytest.raises(CallerError, match="damaged beyond repair"):
        decoded_live([recorded(container).data, *[b"\xff\x00garbage" * 100] * 200])


@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_a_headless_tail_is_refused(container: str) -> None:
    tail = recorded(container).blobs[5:]
    encoding = {"webm": Encoding.WEBM_OPUS, "mp4": Encoding.MP4}[container]
    with pytest.raises(CallerError) as caught:
        decoded_live(tail, encoding)
    assert caught.value.code is Code.AUDIO_DECODE_FAILED
