"""The configuration in force where several write to one session."""

import cedar_voice.v1 as pb
from cedar_voice_bridge.sessions.shared_config import ConfigWriter, SharedConfig, profile_of
from cedar_voice_bridge.translation.configuration import chunk_by_chunk_config

MANUAL = pb.TURN_DETECTION_MODE_MANUAL
AUDIO = pb.VoiceSessionRequest(audio=pb.InputAudio(data=b"x"))
PING = pb.VoiceSessionRequest(ping=pb.Ping())


def shared_config() -> SharedConfig:
    """That of a session that was just opened."""
    return SharedConfig(chunk_by_chunk_config("one"))


def uploaded() -> pb.SessionConfig:
    """The manner of uploads."""
    manner = profile_of(chunk_by_chunk_config(""))
    manner.turn_detection.mode = MANUAL
    return manner


def kinds(requests: list[pb.VoiceSessionRequest]) -> list[str | None]:
    """Kinds of the requests."""
    return [request.WhichOneof("payload") for request in requests]


def test_a_session_with_one_writer_is_told_nothing_that_it_knows() -> None:
    config = shared_config()
    assert kinds(ConfigWriter(config).with_profile([AUDIO, AUDIO])) == ["audio", "audio"]
    assert config.adopt_profile(profile_of(chunk_by_chunk_config(""))) == []
    french = pb.SessionConfig(settings=pb.VoiceSettings(language="fr-FR"))
    assert kinds(config.change_to(french)) == ["config"]
    assert config.change_to(french) == []


def test_whoever_speaks_is_heard_in_a_manner_of_its_own() -> None:
    config = shared_config()
    socket = ConfigWriter(config)
    assert kinds(config.adopt_profile(uploaded())) == ["config"]
    assert config.adopt_profile(uploaded()) == []
    assert kinds(socket.with_profile([PING])) == ["ping"]
    back, audio = socket.with_profile([AUDIO])
    assert back.config.turn_detection.mode == pb.TURN_DETECTION_MODE_SERVER_VAD
    assert audio is AUDIO
    assert kinds(config.adopt_profile(uploaded())) == ["config"]


def test_a_writer_that_changes_its_manner_says_all_of_it() -> None:
    config = shared_config()
    socket = ConfigWriter(config)
    config.adopt_profile(uploaded())
    lead = pb.OutputAudioConfig(framing=pb.CHUNK_FRAMING_CONTINUOUS, max_lead_ms=1_000)
    (asked,) = socket.with_profile(
        [pb.VoiceSessionRequest(config=pb.SessionConfig(output_audio=lead))]
    )
    assert asked.config.output_audio == lead
    assert asked.config.turn_detection.mode == pb.TURN_DETECTION_MODE_SERVER_VAD
    assert kinds(socket.with_profile([AUDIO])) == ["audio"]


def test_settings_that_somebody_else_has_changed_are_said_again() -> None:
    config = shared_config()
    french = pb.SessionConfig(settings=pb.VoiceSettings(language="fr-FR"))
    german = pb.SessionConfig(settings=pb.VoiceSettings(language="de-DE"))
    config.change_to(french)
    ConfigWriter(config).with_profile([pb.VoiceSessionRequest(config=german)])
    assert kinds(config.change_to(french)) == ["config"]
