"""MP3 that an engine gives, as its listeners hear it: passed on where that can be, else encoded."""

from array import array
from functools import cache
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedar_voice_service.audio.containers.elementary import Mp3Reader
from cedar_voice_service.audio.encoder import open_encoder
from cedar_voice_service.audio.encoders.mp3_frames import begins_afresh
from cedar_voice_service.audio.encoders.phrase_encoder import MAX_PIECE_MS, MIN_PIECE_MS
from cedar_voice_service.audio.encoders.stream_encoder import CHUNK_MS, MAX_CHUNK_MS
from cedar_voice_service.audio.formats import (
    AudioFormat,
    EncodedChunk,
    Encoding,
    Framing,
    Mp3,
    Pcm,
    Sound,
)
from cedar_voice_service.errors import CallerError, Code
from tests.support.media import Form, cut, decoded_whole, write, written
from tests.support.recordings import speech_pcm

RATE_HZ = 24_000
FRAME_MS = 24
DELAY_SAMPLES = 1_105
"""What LAME and a decoder put before the sound: 528 + 1 and 576 samples."""

MP3 = Form("mp3", "libmp3lame", RATE_HZ)
NAMES = ("weather_in_london", "open_the_settings")
LONG = b"".join(speech_pcm(name) for name in (*NAMES, "theme_to_dark", "show_the_report"))


@cache
def frames_of(data: bytes) -> tuple[bytes, ...]:
    """The frames of a file, without those that only describe it."""
    reader = Mp3Reader()
    parts = reader.feed(data) + reader.flush()
    return tuple(part for part in parts if isinstance(part, bytes))


def heard(chunks: list[EncodedChunk]) -> bytes:
    """The 24 kHz samples of the chunks, one after the other in one player."""
    return decoded_whole(b"".join(chunk.data for chunk in chunks), rate_hz=RATE_HZ)


def say(
    phrases: list[list[Sound]], framing: Framing, audio_format: AudioFormat | None = None
) -> list[EncodedChunk]:
    """Feed each phrase; checks that the chunks are without gap and overlap."""
    encoder = open_encoder(audio_format or AudioFormat(), framing)
    chunks = []
    for phrase in phrases:
        for sound in phrase:
            chunks += encoder.feed(sound)
        chunks += encoder.end_phrase()
    chunks += encoder.flush()
    assert chunks[0].offset_ms == 0
    assert all(a.offset_ms + a.duration_ms == b.offset_ms for a, b in pairwise(chunks))
    return chunks


def pieces(data: bytes, size: int = 1_000) -> list[Sound]:
    return [Mp3(piece) for piece in cut(data, [size])]


def end_ms(chunks: list[EncodedChunk]) -> int:
    return chunks[-1].offset_ms + chunks[-1].duration_ms


def likeness(some: bytes, other: bytes) -> float:
    """Correlation of two sounds, over the length of the shorter."""
    pairs = list(zip(array("h", some), array("h", other), strict=False))
    power = sqrt(sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs))
    return sum(a * b for a, b in pairs) / power


def resampled(pcm: bytes) -> bytes:
    return decoded_whole(write(Form("wav", "pcm_s16le", RATE_HZ), pcm), rate_hz=RATE_HZ)


def test_the_engines_files_use_the_reservoir() -> None:
    """Or the tests below would prove little."""
    assert any(not begins_afresh(frame) for frame in frames_of(written(MP3)))


@pytest.mark.parametrize("framing", [Framing.CONTINUOUS, Framing.SELF_CONTAINED])
def test_frames_are_passed_on_untouched(framing: Framing) -> None:
    chunks = say([pieces(written(MP3, name)) for name in NAMES], framing)
    frames = [frame for name in NAMES for frame in frames_of(written(MP3, name))]
    assert b"".join(chunk.data for chunk in chunks) == b"".join(frames)
    assert end_ms(chunks) == len(frames) * FRAME_MS


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=10))
def test_pieces_of_any_length_make_chunks_of_exact_length(sizes: list[int]) -> None:
    data = written(MP3)
    chunks = say([[Mp3(piece) for piece in cut(data, sizes)]], Framing.CONTINUOUS)
    assert b"".join(chunk.data for chunk in chunks) == b"".join(frames_of(data))
    assert all(len(frames_of(chunk.data)) * FRAME_MS == chunk.duration_ms for chunk in chunks)
    assert all(CHUNK_MS <= chunk.duration_ms <= MAX_CHUNK_MS for chunk in chunks[:-1])
    assert 0 < chunks[-1].duration_ms <= MAX_CHUNK_MS


def test_phrases_follow_each_other_without_a_scar() -> None:
    """Each is heard where its first chunk says, as it was spoken, and nothing between them."""
    files = [written(MP3, name) for name in NAMES]
    sound = heard(say([pieces(data) for data in files], Framing.CONTINUOUS))
    start = 0
    for data, name in zip(files, NAMES, strict=True):
        spoken = resampled(speech_pcm(name))
        at = (start + DELAY_SAMPLES) * 2
        assert likeness(sound[at:], spoken) > 0.98
        rest = array("h", sound[at + len(spoken) : (start + len(frames_of(data)) * 576) * 2])
        assert max(map(abs, rest), default=0) < 200
        start += len(frames_of(data)) * 576


def test_samples_and_frames_may_take_turns() -> None:
    """As when a server changes its mind, or another one takes over."""
    mp3, samples = pieces(written(MP3)), [Pcm(speech_pcm("open_the_settings"))]
    for framing in (Framing.CONTINUOUS, Framing.SELF_CONTAINED):
        joined = b"".join(chunk.data for chunk in say([[*samples], mp3], framing))
        assert joined.endswith(b"".join(frames_of(written(MP3))))
        chunks = say([mp3, [*samples], mp3, [*samples, *mp3]], framing)
        assert 5 * 1_720 <= end_ms(chunks) <= 5 * (1_720 + 120)
        if framing is Framing.CONTINUOUS:
            assert abs(len(heard(chunks)) / 48 - end_ms(chunks)) <= 1


@pytest.mark.parametrize(
    "data",
    [
        written(Form("mp3", "libmp3lame", 44_100)),
        written(Form("mp3", "libmp3lame", RATE_HZ, "stereo")),
        b"".join(frames_of(written(MP3))[3:]),
    ],
    ids=["rate", "stereo", "middle"],
)
@pytest.mark.parametrize("framing", Framing)
def test_what_cannot_be_passed_on_is_encoded(data: bytes, framing: Framing) -> None:
    chunks = say([pieces(data), pieces(data)], framing)
    assert all(begins_afresh(frame) for chunk in chunks for frame in frames_of(chunk.data * 2))
    assert 2 * (1_720 - 72) <= end_ms(chunks) <= 2 * (1_720 + 120)


@pytest.mark.parametrize("max_chunk_ms", [CHUNK_MS, 200, MAX_CHUNK_MS])
def test_what_is_passed_on_is_cut_as_short_as_it_must_be(max_chunk_ms: int) -> None:
    encoder = open_encoder(AudioFormat(), Framing.CONTINUOUS, max_chunk_ms=max_chunk_ms)
    chunks = encoder.feed(Mp3(written(MP3))) + encoder.end_phrase()
    assert max_chunk_ms - FRAME_MS < chunks[0].duration_ms <= max_chunk_ms
    assert max(chunk.duration_ms for chunk in chunks) == chunks[0].duration_ms


@pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.OGG_OPUS, Encoding.WAV])
def test_other_encodings_are_made_of_it(encoding: Encoding) -> None:
    encoder = open_encoder(AudioFormat(encoding), Framing.CONTINUOUS)
    assert not encoder.passes_mp3
    chunks = say([pieces(written(MP3))], Framing.CONTINUOUS, AudioFormat(encoding))
    assert 1_720 <= end_ms(chunks) <= 1_720 + 120


def test_long_phrases_are_cut_where_a_file_can_begin() -> None:
    """Frames without a reservoir can be cut anywhere."""
    encoder = open_encoder(AudioFormat(), Framing.CONTINUOUS)
    chunks = encoder.feed(Pcm(LONG)) + encoder.flush()
    data = b"".join(chunk.data for chunk in chunks)
    passed = say([pieces(data)], Framing.SELF_CONTAINED)
    assert b"".join(chunk.data for chunk in passed) == data
    assert MIN_PIECE_MS <= passed[0].duration_ms <= MAX_PIECE_MS
    assert len(passed) == 2


def uncuttable_frames() -> tuple[bytes, ...]:
    """Frames of which none but the first can begin a file."""
    first, *rest = frames_of(write(MP3, LONG))
    return (first, *(frame for frame in rest if not begins_afresh(frame)))


def test_long_phrases_that_cannot_be_cut_are_encoded() -> None:
    frames = uncuttable_frames()
    chunks = say([pieces(b"".join(frames))], Framing.SELF_CONTAINED)
    assert all(chunk.duration_ms <= MAX_PIECE_MS for chunk in chunks)
    assert all(begins_afresh(frame) for chunk in chunks for frame in frames_of(chunk.data))
    assert abs(end_ms(chunks) - len(frames) * FRAME_MS) <= 72


def test_a_phrase_that_its_last_frame_makes_too_long_is_encoded() -> None:
    """The last frame is cut off, so that only the end of the phrase completes it."""
    frames = uncuttable_frames()[: MAX_PIECE_MS // FRAME_MS + 1]
    chunks = say([pieces(b"".join(frames)[:-20])] * 2, Framing.SELF_CONTAINED)
    assert all(chunk.duration_ms <= MAX_PIECE_MS for chunk in chunks)
    assert abs(end_ms(chunks) - 2 * len(frames) * FRAME_MS) <= 2 * 72


def test_what_is_no_mp3_is_refused() -> None:
    encoder = open_encoder(AudioFormat(), Framing.CONTINUOUS)
    encoder.feed(Mp3(b"<html>" * 100))
    with pytest.raises(CallerError) as caught:
        encoder.end_phrase()
    assert caught.value.code is Code.AUDIO_DECODE_FAILED
