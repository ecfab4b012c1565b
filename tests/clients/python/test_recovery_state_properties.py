"""Invariants of the recovery state under any order of sending, receiving, repetition and loss.

A model service accepts the client's messages, answers one typed text after the other, sends its
events once or twice, breaks its stream, and is killed.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import cedar_voice.v1 as pb
from cedar_voice_client.recovery.recovery_state import RecoveryState


class Session(RuleBasedStateMachine):
    """One session, over any number of streams and services."""

    def __init__(self) -> None:
        super().__init__()
        self.state = RecoveryState(1 << 20, 60)
        self.state.begin(pb.SessionConfig(session_id="mine"))
        self.term = 1
        self.state.record_ready(self.ready())
        # Messages that the client has buffered and sent, and the service's positions in them.
        self.texts: list[str] = []
        self.sent_sequence = self.accepted = self.durable = 0
        # The conversation of the service.
        self.sequence = self.turn_id = self.response_id = 0
        self.pending: list[str] = []
        self.open_text: str | None = None
        self.answer = ""
        self.is_interrupted = False
        self.history: list[str] = []
        self.received: list[pb.VoiceSessionResponse] = []

    # -- the client ----------------------------------------------------------------------------

    @rule()
    def type_text(self) -> None:
        self.texts.append(f"text {len(self.texts) + 1}")
        text = pb.TextInput(text=self.texts[-1])
        self.state.buffer_message(pb.VoiceSessionRequest(text=text), 0.0)

    @rule(count=st.integers(1, 3))
    def send_buffered(self, count: int) -> None:
        """The stream accepts messages in order; the service ignores those it has received."""
        for request in self.state.send_buffer.after(self.sent_sequence)[:count]:
            self.sent_sequence = request.sequence
            if request.sequence > self.accepted:
                assert request.sequence == self.accepted + 1 or self.accepted == 0
                self.accepted = request.sequence
                self.pending.append(request.text.text)

    # -- the service ---------------------------------------------------------------------------

    @precondition(lambda self: self.open_text is None and self.pending)
    @rule()
    def start_response(self) -> None:
        self.turn_id, self.response_id = self.turn_id + 1, self.response_id + 1
        self.open_text, self.answer, self.is_interrupted = self.pending.pop(0), "", False
        self.durable = max(self.durable, self.texts.index(self.open_text) + 1)
        self.respond(started=pb.ResponseStarted(user_text=self.open_text))

    @precondition(lambda self: self.open_text is not None and not self.is_interrupted)
    @rule(text=st.sampled_from(["Well. ", "So. "]))
    def send_delta(self, text: str) -> None:
        self.answer += text
        self.respond(delta=pb.ResponseDelta(text=text))

    @precondition(lambda self: self.open_text is not None and not self.is_interrupted)
    @rule()
    def interrupt(self) -> None:
        """The response is interrupted; the ends of its text and audio follow."""
        self.is_interrupted = True
        reason = pb.INTERRUPTION_REASON_CLIENT_REQUEST
        cut = pb.Interruption(response_id=self.response_id, reason=reason, kept_text=self.answer)
        self.send(interruption=cut)

    @precondition(lambda self: self.open_text is not None)
    @rule()
    def end_response(self) -> None:
        assert self.open_text is not None
        self.respond(completed=pb.ResponseCompleted(text=self.answer))
        self.send(audio=pb.OutputAudio(response_id=self.response_id, is_last=True))
        self.history += self.open_turn
        self.open_text = None

    @precondition(lambda self: self.received)
    @rule(back=st.integers(0, 5))
    def replay(self, back: int) -> None:
        """A replay repeats an event, which is ignored."""
        before = self.state.restore_config()
        assert not self.state.receive(self.received[-1 - min(back, len(self.received) - 1)])
        assert self.state.restore_config() == before

    @rule()
    def resume(self) -> None:
        """The stream breaks, and another resumes the session."""
        position = self.state.resume_config().resume
        assert (position.term, position.last_received_sequence) == (self.term, self.sequence)
        self.sent_sequence = self.state.send_buffer.resend_after

    @rule()
    def lose_service(self) -> None:
        """The service is killed; another one restores the session from the client's copy."""
        config = self.state.restore_config()
        known = [item.user.text or item.assistant.text for item in config.history]
        left = self.open_turn if self.is_interrupted else self.open_turn[:1]
        assert known == self.history + left
        assert config.resume.last_response_id == self.response_id
        self.received += self.state.replace_session()
        self.term, self.accepted = self.term + 1, 0
        self.state.record_ready(self.ready())
        self.sent_sequence = self.state.send_buffer.resend_after
        self.pending.clear()
        if self.open_text is not None:
            preamble = self.state.replay_preamble()
            is_requested = any(each.control.HasField("create_response") for each in preamble)
            assert is_requested is not (self.is_interrupted or self.state.send_buffer.has_user_turn)
        self.history += left
        self.open_text = None

    @property
    def open_turn(self) -> list[str]:
        """Texts of the turn in progress: of the user, and of the response."""
        return [text for text in (self.open_text, self.answer) if text] if self.open_text else []

    def ready(self) -> pb.VoiceSessionResponse:
        ready = pb.SessionReady(session_id="mine", resume_token="secret")
        return pb.VoiceSessionResponse(term=self.term, ready=ready)

    def respond(self, **event: object) -> None:
        response = pb.ResponseEvent(response_id=self.response_id, **event)  # type: ignore[arg-type]
        self.send(response=response)

    def send(self, **payload: object) -> None:
        self.sequence += 1
        event = pb.VoiceSessionResponse(
            term=self.term,
            sequence=self.sequence,
            turn_id=self.turn_id,
            ack=self.accepted,
            durable=self.durable,
            **payload,  # type: ignore[arg-type]
        )
        assert not self.state.is_after_gap(event)
        assert self.state.receive(event)
        self.received.append(event)

    # -- invariants ----------------------------------------------------------------------------

    @invariant()
    def exactly_the_messages_that_are_not_durable_are_buffered(self) -> None:
        kept = [request.text.text for request in self.state.send_buffer.after(0)]
        assert kept == self.texts[self.state.send_buffer.durable :]

    @invariant()
    def every_response_ends_once(self) -> None:
        started, completed, sounded = Counter[int](), Counter[int](), Counter[int]()
        for event in self.received:
            started[event.response.response_id] += event.response.HasField("started")
            completed[event.response.response_id] += event.response.HasField("completed")
            sounded[event.audio.response_id] += event.audio.is_last
        for response_id in +started:
            is_open = self.open_text is not None and response_id == self.response_id
            assert completed[response_id] == sounded[response_id] == (not is_open)


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
