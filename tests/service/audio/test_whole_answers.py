"""An answer encoded as one file."""

import pytest

import cedar_voice.v1 as pb
from cedar_voice_service.audio.encoder import open_encoder
from cedar_voice_service.audio.encoders import whole_encoder
from cedar_voice_service.audio.formats import AudioFormat, EncodedChunk, Encoding, Framing, Pcm
from cedar_voice_service.session.config import Limits
from cedar_voice_service.wire.config import patch_of
from tests.support.hearing import listen
from tests.support.media import cut
from tests.support.recordings import speech_pcm

PHRASES = [speech_pcm(name) for name in ("weather_in_london", "open_the_settings")]
DURATION_MS = sum(len(phrase) // 32 for phrase in PHRASES)


def encode(encoding: Encoding) -> list[EncodedChunk]:
    """Two phrases; nothing comes before the end."""
    encoder = open_encoder(AudioFormat(encoding), Framing.WHOLE)
    chunks = []
    for phrase in PHRASES:
        for block in cut(phrase, [3_200]):
            chunks += encoder.feed(Pcm(block, 16_000))
        chunks += encoder.end_phrase()
    return chunks + encoder.flush()


@pytest.mark.parametrize("encoding", [Encoding.MP3, Encoding.WAV, Encoding.OGG_OPUS])
def test_it_is_one_file_of_all_phrases(encoding: Encoding) -> None:
    (chunk,) = encode(encoding)
    assert chunk.offset_ms == 0
    assert abs(chunk.duration_ms - DURATION_MS) <= 2
    assert abs(listen(chunk.data).duration_ms - DURATION_MS) < 60


def test_a_very_long_one_comes_in_files_that_follow_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole_encoder, "MAX_WHOLE_MS", 1_000)
    first, *rest = encode(Encoding.MP3)
    assert rest and first.offset_ms + first.duration_ms == rest[0].offset_ms
    assert all(listen(chunk.data).duration_ms > 0 for chunk in (first, *rest))


def test_of_nothing_there_is_no_file() -> None:
    assert open_encoder(AudioFormat(Encoding.MP3), Framing.WHOLE).flush() == []


def test_it_is_not_paced() -> None:
    output = pb.OutputAudioConfig(framing=pb.CHUNK_FRAMING_WHOLE, max_lead_ms=0)
    patch = patch_of(pb.SessionConfig(output_audio=output), Limits())
    assert patch.replaced["output_audio"].max_lead_ms > 3_600_000
