"""The provider of the benchmarks recognizes which part of the utterance it receives."""

import pytest

from benchmarks.recognition import Recognizer
from benchmarks.recording import RATE_HZ, load_recording

RECORDING = load_recording()
RECOGNIZER = Recognizer(RECORDING)


def part(start_ms: int, end_ms: int, *, quiet_before_ms: int = 0) -> bytes:
    samples_per_ms = RATE_HZ // 1000
    speech = RECORDING.pcm[start_ms * samples_per_ms * 2 : end_ms * samples_per_ms * 2]
    return bytes(quiet_before_ms * samples_per_ms * 2) + speech


def test_the_whole_utterance_is_understood() -> None:
    assert RECOGNIZER.text_of(RECORDING.pcm) == RECORDING.text
    assert RECOGNIZER.text_of(RECORDING.followed_by_silence(1_000).pcm) == RECORDING.text


@pytest.mark.parametrize("quiet_before_ms", [0, 130, 1_000])
def test_a_part_holds_its_own_words_and_mishears_the_one_it_cuts(quiet_before_ms: int) -> None:
    assert RECOGNIZER.text_of(part(0, 900, quiet_before_ms=quiet_before_ms)) == "show me the"
    cut = RECOGNIZER.text_of(part(500, 1_800, quiet_before_ms=quiet_before_ms))
    assert cut == "me the report for th"


def test_silence_holds_no_words() -> None:
    assert RECOGNIZER.text_of(bytes(32_000)) == ""


def test_both_encodings_come_in_pieces_of_the_recorders_interval() -> None:
    assert len(RECORDING.pieces("pcm")) == len(RECORDING.pieces("webm")) == 25
