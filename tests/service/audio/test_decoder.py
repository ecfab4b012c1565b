"""Whatever the container and however it is cut, the sound is that of the whole file."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedar_voice_service.audio.decoder import MAX_AHEAD_MS, MAX_MS_PER_BYTE, open_decoder
from cedar_voice_service.audio.formats import AudioFormat, Encoding, Pcm
from cedar_voice_service.errors import CallerError, Code, Stage
from tests.support.media import Form, cut, decoded_live, decoded_whole, recorded, written
from tests.support.recordings import speech_path, speech_pcm

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "200000"}
FRAGMENTED_BY_POSITION = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "200000"}

EXACT = {
    "webm of a browser": recorded("webm").data,
    "mp4 of a browser": recorded("mp4").data,
    "webm of floats": written(Form("matroska", "pcm_f32le")),
    "webm of integers": written(Form("matroska", "pcm_s16le", 44_100, "stereo")),
    "wav": speech_path("open_the_settings").read_bytes(),
    "wav, 24 bits, stereo": written(Form("wav", "pcm_s24le", 44_100, "stereo")),
    "wav of floats": written(Form("wav", "pcm_f32le")),
    "wav, 8 bits": written(Form("wav", "pcm_u8", 11_025)),
    "wav of a telephone": written(Form("wav", "pcm_mulaw", 8_000)),
    "flac": written(Form("flac", "flac", 44_100, "stereo")),
    "mp3 without tag": written(
        Form("mp3", "libmp3lame", 44_100, "stereo", {"write_xing": "0", "id3v2_version": "0"})
    ),
    "mp4 in fragments": written(Form("mp4", "aac", options=FRAGMENTED)),
    "mp4 in fragments by position": written(
        Form("mp4", "aac", 44_100, "stereo", FRAGMENTED_BY_POSITION)
    ),
    "mp4 of opus": written(Form("mp4", "libopus")),
}

# Whole files tell how much of their end is padding, and MP4 and MP3 of their beginning, too: a
# recording that still comes in cannot be trimmed by what its end says.
UNTRIMMED_MS = {
    "webm of opus": (written(Form("webm", "libopus")), 20),
    "ogg of opus": (written(Form("ogg", "libopus")), 20),
    "ogg of opus in stereo": (written(Form("ogg", "libopus", layout="stereo")), 20),
    "ogg of opus in six channels": (written(Form("ogg", "libopus", layout="5.1")), 20),
    "mp3": (written(Form("mp3", "libmp3lame", 24_000)), 60),
    "mp4, index last": (written(Form("mp4", "aac")), 50),
    "mp4, index first": (written(Form("mp4", "aac", options={"movflags": "faststart"})), 50),
    "mov": (written(Form("mov", "aac")), 50),
}

EVERYTHING = EXACT | {name: data for name, (data, _) in UNTRIMMED_MS.items()}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("size", [97, 4_096, 1 << 20])
def test_sound_is_that_of_the_whole_file(name: str, size: int) -> None:
    data = EXACT[name]
    assert decoded_live(cut(data, [size])) == decoded_whole(data)


@pytest.mark.parametrize("name", UNTRIMMED_MS)
def test_sound_is_that_of_the_whole_file_but_for_the_padding(name: str) -> None:
    data, untrimmed_ms = UNTRIMMED_MS[name]
    excess = len(decoded_live([data])) - len(decoded_whole(data))
    assert 0 <= excess / 32 <= untrimmed_ms


@pytest.mark.parametrize("name", ["ogg of opus", "webm of opus"])
def test_opus_before_the_padding_is_exact(name: str) -> None:
    data, _ = UNTRIMMED_MS[name]
    whole = decoded_whole(data)[:-64]  # the resampler sees the end coming
    assert decoded_live(cut(data, [97])).startswith(whole)


@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_one_byte_at_a_time(container: str) -> None:
    data = recorded(container).data
    assert decoded_live(cut(data, [1])) == decoded_whole(data)


@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_blob_after_blob(container: str) -> None:
    recording = recorded(container)
    assert decoded_live(recording.blobs) == decoded_whole(recording.data)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(EVERYTHING)),
    st.lists(st.integers(1, 2_000), min_size=4, max_size=12),
)
def test_cuts_do_not_matter(name: str, sizes: list[int]) -> None:
    data = EVERYTHING[name]
    assert decoded_live(cut(data, sizes)) == decoded_live([data])


@pytest.mark.parametrize(
    ("name", "encoding", "most_bytes"),
    [
        ("webm of a browser", Encoding.WEBM_OPUS, 300),
        ("mp4 of a browser", Encoding.MP4, 1_100),
        ("mp4 in fragments", Encoding.MP4, 1_500),
        ("mp4, index first", Encoding.MP4, 2_000),
        ("mp3", Encoding.MP3, 500),
        ("wav", Encoding.WAV, 100),
    ],
)
def test_sound_comes_long_before_the_end(name: str, encoding: Encoding, most_bytes: int) -> None:
    decoder = open_decoder(AudioFormat(encoding))
    pieces = cut(EVERYTHING[name], [1])
    assert any(decoder.feed(piece) for piece in pieces[:most_bytes])


@pytest.mark.parametrize(
    ("rate_hz", "channels"), [(16_000, 1), (48_000, 2), (8_000, 1), (44_100, 6)]
)
def test_raw_pcm(rate_hz: int, channels: int) -> None:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    wav = written(Form("wav", "pcm_s16le", rate_hz, layout))
    samples = wav[wav.index(b"data") + 8 :]
    raw = AudioFormat(Encoding.PCM_S16LE, rate_hz, channels)
    assert decoded_live(cut(samples, [1_001, 3]), raw) == decoded_whole(wav)


def test_raw_pcm_of_the_listening_rate_is_left_alone() -> None:
    pcm = speech_pcm()
    assert decoded_live(cut(pcm, [333]), AudioFormat(Encoding.PCM_S16LE, 16_000)) == pcm


def test_raw_pcm_needs_a_rate() -> None:
    with pytest.raises(CallerError) as caught:
        open_decoder(AudioFormat(Encoding.PCM_S16LE))
    assert caught.value.code is Code.UNSUPPORTED_AUDIO_FORMAT
    assert caught.value.field == "input_audio.sample_rate_hz"


@pytest.mark.parametrize("rate_hz", [1, 7_999, 192_001, 1 << 31])
def test_unheard_of_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(CallerError, match="sample rate"):
        open_decoder(AudioFormat(Encoding.PCM_S16LE, rate_hz))


# -- one recording after the other -------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [name for name in EVERYTHING if "mp3" not in name],  # its frames join without a seam
)
def test_a_new_recording_in_the_same_stream(name: str) -> None:
    data = EVERYTHING[name]
    assert decoded_live([data, data]) == decoded_live([data]) * 2


@pytest.mark.parametrize("name", ["webm of a browser", "mp4 of a browser", "wav", "flac"])
def test_a_new_recording_after_one_that_broke_off_inside_a_packet(name: str) -> None:
    data = EVERYTHING[name]
    broken_off = data[: len(data) // 2]
    assert decoded_live([broken_off, data]) == decoded_live([broken_off]) + decoded_live([data])


def test_what_was_wrong_with_a_recording_is_not_told_of_the_next() -> None:
    without_index = EVERYTHING["mp4, index last"][:5_000]
    webm = EVERYTHING["webm of a browser"]
    assert decoded_live([without_index, webm]) == decoded_live([webm])


def test_recordings_of_any_kind_follow_each_other() -> None:
    kinds = ["webm of a browser", "wav", "ogg of opus", "mp4 of a browser", "flac"]
    one_by_one = b"".join(decoded_live([EVERYTHING[kind]]) for kind in kinds)
    assert decoded_live([EVERYTHING[kind] for kind in kinds]) == one_by_one


# -- what is refused ---------------------------------------------------------------------------


def refusal(data: bytes, encoding: Encoding = Encoding.AUTO) -> CallerError:
    with pytest.raises(CallerError) as caught:
        decoded_live([data], encoding)
    assert caught.value.stage is Stage.AUDIO_INPUT
    return caught.value


@pytest.mark.parametrize("data", [b'{"type":"config"}', bytes(64), b"\xff\xf1\x50\x80" + bytes(40)])
def test_unknown_audio_is_refused_at_once(data: bytes) -> None:
    decoder = open_decoder(AudioFormat())
    with pytest.raises(CallerError) as caught:
        decoder.feed(data)
    assert caught.value.code is Code.UNSUPPORTED_AUDIO_FORMAT


def test_too_little_to_be_recognized_is_refused_at_the_end() -> None:
    assert refusal(b"RIFF").code is Code.UNSUPPORTED_AUDIO_FORMAT


@pytest.mark.parametrize(
    "encoding", [e for e in Encoding if e not in (Encoding.AUTO, Encoding.PCM_S16LE)]
)
def test_what_was_not_announced_is_refused(encoding: Encoding) -> None:
    garbage = random.Random(1).randbytes(100_000)
    assert refusal(garbage, encoding).code is Code.AUDIO_DECODE_FAILED


@pytest.mark.parametrize("encoding", Encoding)
def test_nothing_is_no_error(encoding: Encoding) -> None:
    nothing = AudioFormat(encoding, 16_000)
    assert decoded_live([], nothing) == b""
    assert decoded_live([b"", b""], nothing) == b""


def dense_webm(packets: int) -> bytes:
    """A recording whose packets are two bytes each and claim 120 ms of silence."""
    data = recorded("webm").data
    header = data[: data.index(b"\xa3", data.index(b"\x1f\x43\xb6\x75"))]
    return header + b"\xa3\x86\x81\x00\x00\x80\xfb\x06" * packets


def test_few_bytes_do_not_become_hours() -> None:
    error = refusal(dense_webm(10_000))
    assert error.code is Code.AUDIO_DECODE_FAILED
    assert "more sound" in error.message


def test_few_bytes_at_a_time_do_not_become_hours_either() -> None:
    data = dense_webm(10_000)
    decoder = open_decoder(AudioFormat())
    heard_ms = 0.0
    fed_bytes = 0
    with pytest.raises(CallerError, match="more sound"):
        for piece in cut(data, [100]):
            fed_bytes += len(piece)
            heard_ms += Pcm(decoder.feed(piece)).duration_ms
    assert MAX_AHEAD_MS < heard_ms <= MAX_AHEAD_MS + fed_bytes * MAX_MS_PER_BYTE


def test_two_minutes_of_silence_are_not_too_dense() -> None:
    """Digital silence is what a muted microphone sends: 43 bytes per 120 ms were measured."""
    heard_ms = 0.0
    decoder = open_decoder(AudioFormat())
    recording = recorded("webm")
    quiet = recording.blobs[2]
    for piece in [recording.blobs[0], recording.blobs[1], *[quiet] * 2_000]:
        heard_ms += Pcm(decoder.feed(piece)).duration_ms
    assert heard_ms > 2 * MAX_AHEAD_MS * 0.9
