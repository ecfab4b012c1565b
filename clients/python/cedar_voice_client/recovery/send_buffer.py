"""What a client has said and may have to say again: numbered, bounded, in order. Pure."""

from collections import deque
from dataclasses import dataclass, field

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import Unavailable
from cedar_voice_client.recordings import MAX_HEADER_BYTES, begins_recording, header_of

MAX_MESSAGES = 1_000
"""Messages beside audio that may wait for the server."""

NUMBERED = frozenset({"config", "audio", "control", "text"})
"""What is said once: a ping, a playback report or an acknowledgement is of the moment."""


@dataclass(slots=True)
class _RecordingHead:
    """A listening period: how it began, and the header of its container."""

    start: pb.VoiceSessionRequest | None = None
    first_audio_sequence: int = 0
    header: bytes | None = None
    _head: bytearray = field(default_factory=bytearray)

    def add(self, data: bytes) -> None:
        if self.header is not None:
            return
        self._head += data
        self.header = header_of(bytes(self._head))
        if self.header is None and len(self._head) > MAX_HEADER_BYTES:
            self.header = b""
        if self.header is not None:
            self._head.clear()


@dataclass(frozen=True, slots=True)
class _BufferedMessage:
    request: pb.VoiceSessionRequest
    at_s: float
    recording: _RecordingHead
    audio_bytes: int


class SendBuffer:
    """The messages that the server has not received, or not done with.

    Args:
        max_audio_bytes: audio kept; the oldest is dropped.
        max_audio_s: the same, by when it was said.
    """

    def __init__(self, max_audio_bytes: int, max_audio_s: float) -> None:
        self.sent_sequence = 0
        """The newest number given to a message."""
        self.accepted = 0
        """The newest number that the server has received in the present session."""
        self.durable = 0
        """The newest number that is not needed again."""
        self._max_audio_bytes = max_audio_bytes
        self._max_audio_s = max_audio_s
        self._kept: deque[_BufferedMessage] = deque()
        self._audio_bytes = self._audio_count = 0
        self._recording = _RecordingHead()
        self._dropped: deque[tuple[int, int]] = deque(maxlen=MAX_MESSAGES)

    def add(self, request: pb.VoiceSessionRequest, now_s: float) -> None:
        """Number a message, unless it has a number above all before it, and keep it.

        Raises:
            Unavailable: too many wait.
        """
        if len(self._kept) - self._audio_count >= MAX_MESSAGES:
            raise Unavailable(
                "too much waits to be sent", code=ErrorCode.UNAVAILABLE, retryable=True
            )
        self.sent_sequence = max(self.sent_sequence + 1, request.sequence)
        request.sequence = self.sent_sequence
        self._track_recording(request)
        size = len(request.audio.data)
        self._kept.append(_BufferedMessage(request, now_s, self._recording, size))
        self._audio_bytes += size
        self._audio_count += size > 0
        if request.control.HasField("stop_listening"):
            self._recording = _RecordingHead()
        self._drop_surplus(now_s)

    def acknowledge(self, ack: int, durable: int) -> None:
        """The server has received a message, and is done with another and all before it."""
        self.accepted = max(self.accepted, ack)
        self.durable = max(self.durable, durable)
        while self._kept and self._kept[0].request.sequence <= self.durable:
            self._remove(0)
        while self._dropped and self._dropped[0][0] <= self.durable:
            self._dropped.popleft()

    def skip_to(self, sequence: int) -> None:
        """Number the next message above this number, and above all before it."""
        self.sent_sequence = max(self.sent_sequence, sequence)

    def reset_accepted(self) -> None:
        """Another session stands in for the one before: it has received nothing."""
        self.accepted = 0

    def after(self, sequence: int) -> list[pb.VoiceSessionRequest]:
        """The kept messages above a number, oldest first."""
        newer: list[pb.VoiceSessionRequest] = []
        for kept in reversed(self._kept):  # of minutes of audio, only the newest is asked for
            if kept.request.sequence <= sequence:
                break
            newer.append(kept.request)
        newer.reverse()
        return newer

    @property
    def resend_after(self) -> int:
        """What a session needs is above this number."""
        return max(self.accepted, self.durable)

    @property
    def has_user_turn(self) -> bool:
        """Whether a turn of the user is among what is kept, beside audio."""
        return any(_is_user_turn(kept.request) for kept in self._kept)

    def pop_lost_bytes(self) -> int:
        """How much audio was dropped that the server has not received; told once."""
        lost = sum(size for sequence, size in self._dropped if sequence > self.accepted)
        self._dropped.clear()
        return lost

    def replay_preamble(self) -> list[pb.VoiceSessionRequest]:
        """What makes the kept audio, and what follows it, understood by a session without its past.

        Not numbered: it was said before.
        """
        first = next((kept for kept in self._kept if kept.audio_bytes), None)
        recording = first.recording if first else self._recording
        since = self._kept[0].request.sequence if self._kept else self.sent_sequence + 1
        said: list[pb.VoiceSessionRequest] = []
        if recording.start is not None and recording.start.sequence < since:
            said.append(pb.VoiceSessionRequest(control=recording.start.control))
        if recording.header and recording.first_audio_sequence < since:
            audio = pb.InputAudio(data=recording.header)
            said.append(pb.VoiceSessionRequest(audio=audio))
        return said

    def _track_recording(self, request: pb.VoiceSessionRequest) -> None:
        """Keep track of which recording audio belongs to."""
        data = request.audio.data
        if request.control.HasField("start_listening"):
            self._recording = _RecordingHead(request)
        elif data and begins_recording(data) and self._recording.first_audio_sequence:
            is_page = self._recording.header and data.startswith(b"OggS")  # every page begins so
            if not is_page:
                self._recording = _RecordingHead(self._recording.start)
        if data:
            if not self._recording.first_audio_sequence:
                self._recording.first_audio_sequence = request.sequence
            self._recording.add(data)

    def _drop_surplus(self, now_s: float) -> None:
        index = 0
        while index < len(self._kept) and self._has_surplus_audio(now_s):
            kept = self._kept[index]
            if not kept.audio_bytes:
                index += 1
                continue
            self._dropped.append((kept.request.sequence, kept.audio_bytes))
            self._remove(index)

    def _has_surplus_audio(self, now_s: float) -> bool:
        if self._audio_bytes > self._max_audio_bytes:
            return True
        oldest = next((kept for kept in self._kept if kept.audio_bytes), None)
        return oldest is not None and now_s - oldest.at_s > self._max_audio_s

    def _remove(self, index: int) -> None:
        kept = self._kept[index]
        del self._kept[index]
        self._audio_bytes -= kept.audio_bytes
        self._audio_count -= kept.audio_bytes > 0


def _is_user_turn(request: pb.VoiceSessionRequest) -> bool:
    command = request.control.WhichOneof("command")
    return request.HasField("text") or command in ("say", "create_response")
