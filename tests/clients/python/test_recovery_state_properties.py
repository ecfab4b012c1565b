"""Invariants of the recovery state under any order of sending, receiving, repetition and loss.

A model service takes what the client writes, answers one typed text after the other, tells its
events once or twice, breaks its stream, and dies.
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
        # What the client has said and written, and what the service has of it.
        self.said: list[str] = []
        self.written = self.accepted = self.durable = 0
        # The conversation of the service.
        self.sequence = self.turn_id = self.response_id = 0
        self.asked: list[str] = []
        self.open_text: str | None = None
        self.answer = ""
        self.is_cut = False
        self.history: list[str] = []
        self.told: list[pb.VoiceSessionResponse] = []

    # -- the client ----------------------------------------------------------------------------

    @rule()
    def say(self) -> None:
        self.said.append(f"text {len(self.said) + 1}")
        text = pb.TextInput(text=self.said[-1])
        self.state.buffer_message(pb.VoiceSessionRequest(text=text), 0.0)

    @rule(count=st.integers(1, 3))
    def write(self, count: int) -> None:
        """The stream takes messages, in order; what was received already is ignored."""
        for request in self.state.send_buffer.after(self.written)[:count]:
            self.written = request.sequence
            if request.sequence > self.accepted:
                assert request.sequence == self.accepted + 1 or self.accepted == 0
                self.accepted = request.sequence
                self.asked.append(request.text.text)

    # -- the service ---------------------------------------------------------------------------

    @precondition(lambda self: self.open_text is None and self.asked)
    @rule()
    def begin_answer(self) -> None:
        self.turn_id, self.response_id = self.turn_id + 1, self.response_id + 1
        self.open_text, self.answer, self.is_cut = self.asked.pop(0), "", False
        self.durable = max(self.durable, self.said.index(self.open_text) + 1)
        self.respond(started=pb.ResponseStarted(user_text=self.open_text))

    @precondition(lambda self: self.open_text is not None and not self.is_cut)
    @rule(text=st.sampled_from(["Well. ", "So. "]))
    def go_on(self, text: str) -> None:
        self.answer += text
        self.respond(delta=pb.ResponseDelta(text=text))

    @precondition(lambda self: self.open_text is not None and not self.is_cut)
    @rule()
    def cut(self) -> None:
        """The answer is interrupted; its ends are still to come."""
        self.is_cut = True
        reason = pb.INTERRUPTION_REASON_CLIENT_REQUEST
        cut = pb.Interruption(response_id=self.response_id, reason=reason, kept_text=self.answer)
        self.tell(interruption=cut)

    @precondition(lambda self: self.open_text is not None)
    @rule()
    def end_answer(self) -> None:
        assert self.open_text is not None
        self.respond(completed=pb.ResponseCompleted(text=self.answer))
        self.tell(audio=pb.OutputAudio(response_id=self.response_id, is_last=True))
        self.history += self.open_turn
        self.open_text = None

    @precondition(lambda self: self.told)
    @rule(back=st.integers(0, 5))
    def tell_again(self, back: int) -> None:
        """A replay repeats what was heard."""
        before = self.state.restore_config()
        assert not self.state.receive(self.told[-1 - min(back, len(self.told) - 1)])
        assert self.state.restore_config() == before

    @rule()
    def break_off(self) -> None:
        """The stream breaks, and another resumes the session."""
        position = self.state.resume_config().resume
        assert (position.term, position.last_received_sequence) == (self.term, self.sequence)
        self.written = self.state.send_buffer.resend_after

    @rule()
    def die(self) -> None:
        """The service is gone; another one opens the session with what its client knows."""
        config = self.state.restore_config()
        known = [item.user.text or item.assistant.text for item in config.history]
        left = self.open_turn if self.is_cut else self.open_turn[:1]
        assert known == self.history + left
        assert config.resume.last_response_id == self.response_id
        self.told += self.state.replace_session()
        self.term, self.accepted = self.term + 1, 0
        self.state.record_ready(self.ready())
        self.written = self.state.send_buffer.resend_after
        self.asked.clear()
        if self.open_text is not None:
            preamble = self.state.replay_preamble()
            is_asked_for = any(each.control.HasField("create_response") for each in preamble)
            assert is_asked_for is not (self.is_cut or self.state.send_buffer.has_user_turn)
        self.history += left
        self.open_text = None

    @property
    def open_turn(self) -> list[str]:
        """What was said in the turn in progress: by the user, and in answer."""
        return [text for text in (self.open_text, self.answer) if text] if self.open_text else []

    def ready(self) -> pb.VoiceSessionResponse:
        ready = pb.SessionReady(session_id="mine", resume_token="secret")
        return pb.VoiceSessionResponse(term=self.term, ready=ready)

    def respond(self, **event: object) -> None:
        response = pb.ResponseEvent(response_id=self.response_id, **event)  # type: ignore[arg-type]
        self.tell(response=response)

    def tell(self, **payload: object) -> None:
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
        self.told.append(event)

    # -- what holds ----------------------------------------------------------------------------

    @invariant()
    def what_is_not_durable_is_kept_and_nothing_else(self) -> None:
        kept = [request.text.text for request in self.state.send_buffer.after(0)]
        assert kept == self.said[self.state.send_buffer.durable :]

    @invariant()
    def what_was_begun_ends_once(self) -> None:
        begun, written, sounded = Counter[int](), Counter[int](), Counter[int]()
        for event in self.told:
            begun[event.response.response_id] += event.response.HasField("started")
            written[event.response.response_id] += event.response.HasField("completed")
            sounded[event.audio.response_id] += event.audio.is_last
        for response_id in +begun:
            is_open = self.open_text is not None and response_id == self.response_id
            assert written[response_id] == sounded[response_id] == (not is_open)


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
