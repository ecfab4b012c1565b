"""The configuration in force where several write to one session."""

import cedar_voice.v1 as pb
from cedar_voice_bridge.sessions.shared_config import Wishes, Writer, manner_of
from cedar_voice_bridge.translation.configuration import played_chunk_by_chunk

MANUAL = pb.TURN_DETECTION_MODE_MANUAL
AUDIO = pb.VoiceSessionRequest(audio=pb.InputAudio(data=b"x"))
PING = pb.VoiceSessionRequest(ping=pb.Ping())


def wishes() -> Wishes:
    """Those of a session that was just opened."""
    return Wishes(played_chunk_by_chunk("one"))


def uploaded() -> pb.SessionConfig:
    """The manner of uploads."""
    manner = manner_of(played_chunk_by_chunk(""))
    manner.turn_detection.mode = MANUAL
    return manner


def kinds(requests: list[pb.VoiceSessionRequest]) -> list[str | None]:
    """What the requests are."""
    return [request.WhichOneof("payload") for request in requests]


def test_a_session_with_one_writer_is_told_nothing_that_it_knows() -> None:
    said = wishes()
    assert kinds(Writer(said).asking([AUDIO, AUDIO])) == ["audio", "audio"]
    assert said.adopt(manner_of(played_chunk_by_chunk(""))) == []
    french = pb.SessionConfig(settings=pb.VoiceSettings(language="fr-FR"))
    assert kinds(said.settle(french)) == ["config"]
    assert said.settle(french) == []


def test_whoever_speaks_is_heard_in_a_manner_of_its_own() -> None:
    said = wishes()
    socket = Writer(said)
    assert kinds(said.adopt(uploaded())) == ["config"]
    assert said.adopt(uploaded()) == []
    assert kinds(socket.asking([PING])) == ["ping"]
    back, audio = socket.asking([AUDIO])
    assert back.config.turn_detection.mode == pb.TURN_DETECTION_MODE_SERVER_VAD
    assert audio is AUDIO
    assert kinds(said.adopt(uploaded())) == ["config"]


def test_a_writer_that_changes_its_manner_says_all_of_it() -> None:
    said = wishes()
    socket = Writer(said)
    said.adopt(uploaded())
    lead = pb.OutputAudioConfig(framing=pb.CHUNK_FRAMING_CONTINUOUS, max_lead_ms=1_000)
    (asked,) = socket.asking([pb.VoiceSessionRequest(config=pb.SessionConfig(output_audio=lead))])
    assert asked.config.output_audio == lead
    assert asked.config.turn_detection.mode == pb.TURN_DETECTION_MODE_SERVER_VAD
    assert kinds(socket.asking([AUDIO])) == ["audio"]


def test_settings_that_somebody_else_has_changed_are_said_again() -> None:
    said = wishes()
    french = pb.SessionConfig(settings=pb.VoiceSettings(language="fr-FR"))
    german = pb.SessionConfig(settings=pb.VoiceSettings(language="de-DE"))
    said.settle(french)
    Writer(said).asking([pb.VoiceSessionRequest(config=german)])
    assert kinds(said.settle(french)) == ["config"]
