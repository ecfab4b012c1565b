"""The outbox: numbered without gaps, replayed without gaps or said to be truncated, bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session.answer_parts import Action
from cedar_voice_service.session.messages import (
    ActionRequested,
    Interruption,
    InterruptionReason,
    Message,
    OutputAudio,
    ResponseDelta,
    ResponseStarted,
    Transcription,
)
from cedar_voice_service.session.resume.outbox import OVERHEAD_BYTES, Numbered, Outbox


def started(text: str = "x") -> ResponseStarted:
    return ResponseStarted(1, text)


def taken(outbox: Outbox) -> list[Numbered]:
    numbered = []
    while (item := outbox.pop()) is not None:
        numbered.append(item)
    return numbered


def test_messages_are_numbered_in_order_from_one() -> None:
    outbox = Outbox(1 << 20)
    for text in "abc":
        outbox.put(started(text), turn_id=7)
    assert [(item.sequence, item.turn_id) for item in taken(outbox)] == [(1, 7), (2, 7), (3, 7)]


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(1, 40))
def test_a_replay_is_gapless_or_says_that_it_is_not(
    sent: int, acked: int, received: int, room: int
) -> None:
    outbox = Outbox(room * (OVERHEAD_BYTES + 4))
    for _ in range(sent):
        outbox.put(started(), turn_id=1)
        outbox.pop()
    outbox.acknowledge(min(acked, received))
    replayed, is_complete = outbox.replay(min(received, sent))
    numbers = [item.sequence for item in replayed]
    if is_complete:
        assert numbers == list(range(min(received, sent) + 1, sent + 1))
    else:
        assert numbers == list(range(sent - len(numbers) + 1, sent + 1))
        assert len(numbers) <= room


def test_what_is_acknowledged_is_forgotten() -> None:
    outbox = Outbox(1 << 20)
    for _ in range(3):
        outbox.put(started(), turn_id=1)
    taken(outbox)
    outbox.acknowledge(2)
    assert [item.sequence for item in outbox.replay(0)[0]] == [3]
    assert outbox.replay(0)[1] is False
    assert outbox.replay(2) == (outbox.replay(0)[0], True)


def test_what_is_acknowledged_makes_room() -> None:
    outbox = Outbox(3 * (OVERHEAD_BYTES + 4))
    for _ in range(20):
        outbox.put(started(), turn_id=1)
        numbered = outbox.pop()
        assert numbered is not None
        outbox.acknowledge(numbered.sequence)
    for _ in range(3):
        outbox.put(started(), turn_id=1)
    assert not outbox.has_overflowed
    assert len(taken(outbox)) == 3


def test_purged_audio_leaves_no_gap_in_the_numbers() -> None:
    outbox = Outbox(1 << 20)
    outbox.put(OutputAudio(1, b"old", 0, 100), turn_id=1)
    outbox.put(started(), turn_id=2)
    outbox.purge_audio(1)
    assert [item.sequence for item in taken(outbox)] == [1]


def test_purged_audio_is_not_sent_again_and_makes_room() -> None:
    sound = bytes(1_000)
    outbox = Outbox(4 * (OVERHEAD_BYTES + len(sound)))
    for response_id in (1, 2, 3):
        outbox.put(OutputAudio(response_id, sound, 0, 100, text="One"), turn_id=1)
        outbox.pop()
    outbox.purge_audio(2)
    replayed, is_complete = outbox.replay(0)
    assert is_complete
    assert [(item.sequence, item.message) for item in replayed] == [
        (1, OutputAudio(1, b"", 0, 0)),
        (2, OutputAudio(2, b"", 0, 0)),
        (3, OutputAudio(3, sound, 0, 100, text="One")),
    ]
    for _ in range(2):
        outbox.put(OutputAudio(4, sound, 0, 100), turn_id=1)
    assert len(outbox.replay(0)[0]) == 3  # nothing had to be forgotten


def test_it_holds_no_more_than_its_bound_and_says_when_nobody_reads() -> None:
    outbox = Outbox(10 * (OVERHEAD_BYTES + 100))
    for _ in range(10):
        outbox.put(OutputAudio(1, bytes(100), 0, 10), turn_id=1)
    assert not outbox.has_overflowed
    outbox.put(OutputAudio(1, bytes(100), 0, 10), turn_id=1)
    assert outbox.has_overflowed
    assert len(taken(outbox)) == 10


@pytest.mark.parametrize(
    "message",
    [
        ResponseStarted(1, "x" * 500),
        Transcription("x" * 500, is_final=True, confidence=None, start_ms=0, end_ms=1),
        Interruption(1, InterruptionReason.NEW_INPUT, 0, "x" * 500),
        ActionRequested(1, Action("a", "t", "x" * 500, "", "", "[]")),
        OutputAudio(1, b"", 0, 0, text="x" * 500),
    ],
)
def test_whatever_text_a_message_holds_is_counted(message: Message) -> None:
    outbox = Outbox(10_000)
    for _ in range(10):
        outbox.put(message, turn_id=1)
    assert outbox.has_overflowed


def test_sent_messages_are_forgotten_before_waiting_ones() -> None:
    outbox = Outbox(2 * (OVERHEAD_BYTES + 100))
    outbox.put(OutputAudio(1, bytes(100), 0, 10), turn_id=1)
    outbox.pop()
    outbox.put(OutputAudio(1, bytes(100), 10, 10), turn_id=1)
    outbox.put(OutputAudio(1, bytes(100), 20, 10), turn_id=1)
    assert not outbox.has_overflowed
    assert [item.sequence for item in taken(outbox)] == [2, 3]


def test_text_that_waits_is_sent_in_one_message() -> None:
    outbox = Outbox(10_000)
    outbox.put(ResponseDelta(1, "It is "), turn_id=1)
    outbox.put(ResponseDelta(1, "fine."), turn_id=1)
    outbox.put(ResponseDelta(2, "Next."), turn_id=2)
    assert outbox.pop() == Numbered(1, 1, ResponseDelta(1, "It is fine."))
    outbox.put(ResponseDelta(2, " More."), turn_id=2)
    assert outbox.pop() == Numbered(2, 2, ResponseDelta(2, "Next. More."))
    outbox.put(ResponseDelta(2, "!"), turn_id=2)  # what was taken is not touched
    assert outbox.pop() == Numbered(3, 2, ResponseDelta(2, "!"))
