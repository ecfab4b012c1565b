"""The uploads of one session: recordings that arrive in chunks, each by a request of its own."""

from dataclasses import dataclass

import cedar_voice.v1 as pb
from cedar_voice_bridge.http.refusals import HttpRefusal
from cedar_voice_bridge.sessions.shared_config import profile_of
from cedar_voice_bridge.sessions.shared_session import SharedSession
from cedar_voice_bridge.translation.configuration import chunk_by_chunk_config
from cedar_voice_bridge.translation.requests import control_request, pieces_of
from cedar_voice_client import VoiceClientError
from cedar_voice_shared.containers import recognize

UPLOAD_PROFILE = profile_of(chunk_by_chunk_config(""))
"""Profile of a client that uploads: it marks the end of the turn itself."""
UPLOAD_PROFILE.turn_detection.mode = pb.TURN_DETECTION_MODE_MANUAL


@dataclass(frozen=True, slots=True)
class UploadedChunk:
    """One upload: a piece of a recording, the end of one, or both."""

    session_id: str
    audio: bytes
    is_complete: bool
    config: pb.SessionConfig


class SessionUploads:
    """State of the uploads of one session.

    It has no reference to the session, whose end discards it.

    Args:
        is_inherited: whether another bridge held the session before.
    """

    def __init__(self, *, is_inherited: bool) -> None:
        self._is_recording: bool | None = None if is_inherited else False
        """Whether a recording has begun and not ended.

        None if its beginning may have been uploaded to another bridge.
        """
        self._before_recording = 0
        """Number of the last event before the recording began."""

    def transcription(self, session: SharedSession) -> pb.Transcription:
        """Return the newest transcription since the recording began; an empty one before it."""
        for entry in reversed(session.events.entries):
            if entry.number <= self._before_recording:
                break
            if entry.item.HasField("transcription"):
                return entry.item.transcription
        return pb.Transcription()

    async def send(self, chunk: UploadedChunk, session: SharedSession) -> None:
        """Send a chunk to the session, and wait until the service has accepted it.

        Raises:
            HttpRefusal: 422, the chunk belongs to no recording.
            VoiceClientError: it cannot be sent, or the service refuses it.
        """
        if chunk.is_complete:
            await session.upstream.wait_quiet()
        requests = self._requests_of(chunk, session)
        try:
            await session.upload(requests)
        except VoiceClientError:
            self._is_recording = False
            raise

    def _requests_of(
        self, chunk: UploadedChunk, session: SharedSession
    ) -> list[pb.VoiceSessionRequest]:
        """Return the requests of a chunk.

        A recording begins with the header of its file. So a chunk that a slow connection delivers
        after the end of its own recording begins no new one, which would interrupt the answer.
        """
        has_header = recognize(chunk.audio).may_begin
        beginning = self._beginning(has_header, session) if chunk.audio else []
        config = session.shared_config
        requests = config.change_to(chunk.config)
        if chunk.audio:
            requests += config.adopt_profile(UPLOAD_PROFILE)
        requests += [*beginning, *pieces_of(chunk.audio)]
        self._is_recording = not chunk.is_complete
        if chunk.is_complete:
            requests.append(control_request(stop_listening=pb.StopListening()))
        return requests

    def _beginning(self, has_header: bool, session: SharedSession) -> list[pb.VoiceSessionRequest]:
        """Return the request that begins a recording; empty for a later chunk of one."""
        if not has_header and self._is_recording is False:
            raise HttpRefusal(
                422,
                "audio_decode_failed",
                "audioChunk: the beginning of the recording is missing",
                field="audioChunk",
            )
        if not has_header or self._is_recording:
            return []
        self._before_recording = session.events.last_number
        return [control_request(start_listening=pb.StartListening())]
