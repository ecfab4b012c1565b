"""What a client keeps to say again: in order, bounded, and understood by who has not heard it."""

import pytest

import cedar_voice.v1 as pb
from cedar_voice_client.errors import Unavailable
from cedar_voice_client.recovery.send_buffer import MAX_MESSAGES, Unsettled
from tests.support.media import Form, cut, recorded, written


def audio(data: bytes) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(audio=pb.InputAudio(data=data))


def text(words: str) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(text=pb.TextInput(text=words))


def listening(**command: object) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(control=pb.Control(**command))  # type: ignore[arg-type]


START = listening(start_listening=pb.StartListening())
STOP = listening(stop_listening=pb.StopListening())


def numbers(unsettled: Unsettled, after: int = 0) -> list[int]:
    return [request.sequence for request in unsettled.after(after)]


def test_what_is_durable_is_forgotten_and_what_is_received_is_kept() -> None:
    unsettled = Unsettled(1_000, 60)
    for data in (b"a", b"b", b"c"):
        unsettled.add(audio(data), 0.0)
    unsettled.note(ack=3, durable=1)
    assert numbers(unsettled) == [2, 3]
    assert unsettled.unsent_from == 3
    unsettled.begin_anew()
    assert unsettled.unsent_from == 1
    unsettled.note(ack=0, durable=3)
    assert numbers(unsettled) == []


def test_the_oldest_audio_is_dropped_and_told_and_nothing_else_is() -> None:
    unsettled = Unsettled(250, 60)
    unsettled.add(START, 0.0)
    for _ in range(4):
        unsettled.add(audio(bytes(100)), 0.0)
    assert numbers(unsettled) == [1, 4, 5]
    assert unsettled.take_lost_bytes() == 200
    assert unsettled.take_lost_bytes() == 0


def test_audio_is_kept_for_a_time() -> None:
    unsettled = Unsettled(1_000, 10)
    for at_s in (0.0, 5.0, 12.0):
        unsettled.add(audio(b"x"), at_s)
    assert numbers(unsettled) == [2, 3]


def test_audio_that_was_received_before_it_was_dropped_is_not_lost() -> None:
    unsettled = Unsettled(150, 60)
    unsettled.add(audio(bytes(100)), 0.0)
    unsettled.note(ack=1, durable=0)
    unsettled.add(audio(bytes(100)), 0.0)
    assert unsettled.take_lost_bytes() == 0


def test_too_many_messages_are_refused() -> None:
    unsettled = Unsettled(1_000, 60)
    for _ in range(MAX_MESSAGES):
        unsettled.add(text("more"), 0.0)
    with pytest.raises(Unavailable, match="too much waits"):
        unsettled.add(text("and more"), 0.0)
    unsettled.note(ack=0, durable=1)
    unsettled.add(text("and more"), 0.0)


def test_the_rest_of_a_recording_is_preceded_by_its_beginning() -> None:
    blobs = recorded("webm").blobs
    unsettled = Unsettled(1 << 20, 60)
    start = listening(start_listening=pb.StartListening())
    unsettled.add(start, 0.0)
    for blob in blobs:
        unsettled.add(audio(blob), 0.0)
    assert unsettled.prelude() == []  # it is kept
    unsettled.note(ack=0, durable=len(blobs) // 2)
    again, head = unsettled.prelude()
    assert again.control.HasField("start_listening") and again.sequence == 0
    assert blobs[0].startswith(head.audio.data[:-5])
    unsettled.add(STOP, 0.0)
    unsettled.note(ack=0, durable=unsettled.sent_sequence)
    assert unsettled.prelude() == []  # what comes next is a recording of its own


def test_pages_of_ogg_that_come_one_by_one_are_one_recording() -> None:
    data = written(Form("ogg", "libopus", options={"page_duration": "100000"}))
    pages = [b"OggS" + page for page in data.split(b"OggS")[1:]]
    unsettled = Unsettled(1 << 20, 60)
    for page in pages * 2:
        unsettled.add(audio(page), 0.0)
    for durable in (3, len(pages) + 3):
        unsettled.note(ack=0, durable=durable)
        (head,) = unsettled.prelude()
        assert head.audio.data == b"".join(pages[:2])


def test_a_recording_that_needs_no_header_is_not_preceded_by_that_of_another() -> None:
    unsettled = Unsettled(1 << 20, 60)
    for request in (
        *map(audio, recorded("webm").blobs),
        START,
        *map(audio, cut(written(Form("mp3", "mp3")), [500])),
    ):
        unsettled.add(request, 0.0)
    unsettled.note(ack=0, durable=unsettled.sent_sequence - 1)
    assert [said.WhichOneof("payload") for said in unsettled.prelude()] == ["control"]
