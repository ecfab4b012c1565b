"""All that a client keeps of a session: enough to resume it, or to open it again. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import cedar_voice.v1 as pb
from cedar_voice_client.recovery.conversation_log import Account
from cedar_voice_client.recovery.send_buffer import Unsettled

HEARTBEAT_AT_MS = -(1 << 62)
"""The time in a ping of our own: its answer is nobody else's."""

_Whole = Literal["input_audio", "output_audio", "tools", "context_json"]
_WHOLE: tuple[_Whole, ...] = ("input_audio", "output_audio", "tools", "context_json")
"""What a patch replaces as a whole."""

_EFFECTIVE = ("settings", "output_audio", "turn_detection")
"""What a server tells of its configuration."""


class Memory:
    """A session as its client knows it.

    Args:
        max_audio_bytes: see `Unsettled`.
        max_audio_s: see `Unsettled`.
        done_with: number of the event up to which nothing is needed again; what was received,
            unless given.
    """

    def __init__(
        self,
        max_audio_bytes: int,
        max_audio_s: float,
        done_with: Callable[[], int] | None = None,
    ) -> None:
        self.account = Account()
        self.done_with = done_with or (lambda: self.account.sequence)
        self.unsettled = Unsettled(max_audio_bytes, max_audio_s)
        self.pings: list[pb.VoiceSessionRequest] = []
        """Pings of the application that were not answered yet, oldest first."""
        self.owes_answer = False
        """Whether the user waits for an answer that was asked for again."""
        self.has_finished = False
        """Whether the application says no more."""
        self._knows_nothing = False
        """Whether the session stands in for another one, and shows no sign of the prelude."""
        self._config = pb.SessionConfig()
        self._patches: OrderedDict[int, pb.SessionConfig] = OrderedDict()
        self._resume_token = ""
        self._may_jump = False

    def begin(self, config: pb.SessionConfig) -> None:
        """The session is about to be opened, or resumed, with this configuration."""
        self._config.CopyFrom(config)
        self._config.ClearField("resume")
        self.account.sequence = config.resume.last_received_sequence
        self._resume_token = config.resume.resume_token

    def recall(self, known: pb.GetSessionResponse, ready: pb.SessionReady) -> None:
        """Learn from the server what was said and set before this client came: its newest turns
        have been replayed, so that the account tells of them.
        """
        spoken = [index for index, item in enumerate(known.items) if item.HasField("user")]
        told = min(self.account.user_turns, len(spoken))
        before = spoken[-told] if told else len(known.items)
        del self._config.history[:]
        self._config.history.extend(known.items[:before])
        for name in _EFFECTIVE:
            getattr(self._config, name).CopyFrom(getattr(ready, name))

    def say(self, request: pb.VoiceSessionRequest, now_s: float) -> None:
        """Number a message and keep it.

        Raises:
            Unavailable: too many wait.
        """
        self.unsettled.add(request, now_s)
        if request.HasField("config"):
            self._patches[request.sequence] = request.config

    def take(self, response: pb.VoiceSessionResponse) -> bool:
        """Note what the server says; False when it was said before."""
        account = self.account
        if response.term < account.term:
            return False
        # A service that knows no terms is done with what it has received.
        durable = response.durable if response.term else response.ack
        self.unsettled.note(response.ack, durable)
        if response.HasField("error"):
            self._patches.pop(response.error.client_sequence, None)
        self._settle_patches()
        if response.sequence and response.sequence <= account.sequence:
            return False
        if response.HasField("pong") and response.pong.ping_sent_at_ms != HEARTBEAT_AT_MS:
            del self.pings[:1]
        if response.response.HasField("started"):
            self.owes_answer = False
        self._may_jump = self._may_jump and not response.sequence
        if response.sequence or response.ack:
            self._knows_nothing = False
        account.note(response)
        return True

    def is_beyond(self, response: pb.VoiceSessionResponse) -> bool:
        """Whether something was said between this and what was taken before."""
        return not self._may_jump and response.sequence > self.account.sequence + 1

    def opened(self, opening: pb.VoiceSessionResponse) -> None:
        """A stream was opened."""
        ready = opening.ready
        self._knows_nothing = self._knows_nothing and not opening.ack
        self._resume_token = ready.resume_token
        self._config.session_id = ready.session_id
        self.account.term = opening.term
        self._may_jump = ready.replay_truncated

    def lose_session(self) -> list[pb.VoiceSessionResponse]:
        """Another session stands in for the one before; how what was in progress ended."""
        said = self.account.give_up_answer()
        self.unsettled.begin_anew()
        self.owes_answer = bool(self._unanswered_turn_id)
        self._knows_nothing = True
        return said

    def prelude(self) -> list[pb.VoiceSessionRequest]:
        """What a session that stands in for the one before has to hear first."""
        if not self._knows_nothing:
            return []
        said = self.unsettled.prelude()
        if self.owes_answer:  # last: a recording that begins would interrupt it
            answer = pb.Control(create_response=pb.CreateResponse())
            said.append(pb.VoiceSessionRequest(control=answer))
        if durable := self.unsettled.durable:  # known also to who may come in our place
            said.append(pb.VoiceSessionRequest(sequence=durable))
        return said

    def resuming(self) -> pb.SessionConfig:
        """The first message that resumes the session."""
        return pb.SessionConfig(resume=self._position())

    def restoring(self) -> pb.SessionConfig:
        """The first message that resumes the session, or opens another in its place."""
        config = self._effective()
        del config.history[:]
        config.history.extend([*self._config.history, *self.account.items])
        config.resume.CopyFrom(self._position())
        config.resume.restore = True
        if turn_id := self._unanswered_turn_id:
            config.resume.last_turn_id = turn_id - 1  # its answer is given in the same turn
        return config

    def _position(self) -> pb.ResumeRequest:
        account = self.account
        return pb.ResumeRequest(
            resume_token=self._resume_token,
            last_received_sequence=account.sequence,
            term=account.term,
            last_turn_id=account.turn_id,
            last_response_id=account.response_id,
        )

    @property
    def _unanswered_turn_id(self) -> int:
        """The turn whose answer has to be asked for again; 0 for none."""
        detection = self._effective().turn_detection
        if detection.HasField("create_response") and not detection.create_response:
            return 0
        return 0 if self.unsettled.has_input else self.account.unanswered_turn_id

    def _effective(self) -> pb.SessionConfig:
        config = pb.SessionConfig()
        config.CopyFrom(self._config)
        for patch in self._patches.values():
            _apply(patch, config)
        return config

    def _settle_patches(self) -> None:
        """Put patches that were not refused into the configuration."""
        while self._patches and next(iter(self._patches)) <= self.unsettled.durable:
            _apply(self._patches.popitem(last=False)[1], self._config)


def _apply(patch: pb.SessionConfig, config: pb.SessionConfig) -> None:
    for name in _WHOLE:
        if patch.HasField(name):
            config.ClearField(name)
    config.MergeFrom(patch)
