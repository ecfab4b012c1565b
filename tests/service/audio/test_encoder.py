"""Encoded audio is decoded again and measured: length, level, order, where it may be cut."""

import gc
from array import array
from itertools import pairwise
from math import pi, sin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedar_voice_service.audio.encoder import SpeechEncoder, open_encoder
from cedar_voice_service.audio.encoders.phrase_encoder import MAX_PIECE_MS, MIN_PIECE_MS
from cedar_voice_service.audio.encoders.stream_encoder import CHUNK_MS, MAX_CHUNK_MS
from cedar_voice_service.audio.formats import (
    OUTPUT_ENCODINGS,
    AudioFormat,
    EncodedChunk,
    Encoding,
    Framing,
    Pcm,
)
from cedar_voice_service.errors import CallerError, Code
from tests.support.media import cut, decoded_live, decoded_whole
from tests.support.recordings import speech_pcm

CONTINUOUS, SELF_CONTAINED = Framing.CONTINUOUS, Framing.SELF_CONTAINED
CODED = (Encoding.MP3, Encoding.OGG_OPUS, Encoding.WEBM_OPUS)
FILES = (*CODED, Encoding.WAV)
RATE_HZ = 24_000
PHRASES = [speech_pcm(name) for name in ("weather_in_london", "open_the_settings")]
PHRASES_MS = [2_260, 1_720]
LONG = b"".join(
    speech_pcm(name)
    for name in ("weather_in_london", "theme_to_dark", "show_the_report", "weather_in_berlin")
)


def encode(
    encoder: SpeechEncoder, phrases: list[bytes], *, gain: float = 1.0, size: int = 3_200
) -> list[EncodedChunk]:
    """Each phrase in blocks of 100 ms; checks that the chunks are without gap and overlap."""
    chunks = []
    for phrase in phrases:
        for block in cut(phrase, [size]):
            chunks += encoder.feed(Pcm(block, 16_000), gain)
        chunks += encoder.end_phrase()
    chunks += encoder.flush()
    assert chunks[0].offset_ms == 0
    assert all(a.offset_ms + a.duration_ms == b.offset_ms for a, b in pairwise(chunks))
    assert all(chunk.data for chunk in chunks)
    return chunks


def stream_of(chunks: list[EncodedChunk], encoding: Encoding) -> bytes:
    """The 24 kHz samples that a listener who joins the chunks hears."""
    if encoding is Encoding.PCM_S16LE:
        return b"".join(chunk.data for chunk in chunks)
    if encoding is Encoding.WAV:
        return b"".join(decoded_whole(chunk.data, rate_hz=RATE_HZ) for chunk in chunks)
    return decoded_whole(b"".join(chunk.data for chunk in chunks), rate_hz=RATE_HZ)


def ms_of(samples: bytes) -> float:
    return len(samples) / 2 * 1_000 / RATE_HZ


def level_of(samples: bytes) -> float:
    values = array("h", samples)
    return float((sum(value * value for value in values) / len(values)) ** 0.5)


def tone(seconds: float, amplitude: int = 10_000) -> bytes:
    count = int(seconds * 16_000)
    return array(
        "h", [int(amplitude * sin(2 * pi * 440 * at / 16_000)) for at in range(count)]
    ).tobytes()


# -- one growing stream ------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_a_stream_is_as_long_as_what_was_said(encoding: Encoding) -> None:
    chunks = encode(open_encoder(AudioFormat(encoding), CONTINUOUS), PHRASES)
    end_ms = chunks[-1].offset_ms + chunks[-1].duration_ms
    assert abs(ms_of(stream_of(chunks, encoding)) - end_ms) <= 1
    padding_ms = 72 if encoding is Encoding.MP3 else 1  # MP3 cannot say what to leave out
    assert 0 <= end_ms - sum(PHRASES_MS) <= padding_ms


@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_a_stream_comes_in_small_chunks_from_the_start(encoding: Encoding) -> None:
    encoder = open_encoder(AudioFormat(encoding), CONTINUOUS)
    first = encoder.feed(Pcm(PHRASES[0][: 2 * 16 * 130], 16_000))
    assert len(first) == 1
    rest = encoder.feed(Pcm(PHRASES[0][2 * 16 * 130 :], 16_000))
    assert all(CHUNK_MS <= chunk.duration_ms <= MAX_CHUNK_MS for chunk in rest)


@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_what_is_there_at_once_goes_out_at_once(encoding: Encoding) -> None:
    """Each chunk is a message, which costs more than its bytes do."""
    encoder = open_encoder(AudioFormat(encoding), CONTINUOUS)
    assert len(encoder.feed(Pcm(PHRASES[0], 16_000))) == -(-PHRASES_MS[0] // MAX_CHUNK_MS)


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
@pytest.mark.parametrize("max_chunk_ms", [1, CHUNK_MS, 200, MAX_CHUNK_MS, 5_000])
def test_no_chunk_of_a_stream_is_longer_than_it_may_be(
    encoding: Encoding, rate_hz: int, max_chunk_ms: int
) -> None:
    audio_format = AudioFormat(encoding, rate_hz)
    if encoding in (Encoding.OGG_OPUS, Encoding.WEBM_OPUS) and rate_hz == 44_100:
        audio_format = AudioFormat(encoding, 48_000)
    encoder = open_encoder(audio_format, CONTINUOUS, max_chunk_ms=max_chunk_ms)
    *chunks, _ = encode(encoder, PHRASES, size=32_000)  # the last one flushes the codec
    longest_ms = max(chunk.duration_ms for chunk in chunks)
    assert longest_ms <= max(CHUNK_MS, min(max_chunk_ms, MAX_CHUNK_MS))


@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_the_end_of_a_phrase_is_not_held_back(encoding: Encoding) -> None:
    encoder = open_encoder(AudioFormat(encoding), CONTINUOUS)
    chunks = encoder.feed(Pcm(PHRASES[0], 16_000)) + encoder.end_phrase()
    assert chunks[-1].offset_ms + chunks[-1].duration_ms >= PHRASES_MS[0] - 45


@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_what_was_encoded_can_be_heard_again(encoding: Encoding) -> None:
    encoder = open_encoder(AudioFormat(encoding), CONTINUOUS)
    chunks = encode(encoder, PHRASES)
    heard = decoded_live([chunk.data for chunk in chunks], encoder.format)
    assert abs(len(heard) / 32 - sum(PHRASES_MS)) <= 72


def test_mp3_is_cut_between_frames_that_need_no_other() -> None:
    """Of a stream whose first chunks are lost, no more is lost than two frames."""
    chunks = encode(open_encoder(AudioFormat(Encoding.MP3), CONTINUOUS), [tone(3)])
    assert all(chunk.data[0] == 0xFF and chunk.data[1] & 0xE0 == 0xE0 for chunk in chunks)
    whole = stream_of(chunks, Encoding.MP3)
    tail = stream_of(chunks[10:], Encoding.MP3)
    lost = len(whole) - len(tail)
    frames = 2 * 576 * 2
    assert lost == chunks[10].offset_ms * RATE_HZ // 1_000 * 2
    assert tail[frames:-frames] == whole[lost + frames : -frames]


# -- a file per phrase -------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", FILES)
def test_each_phrase_is_a_file_exactly_as_long(encoding: Encoding) -> None:
    chunks = encode(open_encoder(AudioFormat(encoding), SELF_CONTAINED), PHRASES)
    assert [chunk.duration_ms for chunk in chunks] == PHRASES_MS
    for chunk in chunks:
        assert abs(ms_of(decoded_whole(chunk.data, rate_hz=RATE_HZ)) - chunk.duration_ms) <= 1


@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_long_phrases_are_cut_into_pieces(encoding: Encoding) -> None:
    chunks = encode(open_encoder(AudioFormat(encoding), SELF_CONTAINED), [LONG, PHRASES[0]])
    assert sum(chunk.duration_ms for chunk in chunks) == len(LONG) // 32 + PHRASES_MS[0]
    assert len(chunks) == 3
    assert all(chunk.duration_ms <= MAX_PIECE_MS for chunk in chunks)
    assert chunks[0].duration_ms >= MIN_PIECE_MS


def test_long_phrases_are_cut_where_they_are_quiet() -> None:
    """Silence lies between 5.0 and 5.2 s of this phrase."""
    phrase = tone(5) + bytes(6_400) + tone(4)
    encoder = open_encoder(AudioFormat(Encoding.PCM_S16LE), SELF_CONTAINED)
    first, second = encode(encoder, [phrase])
    assert 5_000 < second.offset_ms < 5_200
    assert set(first.data[-480:]) == {0}


def test_a_long_phrase_at_once_is_cut_like_one_in_blocks() -> None:
    def encoded(size: int) -> list[EncodedChunk]:
        encoder = open_encoder(AudioFormat(Encoding.PCM_S16LE), SELF_CONTAINED)
        return encode(encoder, [LONG * 3], size=size)

    at_once, in_blocks = encoded(len(LONG) * 3), encoded(3_200)
    assert [chunk.duration_ms for chunk in at_once] == [chunk.duration_ms for chunk in in_blocks]


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_nothing_is_encoded_of_nothing(encoding: Encoding, framing: Framing) -> None:
    encoder = open_encoder(AudioFormat(encoding), framing)
    silent = encoder.feed(Pcm(b"", 16_000)) + encoder.end_phrase() + encoder.end_phrase()
    assert silent + encoder.flush() == []


# -- loudness and rates ------------------------------------------------------------------------


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
@pytest.mark.parametrize("gain", [1.0, 0.25])
def test_level(encoding: Encoding, framing: Framing, gain: float) -> None:
    phrase = tone(2)
    chunks = encode(open_encoder(AudioFormat(encoding), framing), [phrase], gain=gain)
    ratio = level_of(stream_of(chunks, encoding)) / level_of(phrase)
    assert 0.92 * gain <= ratio <= 1.03 * gain


@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_full_scale_does_not_turn_over(encoding: Encoding) -> None:
    chunks = encode(open_encoder(AudioFormat(encoding), CONTINUOUS), [tone(1, 32_700)])
    samples = array("h", stream_of(chunks, encoding))
    steepest = max(abs(after - before) for before, after in pairwise(samples))
    assert steepest < 6_000  # a sample that turns over jumps by 65 000


def test_silence_by_gain() -> None:
    encoder = open_encoder(AudioFormat(Encoding.PCM_S16LE), CONTINUOUS)
    assert set(stream_of(encode(encoder, PHRASES, gain=0.0), Encoding.PCM_S16LE)) == {0}


def test_pcm_of_the_same_rate_is_left_alone() -> None:
    encoder = open_encoder(AudioFormat(Encoding.PCM_S16LE, 16_000), CONTINUOUS)
    assert b"".join(chunk.data for chunk in encode(encoder, PHRASES)) == b"".join(PHRASES)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("encoding", OUTPUT_ENCODINGS)
def test_rates(encoding: Encoding, rate_hz: int) -> None:
    encoder = open_encoder(AudioFormat(encoding, rate_hz), CONTINUOUS)
    assert encoder.format.encoding is encoding
    assert encoder.format.sample_rate_hz >= rate_hz
    assert encoder.format.channel_count == 1
    chunks = encode(encoder, PHRASES)
    assert abs(chunks[-1].offset_ms + chunks[-1].duration_ms - sum(PHRASES_MS)) <= 220


def test_engines_may_change_their_rate_between_phrases() -> None:
    encoder = open_encoder(AudioFormat(Encoding.PCM_S16LE), SELF_CONTAINED)
    chunks = []
    for rate_hz in (16_000, 22_050, 24_000):
        chunks += encoder.feed(Pcm(bytes(rate_hz * 2), rate_hz)) + encoder.end_phrase()
    assert [chunk.duration_ms for chunk in chunks] == [1_000, 1_000, 1_000]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(OUTPUT_ENCODINGS),
    st.sampled_from(Framing),
    st.lists(st.lists(st.integers(0, 4_000), max_size=6), min_size=1, max_size=4),
    st.sampled_from([16_000, 22_050, 24_000, 44_100]),
)
def test_offsets_do_not_drift(
    encoding: Encoding, framing: Framing, phrases: list[list[int]], rate_hz: int
) -> None:
    encoder = open_encoder(AudioFormat(encoding, 44_100), framing)
    chunks = []
    for phrase in phrases:
        for samples in phrase:
            chunks += encoder.feed(Pcm(bytes(2 * samples), rate_hz))
        chunks += encoder.end_phrase()
    chunks += encoder.flush()
    assert all(a.offset_ms + a.duration_ms == b.offset_ms for a, b in pairwise(chunks))
    said_ms = sum(map(sum, phrases)) * 1_000 / rate_hz
    end_ms = chunks[-1].offset_ms + chunks[-1].duration_ms if chunks else 0
    slack_ms = 80 if encoding is Encoding.MP3 else 1
    assert -2 <= end_ms - said_ms <= slack_ms


# -- formats -----------------------------------------------------------------------------------


def test_mp3_at_24_khz_is_the_default() -> None:
    encoder = open_encoder(AudioFormat(), CONTINUOUS)
    assert encoder.format == AudioFormat(Encoding.MP3, 24_000, 1)


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(
    "audio_format",
    [
        AudioFormat(Encoding.FLAC),
        AudioFormat(Encoding.MP4),
        AudioFormat(Encoding.MP3, 7_000),
        AudioFormat(Encoding.MP3, 96_000),
    ],
)
def test_what_is_not_offered_is_refused(audio_format: AudioFormat, framing: Framing) -> None:
    with pytest.raises(CallerError) as caught:
        open_encoder(audio_format, framing)
    assert caught.value.code is Code.UNSUPPORTED_AUDIO_FORMAT
    assert caught.value.field == "output_audio.format"


def test_an_interrupted_answer_is_dropped_without_a_trace() -> None:
    """Also in a reference cycle, where the collector decides what goes first."""
    for encoding in CODED:
        for framing in Framing:
            encoder = open_encoder(AudioFormat(encoding), framing)
            encoder.feed(Pcm(PHRASES[0], 16_000))
            cycle: list[object] = [encoder]
            cycle.append(cycle)
            del encoder, cycle
    gc.collect()
