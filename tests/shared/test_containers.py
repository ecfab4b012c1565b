"""First bytes have one meaning, and every place that asks derives its answer from it."""

from contextlib import suppress

import pytest

import cedar_voice.v1 as pb
from cedar_voice_client.recovery.send_buffer import SendBuffer
from cedar_voice_service.audio.decoder import RecordingDecoder
from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.errors import CallerError
from cedar_voice_service.runtime.recordings import Recordings
from cedar_voice_service.workers.decoding import HERE
from cedar_voice_shared.containers import Container, ContainerHead, RecordingHeader, recognize
from tests.support.media import Form, recorded, written
from tests.support.recordings import speech_path

OGG = written(Form("ogg", "libopus", options={"page_duration": "100000"}))
WAV = speech_path().read_bytes()
MP3_WITH_TAG = written(Form("mp3", "libmp3lame", 24_000))
MP3_FRAME = written(Form("mp3", "libmp3lame", 44_100, options={"id3v2_version": "0"}))

KNOWN = [
    (Container.WEBM, recorded("webm").data),
    (Container.MP4, recorded("mp4").data),
    (Container.OGG, OGG),
    (Container.FLAC, written(Form("flac", "flac"))),
    (Container.MP3, MP3_WITH_TAG),
    (Container.MP3, MP3_FRAME),
    (Container.WAV, WAV),
]
UNDECIDED = ContainerHead(None, None)
UNKNOWN = ContainerHead(None, False)
HEADS = {
    "WebM": (recorded("webm").data, ContainerHead(Container.WEBM, True)),
    "MP4": (recorded("mp4").data, ContainerHead(Container.MP4, True)),
    "WAV": (WAV, ContainerHead(Container.WAV, True)),
    "FLAC": (written(Form("flac", "flac")), ContainerHead(Container.FLAC, True)),
    "first page of Ogg": (OGG, ContainerHead(Container.OGG, True)),
    "later page of Ogg": (OGG[OGG.rindex(b"OggS") :], ContainerHead(Container.OGG, False)),
    "MP3 with a tag": (MP3_WITH_TAG, ContainerHead(Container.MP3, True)),
    "frame of MP3": (MP3_FRAME, ContainerHead(Container.MP3, True)),
    "RIFF that is no WAVE": (b"RIFFxxxxAVI LIST", UNKNOWN),
    "AAC in ADTS": (b"\xff\xf1\x50\x80\x02\x1f\xfc\xde\x02\x00\x4c\x61", UNKNOWN),
    "raw PCM": (bytes(range(100, 120)), UNKNOWN),
    "two bytes of Ogg": (b"Og", UNDECIDED),
    "one byte of WebM": (b"\x1a", UNDECIDED),
    # their neighbours
    "Ogg without its flags": (OGG[:5], ContainerHead(Container.OGG, None)),
    "RIFF without its kind": (WAV[:11], UNDECIDED),
    "MP4 without its kind": (recorded("mp4").data[:7], UNDECIDED),
    "part of MP4": (b"\0\0\0\x20moof\0\0\0\0", UNKNOWN),
    "silence": (bytes(12), UNKNOWN),
    "nearly WebM": (b"\x1a\x45\xdf\xa4", UNKNOWN),
    "text": (b"{", UNKNOWN),
    "one byte of MP3": (b"\xff", UNDECIDED),
    "MP3 of layer I": (b"\xff\xff\xff", UNKNOWN),
    "MP3 of no bit rate": (b"\xff\xfb\xf0", UNKNOWN),
    "MP3 of no sample rate": (b"\xff\xfb\x9c", UNKNOWN),
    "MP3 of no version": (b"\xff\xeb\x90", UNKNOWN),
    "nothing": (b"", UNDECIDED),
}
ENCODINGS = {
    Container.WEBM: Encoding.WEBM_OPUS,
    Container.OGG: Encoding.OGG_OPUS,
    Container.WAV: Encoding.WAV,
    Container.FLAC: Encoding.FLAC,
    Container.MP4: Encoding.MP4,
    Container.MP3: Encoding.MP3,
}


@pytest.fixture(params=HEADS)
def head(request: pytest.FixtureRequest) -> tuple[bytes, ContainerHead]:
    data, found = HEADS[request.param]
    return data[:64], found


def test_each_head_has_one_meaning(head: tuple[bytes, ContainerHead]) -> None:
    data, found = head
    assert recognize(data) == found


@pytest.mark.parametrize(("container", "data"), KNOWN)
def test_containers_are_known_by_twelve_bytes(container: Container, data: bytes) -> None:
    heads = [recognize(data[:length]) for length in range(13)]
    assert heads[0] == UNDECIDED
    assert heads[12] == ContainerHead(container, True)
    begins = [head.begins for head in heads]
    assert set(begins) == {None, True}
    assert begins == sorted(begins, key=bool)


# -- the places that ask ---------------------------------------------------------------------------


def test_a_decoder_opens_the_reader_of_the_container(head: tuple[bytes, ContainerHead]) -> None:
    data, found = head
    decoder = RecordingDecoder(AudioFormat())
    with suppress(CallerError):  # a few bytes are no recording
        decoder.feed(data)
    assert decoder._encoding == (ENCODINGS[found.container] if found.container else None)


async def test_a_session_whose_recording_is_over_waits_for_the_next_one(
    head: tuple[bytes, ContainerHead],
) -> None:
    data, found = head
    recordings = Recordings(HERE)
    recordings.end()
    with suppress(CallerError):
        await recordings.feed(data)
    assert recordings._head == (data if found.begins is None else b"")
    assert found.begins or recordings._decoder is None


def test_service_and_sdk_keep_the_header_of_the_same_recordings(
    head: tuple[bytes, ContainerHead],
) -> None:
    data, found = head
    before = recorded("webm").blobs
    header, buffer = RecordingHeader(), SendBuffer(1 << 20, 60)
    for piece in (*before, data):
        header.add(piece)
        buffer.add(pb.VoiceSessionRequest(audio=pb.InputAudio(data=piece)), 0.0)
    old = RecordingHeader()
    old.add(b"".join(before))
    assert buffer._recording.header.setup == header.setup
    assert buffer._recording.first_audio_sequence == 1 + len(before) * found.begins_header
    assert found.begins_header or header.setup == old.setup
