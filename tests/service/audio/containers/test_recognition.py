"""First bytes and what they tell."""

import pytest

from cedar_voice_service.audio.containers.recognition import Verdict, recognize
from cedar_voice_service.audio.formats import Encoding
from tests.support.media import Form, recorded, written
from tests.support.recordings import speech_path

KNOWN = [
    (Encoding.WEBM_OPUS, recorded("webm").data),
    (Encoding.MP4, recorded("mp4").data),
    (Encoding.OGG_OPUS, written(Form("ogg", "libopus"))),
    (Encoding.FLAC, written(Form("flac", "flac"))),
    (Encoding.MP3, written(Form("mp3", "libmp3lame", 24_000))),
    (Encoding.MP3, written(Form("mp3", "libmp3lame", 44_100, options={"id3v2_version": "0"}))),
    (Encoding.WAV, speech_path().read_bytes()),
]


@pytest.mark.parametrize(("encoding", "data"), KNOWN)
def test_encodings_are_known_by_twelve_bytes(encoding: Encoding, data: bytes) -> None:
    verdicts = [recognize(data[:length]) for length in range(13)]
    assert verdicts[0] is Verdict.UNDECIDED
    assert verdicts[12] is encoding
    assert set(verdicts) == {Verdict.UNDECIDED, encoding}
    assert verdicts == sorted(verdicts, key=lambda verdict: verdict is encoding)


@pytest.mark.parametrize(
    "head",
    [
        b"x",
        b"{",
        b"\x1a\x45\xdf\xa4",
        b"RIFFxxxxAVI ",
        b"\0\0\0\x20moof",
        b"\xff\xff\xff",  # layer I
        b"\xff\xf1\x50",  # AAC in ADTS
        b"\xff\xfb\xf0",  # no such bit rate
        b"\xff\xfb\x9c",  # no such sample rate
        b"\xff\xeb\x90",  # no such version
    ],
)
def test_others_are_not(head: bytes) -> None:
    assert recognize(head) is Verdict.UNKNOWN
