"""The configuration of a shared session, sent to the service only when it changes. Pure."""

from collections.abc import Iterable

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.configuration import chunk_by_chunk_config

_SPOKEN_INPUT = frozenset({"audio", "text", "start_listening", "say", "create_response"})


class SharedConfig:
    """The configuration in force, where several writers of a session may disagree.

    The profile of a client is the detection mode of turns and the format of answers. The profile of
    the writer whose input is next applies: a page that marks the end of its turns leaves the turns
    of a socket to detection. All other values belong to the session, and the last change counts.
    """

    def __init__(self, opening: pb.SessionConfig) -> None:
        self._last_change = b""
        self._profile = _serialized(profile_of(opening))

    def change_to(self, config: pb.SessionConfig) -> list[pb.VoiceSessionRequest]:
        """Return the request that puts a configuration in force; empty if it was the last change.

        Uploads repeat the same configuration with every chunk.
        """
        change = _serialized(config)
        if change in (b"", self._last_change):
            return []
        self._last_change = change
        return [pb.VoiceSessionRequest(config=config)]

    def adopt_profile(self, profile: pb.SessionConfig) -> list[pb.VoiceSessionRequest]:
        """Return the request that puts a profile in force; empty if it is in force."""
        serialized = _serialized(profile)
        if serialized == self._profile:
            return []
        self._profile = serialized
        return [pb.VoiceSessionRequest(config=profile)]

    def record(self, config: pb.SessionConfig) -> None:
        """Record a configuration that a writer sends, with its profile as a whole or without."""
        self._last_change = b""
        profile = profile_of(config)
        if profile.ByteSize():
            self._profile = _serialized(profile)

    def invalidate(self) -> None:
        """Forget the configuration in force: the last request may not have arrived."""
        self._last_change = self._profile = b""


class ConfigWriter:
    """One writer of a session over time, with a profile of its own."""

    def __init__(self, config: SharedConfig) -> None:
        self._config = config
        self._profile = profile_of(chunk_by_chunk_config(""))

    def with_profile(
        self, requests: Iterable[pb.VoiceSessionRequest]
    ) -> list[pb.VoiceSessionRequest]:
        """Return the requests; the writer's profile precedes input if another one is in force.

        A configuration among the requests changes the writer's profile.
        """
        prepared: list[pb.VoiceSessionRequest] = []
        for request in requests:
            if request.HasField("config"):
                self._configure(request.config)
            elif _kind_of(request) in _SPOKEN_INPUT:
                prepared += self._config.adopt_profile(self._profile)
            prepared.append(request)
        return prepared

    def _configure(self, config: pb.SessionConfig) -> None:
        change = profile_of(config)
        if change.ByteSize():
            if change.HasField("output_audio"):
                self._profile.ClearField("output_audio")
            self._profile.MergeFrom(change)
            config.MergeFrom(self._profile)
        self._config.record(config)


def profile_of(config: pb.SessionConfig) -> pb.SessionConfig:
    """Return the part of a configuration that is the profile of a client."""
    profile = pb.SessionConfig()
    if config.HasField("output_audio"):
        profile.output_audio.CopyFrom(config.output_audio)
    if config.turn_detection.HasField("mode"):
        profile.turn_detection.mode = config.turn_detection.mode
    return profile


def _kind_of(request: pb.VoiceSessionRequest) -> str | None:
    return request.control.WhichOneof("command") or request.WhichOneof("payload")


def _serialized(config: pb.SessionConfig) -> bytes:
    return config.SerializeToString(deterministic=True)
