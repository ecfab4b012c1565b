"""What the writers of a shared session want of it, so that it is said when it changes. Pure."""

from collections.abc import Iterable

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.configuration import chunk_by_chunk_config

_SPEAKING = frozenset({"audio", "text", "start_listening", "say", "create_response"})


class SharedConfig:
    """The configuration in force, as far as writers may disagree about it.

    The manner, which is how turns end and in what form answers come, is that of whoever speaks: a
    page that says itself where its turn ends leaves the turns of a socket to be found. All the
    rest is the session's own, and the last word counts.
    """

    def __init__(self, opening: pb.SessionConfig) -> None:
        self._said = b""
        self._manner = _written(profile_of(opening))

    def change_to(self, config: pb.SessionConfig) -> list[pb.VoiceSessionRequest]:
        """What makes this the configuration in force; nothing when it was the last one asked for.

        Uploads say the same with every chunk.
        """
        wanted = _written(config)
        if wanted in (b"", self._said):
            return []
        self._said = wanted
        return [pb.VoiceSessionRequest(config=config)]

    def adopt_profile(self, manner: pb.SessionConfig) -> list[pb.VoiceSessionRequest]:
        """What makes this the manner in force."""
        wanted = _written(manner)
        if wanted == self._manner:
            return []
        self._manner = wanted
        return [pb.VoiceSessionRequest(config=manner)]

    def note(self, config: pb.SessionConfig) -> None:
        """Somebody configures the session, its manner as a whole or not at all."""
        self._said = b""
        manner = profile_of(config)
        if manner.ByteSize():
            self._manner = _written(manner)

    def forget(self) -> None:
        """What was said last may not have arrived."""
        self._said = self._manner = b""


class ConfigWriter:
    """One writer that goes on: what it asks, in its own manner."""

    def __init__(self, wishes: SharedConfig) -> None:
        self._wishes = wishes
        self._manner = profile_of(chunk_by_chunk_config(""))

    def with_profile(
        self, requests: Iterable[pb.VoiceSessionRequest]
    ) -> list[pb.VoiceSessionRequest]:
        """The requests, and before what is spoken what makes the session hear it as it is meant."""
        asked: list[pb.VoiceSessionRequest] = []
        for request in requests:
            if request.HasField("config"):
                self._configure(request.config)
            elif _asked_by(request) in _SPEAKING:
                asked += self._wishes.adopt_profile(self._manner)
            asked.append(request)
        return asked

    def _configure(self, config: pb.SessionConfig) -> None:
        change = profile_of(config)
        if change.ByteSize():
            if change.HasField("output_audio"):
                self._manner.ClearField("output_audio")
            self._manner.MergeFrom(change)
            config.MergeFrom(self._manner)
        self._wishes.note(config)


def profile_of(config: pb.SessionConfig) -> pb.SessionConfig:
    """What of a configuration is the manner of a writer."""
    manner = pb.SessionConfig()
    if config.HasField("output_audio"):
        manner.output_audio.CopyFrom(config.output_audio)
    if config.turn_detection.HasField("mode"):
        manner.turn_detection.mode = config.turn_detection.mode
    return manner


def _asked_by(request: pb.VoiceSessionRequest) -> str | None:
    return request.control.WhichOneof("command") or request.WhichOneof("payload")


def _written(config: pb.SessionConfig) -> bytes:
    return config.SerializeToString(deterministic=True)
