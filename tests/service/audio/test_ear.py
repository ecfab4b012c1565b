"""A session's hearing: recordings come, break off, are damaged and come again."""

import pytest

from cedar_voice_service.audio.ear import MAX_BLOCK_MS, Ear, Heard
from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.audio.speech_detector import EdgeKind
from cedar_voice_service.errors import CallerError, Code
from tests.support.media import Form, cut, decoded_live, recorded, written
from tests.support.recordings import speech_path, speech_pcm

WEBM = recorded("webm")
WEBM_MS = 3_000
RAW = AudioFormat(Encoding.PCM_S16LE, 16_000)


@pytest.fixture
def ear() -> Ear:
    return Ear(0.5, 100)


def sound_of(heard: list[Heard]) -> bytes:
    return b"".join(block.pcm.data for block in heard)


def edges_of(heard: list[Heard]) -> list[tuple[str, int]]:
    return [(edge.kind.value, edge.at_ms) for block in heard for edge in block.edges]


def hear(ear: Ear, *pieces: bytes) -> list[Heard]:
    return [block for piece in pieces for block in ear.feed(piece)]


def test_a_recording(ear: Ear) -> None:
    heard = hear(ear, *WEBM.blobs) + ear.flush()
    assert sound_of(heard) == decoded_live(WEBM.blobs)
    (started, started_ms), (stopped, stopped_ms) = edges_of(heard)
    assert (started, stopped) == ("started", "stopped")
    assert 500 <= started_ms <= 800
    assert 2_000 <= stopped_ms <= 2_300


def test_blocks_are_short_and_time_is_without_gaps(ear: Ear) -> None:
    at_ms = 0.0
    for block in ear.feed(speech_path("two_sentences").read_bytes()):
        assert 0 < block.pcm.duration_ms <= MAX_BLOCK_MS
        at_ms += block.pcm.duration_ms
        assert block.end_ms == int(at_ms)
    assert int(at_ms) == 8_170


def test_edges_lie_behind_what_was_heard(ear: Ear) -> None:
    for block in ear.feed(speech_path("two_sentences").read_bytes()):
        assert all(edge.at_ms <= block.end_ms for edge in block.edges)


def test_time_goes_on_from_recording_to_recording(ear: Ear) -> None:
    first = hear(ear, *WEBM.blobs) + ear.flush()
    ear.begin(AudioFormat(Encoding.WEBM_OPUS))
    second = hear(ear, *WEBM.blobs) + ear.flush()
    assert first[-1].end_ms == WEBM_MS
    assert second[-1].end_ms == 2 * WEBM_MS
    for (kind, at_ms), (again, again_ms) in zip(edges_of(first), edges_of(second), strict=True):
        assert kind == again
        assert abs(again_ms - at_ms - WEBM_MS) <= 64


def test_a_new_header_begins_a_new_recording(ear: Ear) -> None:
    heard = hear(ear, *WEBM.blobs[:10], *WEBM.blobs) + ear.flush()
    expected = decoded_live(WEBM.blobs[:10]) + decoded_live(WEBM.blobs)
    assert sound_of(heard) == expected


def test_speech_ends_with_the_recording(ear: Ear) -> None:
    ear.begin(RAW)
    heard = ear.feed(speech_pcm()[:32_000])
    assert ear.speaking
    heard += ear.flush()
    assert not ear.speaking
    assert [kind for kind, _ in edges_of(heard)] == ["started", "stopped"]
    assert edges_of(heard)[-1][1] <= heard[-1].end_ms == 1_000


def test_speech_that_goes_on_in_a_new_recording_begins_anew(ear: Ear) -> None:
    ear.begin(RAW)
    ear.feed(speech_pcm()[:32_000])
    assert ear.speaking
    ear.begin(RAW)
    assert not ear.speaking
    heard = ear.feed(speech_pcm()[32_000:])
    assert [kind for kind, _ in edges_of(heard)][:1] == ["started"]


def test_flush_gives_what_the_decoder_holds(ear: Ear) -> None:
    flac = written(Form("flac", "flac", 16_000))
    heard = ear.feed(flac)
    assert sound_of(heard) != speech_pcm("open_the_settings")
    assert sound_of(heard + ear.flush()) == speech_pcm("open_the_settings")


# -- after the end -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [Ear.flush, Ear.end])
def test_late_pieces_of_a_recording_that_is_over_are_dropped(ear: Ear, ending: object) -> None:
    assert callable(ending)
    hear(ear, *WEBM.blobs[:15])
    ending(ear)
    assert hear(ear, *WEBM.blobs[15:]) == []
    assert sound_of(hear(ear, *WEBM.blobs) + ear.flush()) == decoded_live(WEBM.blobs)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_a_header_in_crumbs_is_a_header(ear: Ear, container: str, size: int) -> None:
    data = recorded(container).data
    ear.end()
    pieces = [*cut(data[: 4 * size], [size]), data[4 * size :]]
    assert sound_of(hear(ear, *pieces) + ear.flush()) == decoded_live([data])


def test_raw_pcm_after_the_end_is_a_new_recording(ear: Ear) -> None:
    ear.begin(RAW)
    hear(ear, speech_pcm())
    ear.end()
    assert sound_of(ear.feed(speech_pcm())) == speech_pcm()


# -- damage ------------------------------------------------------------------------------------


def test_an_error_is_told_once(ear: Ear) -> None:
    with pytest.raises(CallerError) as caught:
        ear.feed(b"this is no audio")
    assert caught.value.code is Code.UNSUPPORTED_AUDIO_FORMAT
    assert hear(ear, b"this is no audio either", bytes(100), *WEBM.blobs[5:]) == []
    assert ear.flush() == []


def test_after_an_error_the_next_header_is_heard(ear: Ear) -> None:
    before = hear(ear, *WEBM.blobs[:10])
    with pytest.raises(CallerError):
        hear(ear, *[b"\xff\x00garbage" * 100] * 200)
    again = hear(ear, *WEBM.blobs[10:], *WEBM.blobs)
    assert sound_of(again) == decoded_live(WEBM.blobs)[: len(sound_of(again))]
    assert again[0].end_ms > before[-1].end_ms


def test_after_an_error_begin_hears_again(ear: Ear) -> None:
    with pytest.raises(CallerError):
        ear.feed(b"this is no audio")
    ear.begin(RAW)
    assert sound_of(ear.feed(speech_pcm())) == speech_pcm()


def test_a_format_that_cannot_be_heard_leaves_the_ear_deaf(ear: Ear) -> None:
    with pytest.raises(CallerError) as caught:
        ear.begin(AudioFormat(Encoding.PCM_S16LE))
    assert caught.value.field == "input_audio.sample_rate_hz"
    assert ear.feed(speech_pcm()) == []
    assert hear(ear, *WEBM.blobs) != []


def test_a_failing_end_still_ends_speech(ear: Ear) -> None:
    ear.begin(RAW)
    ear.feed(speech_pcm()[:32_000])
    ear.begin(AudioFormat(Encoding.MP3))
    ear.feed(b"no frames here")
    with pytest.raises(CallerError):
        ear.flush()
    assert not ear.speaking


def test_tuning(ear: Ear) -> None:
    ear.begin(RAW)
    ear.tune(0.5, 60_000)
    assert edges_of(ear.feed(speech_pcm())) == []
    ear.tune(0.5, 100)
    assert [edge.kind for block in ear.feed(speech_pcm()) for edge in block.edges][:1] == [
        EdgeKind.STARTED
    ]
