"""All that a client keeps of a session: enough to resume it, or to open it again. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import cedar_voice.v1 as pb
from cedar_voice_client.recovery.conversation_log import ConversationLog
from cedar_voice_client.recovery.send_buffer import SendBuffer

HEARTBEAT_AT_MS = -(1 << 62)
"""The time in a ping of our own: its answer is nobody else's."""

_Whole = Literal["input_audio", "output_audio", "tools", "context_json"]
_WHOLE: tuple[_Whole, ...] = ("input_audio", "output_audio", "tools", "context_json")
"""What a patch replaces as a whole."""

_EFFECTIVE = ("settings", "output_audio", "turn_detection")
"""What a server tells of its configuration."""


class RecoveryState:
    """A session as its client knows it.

    Args:
        max_audio_bytes: see `SendBuffer`.
        max_audio_s: see `SendBuffer`.
        done_with: number of the event up to which nothing is needed again; what was received,
            unless given.
    """

    def __init__(
        self,
        max_audio_bytes: int,
        max_audio_s: float,
        done_with: Callable[[], int] | None = None,
    ) -> None:
        self.log = ConversationLog()
        self.done_with = done_with or (lambda: self.log.sequence)
        self.send_buffer = SendBuffer(max_audio_bytes, max_audio_s)
        self.pings: list[pb.VoiceSessionRequest] = []
        """Pings of the application that were not answered yet, oldest first."""
        self.answers_again = False
        """Whether the user waits for an answer that was asked for again."""
        self.has_done_sending = False
        """Whether the application says no more."""
        self._needs_preamble = False
        """Whether the session stands in for another one, and shows no sign of the preamble."""
        self._config = pb.SessionConfig()
        self._patches: OrderedDict[int, pb.SessionConfig] = OrderedDict()
        self._resume_token = ""
        self._allows_gap = False

    def begin(self, config: pb.SessionConfig) -> None:
        """The session is about to be opened, or resumed, with this configuration."""
        self._config.CopyFrom(config)
        self._config.ClearField("resume")
        self.log.sequence = config.resume.last_received_sequence
        self._resume_token = config.resume.resume_token

    def recall(self, known: pb.GetSessionResponse, ready: pb.SessionReady) -> None:
        """Learn from the server what was said and set before this client came: its newest turns
        have been replayed, so that the account tells of them.
        """
        spoken = [index for index, item in enumerate(known.items) if item.HasField("user")]
        told = min(self.log.user_turns, len(spoken))
        before = spoken[-told] if told else len(known.items)
        del self._config.history[:]
        self._config.history.extend(known.items[:before])
        for name in _EFFECTIVE:
            getattr(self._config, name).CopyFrom(getattr(ready, name))

    def buffer_message(self, request: pb.VoiceSessionRequest, now_s: float) -> None:
        """Number a message and keep it.

        Raises:
            Unavailable: too many wait.
        """
        self.send_buffer.add(request, now_s)
        if request.HasField("config"):
            self._patches[request.sequence] = request.config

    def receive(self, response: pb.VoiceSessionResponse) -> bool:
        """Note what the server says; False when it was said before."""
        log = self.log
        if response.term < log.term:
            return False
        # A service that knows no terms is done with what it has received.
        durable = response.durable if response.term else response.ack
        self.send_buffer.acknowledge(response.ack, durable)
        if response.HasField("error"):
            self._patches.pop(response.error.client_sequence, None)
        self._apply_durable_patches()
        if response.sequence and response.sequence <= log.sequence:
            return False
        if response.HasField("pong") and response.pong.ping_sent_at_ms != HEARTBEAT_AT_MS:
            del self.pings[:1]
        if response.response.HasField("started"):
            self.answers_again = False
        self._allows_gap = self._allows_gap and not response.sequence
        if response.sequence or response.ack:
            self._needs_preamble = False
        log.record(response)
        return True

    def is_after_gap(self, response: pb.VoiceSessionResponse) -> bool:
        """Whether something was said between this and what was taken before."""
        return not self._allows_gap and response.sequence > self.log.sequence + 1

    def record_ready(self, opening: pb.VoiceSessionResponse) -> None:
        """A stream was opened."""
        ready = opening.ready
        self._needs_preamble = self._needs_preamble and not opening.ack
        self._resume_token = ready.resume_token
        self._config.session_id = ready.session_id
        self.log.term = opening.term
        self._allows_gap = ready.replay_truncated

    def replace_session(self) -> list[pb.VoiceSessionResponse]:
        """Another session stands in for the one before; how what was in progress ended."""
        said = self.log.end_response_in_progress()
        self.send_buffer.reset_accepted()
        self.answers_again = bool(self._unanswered_turn_id)
        self._needs_preamble = True
        return said

    def replay_preamble(self) -> list[pb.VoiceSessionRequest]:
        """What a session that stands in for the one before has to hear first."""
        if not self._needs_preamble:
            return []
        said = self.send_buffer.replay_preamble()
        if self.answers_again:  # last: a recording that begins would interrupt it
            answer = pb.Control(create_response=pb.CreateResponse())
            said.append(pb.VoiceSessionRequest(control=answer))
        if durable := self.send_buffer.durable:  # known also to who may come in our place
            said.append(pb.VoiceSessionRequest(sequence=durable))
        return said

    def resume_config(self) -> pb.SessionConfig:
        """The first message that resumes the session."""
        return pb.SessionConfig(resume=self._position())

    def restore_config(self) -> pb.SessionConfig:
        """The first message that resumes the session, or opens another in its place."""
        config = self._effective_config()
        del config.history[:]
        config.history.extend([*self._config.history, *self.log.items])
        config.resume.CopyFrom(self._position())
        config.resume.restore = True
        if turn_id := self._unanswered_turn_id:
            config.resume.last_turn_id = turn_id - 1  # its answer is given in the same turn
        return config

    def _position(self) -> pb.ResumeRequest:
        log = self.log
        return pb.ResumeRequest(
            resume_token=self._resume_token,
            last_received_sequence=log.sequence,
            term=log.term,
            last_turn_id=log.turn_id,
            last_response_id=log.response_id,
        )

    @property
    def _unanswered_turn_id(self) -> int:
        """The turn whose answer has to be asked for again; 0 for none."""
        detection = self._effective_config().turn_detection
        if detection.HasField("create_response") and not detection.create_response:
            return 0
        return 0 if self.send_buffer.has_user_turn else self.log.unanswered_turn_id

    def _effective_config(self) -> pb.SessionConfig:
        config = pb.SessionConfig()
        config.CopyFrom(self._config)
        for patch in self._patches.values():
            _apply(patch, config)
        return config

    def _apply_durable_patches(self) -> None:
        """Put patches that were not refused into the configuration."""
        while self._patches and next(iter(self._patches)) <= self.send_buffer.durable:
            _apply(self._patches.popitem(last=False)[1], self._config)


def _apply(patch: pb.SessionConfig, config: pb.SessionConfig) -> None:
    for name in _WHOLE:
        if patch.HasField(name):
            config.ClearField(name)
    config.MergeFrom(patch)
