"""The file of the spoken answer."""

import wave
from pathlib import Path

import pytest

from cedar_voice_cli.answer_file import SUFFIXES, AnswerFile
from cedar_voice_client import AudioEncoding, AudioFormat
from cedar_voice_client.events import AudioChunk


def chunk(data: bytes, audio_format: AudioFormat | None = None) -> AudioChunk:
    return AudioChunk(
        response_id=1,
        data=data,
        is_last=False,
        offset_ms=0,
        duration_ms=20,
        format=audio_format,
        text="",
    )


def test_raw_samples_become_a_wave_file_at_the_rate_the_server_chose(tmp_path: Path) -> None:
    answer = AnswerFile(tmp_path / "a.WAV")
    answer.add(chunk(b"\1\0" * 320, AudioFormat(AudioEncoding.PCM_S16LE, 16_000)))
    answer.add(chunk(b"\2\0" * 320))
    assert answer.write()
    assert answer.duration_ms == 40
    with wave.open(str(answer.path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert file.readframes(640) == b"\1\0" * 320 + b"\2\0" * 320


@pytest.mark.parametrize("suffix", sorted(set(SUFFIXES) - {".wav"}))
def test_encoded_audio_is_one_stream(tmp_path: Path, suffix: str) -> None:
    answer = AnswerFile(tmp_path / f"a{suffix}")
    answer.add(chunk(b"one"))
    answer.add(chunk(b"two"))
    assert answer.write()
    assert answer.path.read_bytes() == b"onetwo"


def test_without_audio_there_is_no_file(tmp_path: Path) -> None:
    answer = AnswerFile(tmp_path / "a.wav")
    answer.add(chunk(b""))
    assert not answer.write()
    assert not answer.path.exists()
