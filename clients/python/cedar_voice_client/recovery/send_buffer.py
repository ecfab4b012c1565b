"""Buffer of the messages that a client may have to send again. Pure."""

from collections import deque
from dataclasses import dataclass, field

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import Unavailable
from cedar_voice_shared.containers import RecordingHeader, recognize

MAX_MESSAGES = 1_000
"""Longest buffer, audio not counted."""

NUMBERED = frozenset({"config", "audio", "control", "text"})
"""Payloads that the session must receive exactly once. A ping, a playback report or an
acknowledgement is out of date after a reconnect, and is not sent again."""


@dataclass(slots=True)
class _RecordingHead:
    """Beginning of a recording: its `StartListening` command and the header of its container."""

    start: pb.VoiceSessionRequest | None = None
    first_audio_sequence: int = 0
    header: RecordingHeader = field(default_factory=RecordingHeader)


@dataclass(frozen=True, slots=True)
class _BufferedMessage:
    request: pb.VoiceSessionRequest
    at_s: float
    recording: _RecordingHead
    audio_bytes: int


class SendBuffer:
    """The messages that the server has not received, or has received and may lose, oldest first.

    Args:
        max_audio_bytes: most bytes of audio buffered; the oldest is dropped.
        max_audio_s: greatest age of buffered audio.
    """

    def __init__(self, max_audio_bytes: int, max_audio_s: float) -> None:
        self.sent_sequence = 0
        """Sequence number of the newest message."""
        self.accepted = 0
        """Sequence number up to which the present session has received the messages."""
        self.durable = 0
        """Sequence number up to which not even a restored session needs the messages."""
        self._max_audio_bytes = max_audio_bytes
        self._max_audio_s = max_audio_s
        self._buffered: deque[_BufferedMessage] = deque()
        self._audio_bytes = self._audio_count = 0
        self._recording = _RecordingHead()
        self._dropped: deque[tuple[int, int]] = deque(maxlen=MAX_MESSAGES)

    def add(self, request: pb.VoiceSessionRequest, now_s: float) -> None:
        """Number a message and buffer it; keep a number that is above all before it.

        Raises:
            Unavailable: `MAX_MESSAGES` are buffered.
        """
        if len(self._buffered) - self._audio_count >= MAX_MESSAGES:
            raise Unavailable(
                "too many messages wait to be sent", code=ErrorCode.UNAVAILABLE, retryable=True
            )
        self.sent_sequence = max(self.sent_sequence + 1, request.sequence)
        request.sequence = self.sent_sequence
        self._track_recording(request)
        size = len(request.audio.data)
        self._buffered.append(_BufferedMessage(request, now_s, self._recording, size))
        self._audio_bytes += size
        self._audio_count += size > 0
        if request.control.HasField("stop_listening"):
            self._recording = _RecordingHead()
        self._drop_surplus(now_s)

    def acknowledge(self, ack: int, durable: int) -> None:
        """Record that the server has received the messages up to `ack`, and remove those up to
        `durable`, which it no longer needs.
        """
        self.accepted = max(self.accepted, ack)
        self.durable = max(self.durable, durable)
        while self._buffered and self._buffered[0].request.sequence <= self.durable:
            self._remove(0)
        while self._dropped and self._dropped[0][0] <= self.durable:
            self._dropped.popleft()

    def skip_to(self, sequence: int) -> None:
        """Number the next message above this number."""
        self.sent_sequence = max(self.sent_sequence, sequence)

    def reset_accepted(self) -> None:
        """Record that a restored session has received nothing yet."""
        self.accepted = 0

    def after(self, sequence: int) -> list[pb.VoiceSessionRequest]:
        """Return the buffered messages above a sequence number, oldest first."""
        newer: list[pb.VoiceSessionRequest] = []
        # From the newest: minutes of audio may be buffered, and few messages are above the number.
        for message in reversed(self._buffered):
            if message.request.sequence <= sequence:
                break
            newer.append(message.request)
        newer.reverse()
        return newer

    @property
    def resend_after(self) -> int:
        """Sequence number above which the messages are sent again on a new stream."""
        return max(self.accepted, self.durable)

    @property
    def has_user_turn(self) -> bool:
        """Whether a message that leads to a response is buffered; audio is not counted."""
        return any(_is_user_turn(message.request) for message in self._buffered)

    def pop_lost_bytes(self) -> int:
        """Return the bytes of audio that were dropped before the server received them, and reset
        the count.
        """
        lost = sum(size for sequence, size in self._dropped if sequence > self.accepted)
        self._dropped.clear()
        return lost

    def replay_preamble(self) -> list[pb.VoiceSessionRequest]:
        """Return the messages without which a restored session cannot decode the buffered audio:
        the beginning of its recording, where that is no longer buffered.

        They have no sequence number, as repetitions of messages that had one.
        """
        first = next((message for message in self._buffered if message.audio_bytes), None)
        recording = first.recording if first else self._recording
        since = self._buffered[0].request.sequence if self._buffered else self.sent_sequence + 1
        preamble: list[pb.VoiceSessionRequest] = []
        if recording.start is not None and recording.start.sequence < since:
            preamble.append(pb.VoiceSessionRequest(control=recording.start.control))
        if recording.header.setup and recording.first_audio_sequence < since:
            audio = pb.InputAudio(data=recording.header.setup)
            preamble.append(pb.VoiceSessionRequest(audio=audio))
        return preamble

    def _track_recording(self, request: pb.VoiceSessionRequest) -> None:
        """Record the beginning of the recording that a message belongs to."""
        data = request.audio.data
        if request.control.HasField("start_listening"):
            self._recording = _RecordingHead(request)
        elif self._recording.first_audio_sequence and recognize(data).begins_header:
            self._recording = _RecordingHead(self._recording.start)
        if data:
            if not self._recording.first_audio_sequence:
                self._recording.first_audio_sequence = request.sequence
            self._recording.header.add(data)

    def _drop_surplus(self, now_s: float) -> None:
        index = 0
        while index < len(self._buffered) and self._has_surplus_audio(now_s):
            message = self._buffered[index]
            if not message.audio_bytes:
                index += 1
                continue
            self._dropped.append((message.request.sequence, message.audio_bytes))
            self._remove(index)

    def _has_surplus_audio(self, now_s: float) -> bool:
        if self._audio_bytes > self._max_audio_bytes:
            return True
        oldest = next((message for message in self._buffered if message.audio_bytes), None)
        return oldest is not None and now_s - oldest.at_s > self._max_audio_s

    def _remove(self, index: int) -> None:
        message = self._buffered[index]
        del self._buffered[index]
        self._audio_bytes -= message.audio_bytes
        self._audio_count -= message.audio_bytes > 0


def _is_user_turn(request: pb.VoiceSessionRequest) -> bool:
    command = request.control.WhichOneof("command")
    return request.HasField("text") or command in ("say", "create_response")
