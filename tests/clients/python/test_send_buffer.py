"""Buffered messages: their order, their bounds, and the preamble that makes them decodable."""

import pytest

import cedar_voice.v1 as pb
from cedar_voice_client.errors import Unavailable
from cedar_voice_client.recovery.send_buffer import MAX_MESSAGES, SendBuffer
from tests.support.media import Form, cut, recorded, written


def audio(data: bytes) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(audio=pb.InputAudio(data=data))


def text(words: str) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(text=pb.TextInput(text=words))


def listening(**command: object) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(control=pb.Control(**command))  # type: ignore[arg-type]


START = listening(start_listening=pb.StartListening())
STOP = listening(stop_listening=pb.StopListening())


def numbers(buffer: SendBuffer, after: int = 0) -> list[int]:
    return [request.sequence for request in buffer.after(after)]


def test_durable_messages_are_removed_and_received_ones_are_kept() -> None:
    buffer = SendBuffer(1_000, 60)
    for data in (b"a", b"b", b"c"):
        buffer.add(audio(data), 0.0)
    buffer.acknowledge(ack=3, durable=1)
    assert numbers(buffer) == [2, 3]
    assert buffer.resend_after == 3
    buffer.reset_accepted()
    assert buffer.resend_after == 1
    buffer.acknowledge(ack=0, durable=3)
    assert numbers(buffer) == []


def test_only_the_oldest_audio_is_dropped_and_reported() -> None:
    buffer = SendBuffer(250, 60)
    buffer.add(START, 0.0)
    for _ in range(4):
        buffer.add(audio(bytes(100)), 0.0)
    assert numbers(buffer) == [1, 4, 5]
    assert buffer.pop_lost_bytes() == 200
    assert buffer.pop_lost_bytes() == 0


def test_audio_is_dropped_at_an_age() -> None:
    buffer = SendBuffer(1_000, 10)
    for at_s in (0.0, 5.0, 12.0):
        buffer.add(audio(b"x"), at_s)
    assert numbers(buffer) == [2, 3]


def test_audio_that_was_received_before_it_was_dropped_is_not_lost() -> None:
    buffer = SendBuffer(150, 60)
    buffer.add(audio(bytes(100)), 0.0)
    buffer.acknowledge(ack=1, durable=0)
    buffer.add(audio(bytes(100)), 0.0)
    assert buffer.pop_lost_bytes() == 0


def test_too_many_messages_are_refused() -> None:
    buffer = SendBuffer(1_000, 60)
    for _ in range(MAX_MESSAGES):
        buffer.add(text("more"), 0.0)
    with pytest.raises(Unavailable, match="too many messages wait"):
        buffer.add(text("and more"), 0.0)
    buffer.acknowledge(ack=0, durable=1)
    buffer.add(text("and more"), 0.0)


def test_the_rest_of_a_recording_is_preceded_by_its_beginning() -> None:
    blobs = recorded("webm").blobs
    buffer = SendBuffer(1 << 20, 60)
    start = listening(start_listening=pb.StartListening())
    buffer.add(start, 0.0)
    for blob in blobs:
        buffer.add(audio(blob), 0.0)
    assert buffer.replay_preamble() == []  # the beginning is buffered
    buffer.acknowledge(ack=0, durable=len(blobs) // 2)
    again, head = buffer.replay_preamble()
    assert again.control.HasField("start_listening") and again.sequence == 0
    assert blobs[0].startswith(head.audio.data[:-5])
    buffer.add(STOP, 0.0)
    buffer.acknowledge(ack=0, durable=buffer.sent_sequence)
    assert buffer.replay_preamble() == []  # the next audio begins a recording of its own


def test_pages_of_ogg_that_come_one_by_one_are_one_recording() -> None:
    data = written(Form("ogg", "libopus", options={"page_duration": "100000"}))
    pages = [b"OggS" + page for page in data.split(b"OggS")[1:]]
    buffer = SendBuffer(1 << 20, 60)
    for page in pages * 2:
        buffer.add(audio(page), 0.0)
    for durable in (3, len(pages) + 3):
        buffer.acknowledge(ack=0, durable=durable)
        (head,) = buffer.replay_preamble()
        assert head.audio.data == b"".join(pages[:2])


def test_a_recording_that_needs_no_header_is_not_preceded_by_that_of_another() -> None:
    buffer = SendBuffer(1 << 20, 60)
    for request in (
        *map(audio, recorded("webm").blobs),
        START,
        *map(audio, cut(written(Form("mp3", "mp3")), [500])),
    ):
        buffer.add(request, 0.0)
    buffer.acknowledge(ack=0, durable=buffer.sent_sequence - 1)
    assert [said.WhichOneof("payload") for said in buffer.replay_preamble()] == ["control"]
