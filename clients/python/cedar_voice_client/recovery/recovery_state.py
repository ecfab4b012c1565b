"""A client's copy of the state of a session, from which it is resumed or restored. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import cedar_voice.v1 as pb
from cedar_voice_client.recovery.conversation_log import ConversationLog
from cedar_voice_client.recovery.send_buffer import SendBuffer

HEARTBEAT_AT_MS = -(1 << 62)
"""Time in the pings of the SDK itself; their answers are not delivered to the application."""

_Whole = Literal["input_audio", "output_audio", "tools", "context_json"]
_WHOLE: tuple[_Whole, ...] = ("input_audio", "output_audio", "tools", "context_json")
"""Fields of the configuration that a patch replaces as a whole."""

_EFFECTIVE = ("settings", "output_audio", "turn_detection")
"""Fields of the configuration that `SessionReady` contains."""


class RecoveryState:
    """State of a session: conversation, configuration, buffered messages and positions.

    Args:
        max_audio_bytes: see `SendBuffer`.
        max_audio_s: see `SendBuffer`.
        done_with: returns the sequence number up to which no event is needed again; by default
            that of the newest event received.
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
        """Unanswered pings of the application, oldest first."""
        self.answers_again = False
        """Whether the response in progress at the loss of a session is generated again."""
        self.has_done_sending = False
        """Whether the application has announced the end of its input."""
        self._needs_preamble = False
        """Whether the session was restored, and may not have received the preamble."""
        self._config = pb.SessionConfig()
        self._patches: OrderedDict[int, pb.SessionConfig] = OrderedDict()
        self._resume_token = ""
        self._allows_gap = False
        """Whether the next event may follow a gap, which the server has announced."""

    def begin(self, config: pb.SessionConfig) -> None:
        """Record the configuration that the session is opened or resumed with."""
        self._config.CopyFrom(config)
        self._config.ClearField("resume")
        self.log.sequence = config.resume.last_received_sequence
        self._resume_token = config.resume.resume_token

    def recall(self, known: pb.GetSessionResponse, ready: pb.SessionReady) -> None:
        """Record the conversation and the settings of a session that another client opened.

        The newest turns have been replayed and are logged already; only the older ones are added.
        """
        user_items = [index for index, item in enumerate(known.items) if item.HasField("user")]
        logged = min(self.log.user_turns, len(user_items))
        before = user_items[-logged] if logged else len(known.items)
        del self._config.history[:]
        self._config.history.extend(known.items[:before])
        for name in _EFFECTIVE:
            getattr(self._config, name).CopyFrom(getattr(ready, name))

    def buffer_message(self, request: pb.VoiceSessionRequest, now_s: float) -> None:
        """Number a message and buffer it.

        Raises:
            Unavailable: too many messages are buffered.
        """
        self.send_buffer.add(request, now_s)
        if request.HasField("config"):
            self._patches[request.sequence] = request.config

    def receive(self, response: pb.VoiceSessionResponse) -> bool:
        """Record a message of the server; return False if it was received before."""
        log = self.log
        if response.term < log.term:
            return False
        # A service without terms sends no `durable`: each message it has received counts as such.
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
        """Whether events are missing between this one and the newest received."""
        return not self._allows_gap and response.sequence > self.log.sequence + 1

    def record_ready(self, opening: pb.VoiceSessionResponse) -> None:
        """Record the `ready` of a new stream."""
        ready = opening.ready
        self._needs_preamble = self._needs_preamble and not opening.ack
        self._resume_token = ready.resume_token
        self._config.session_id = ready.session_id
        self.log.term = opening.term
        self._allows_gap = ready.replay_truncated

    def replace_session(self) -> list[pb.VoiceSessionResponse]:
        """Record a restored session; return the messages that end the response in progress."""
        ends = self.log.end_response_in_progress()
        self.send_buffer.reset_accepted()
        self.answers_again = bool(self._unanswered_turn_id)
        self._needs_preamble = True
        return ends

    def replay_preamble(self) -> list[pb.VoiceSessionRequest]:
        """Return the messages that a restored session must receive before the buffered ones."""
        if not self._needs_preamble:
            return []
        preamble = self.send_buffer.replay_preamble()
        if self.answers_again:  # after the start of a recording, which would interrupt it
            request = pb.Control(create_response=pb.CreateResponse())
            preamble.append(pb.VoiceSessionRequest(control=request))
        if self.send_buffer.durable:  # a later client of the session numbers on from here
            preamble.append(pb.VoiceSessionRequest(sequence=self.send_buffer.durable))
        return preamble

    def resume_config(self) -> pb.SessionConfig:
        """Return the first message that resumes the session."""
        return pb.SessionConfig(resume=self._position())

    def restore_config(self) -> pb.SessionConfig:
        """Return the first message that resumes the session, or restores it where it is lost."""
        config = self._effective_config()
        del config.history[:]
        config.history.extend([*self._config.history, *self.log.items])
        config.resume.CopyFrom(self._position())
        config.resume.restore = True
        if turn_id := self._unanswered_turn_id:
            config.resume.last_turn_id = turn_id - 1  # its response belongs to the same turn
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
        """Number of the turn whose response is to be requested again; 0 for none."""
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
        """Merge the durable patches, those that were not refused, into the configuration."""
        while self._patches and next(iter(self._patches)) <= self.send_buffer.durable:
            _apply(self._patches.popitem(last=False)[1], self._config)


def _apply(patch: pb.SessionConfig, config: pb.SessionConfig) -> None:
    for name in _WHOLE:
        if patch.HasField(name):
            config.ClearField(name)
    config.MergeFrom(patch)
