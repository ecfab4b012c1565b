"""A whole session without an event loop: messages in, outcomes out, over streams that break."""

from random import Random

import pytest

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import FinishReason, SpokenChunk
from cedar_voice_service.session.config import Limits, SessionConfig
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.resume.outbox import Numbered
from cedar_voice_service.session.resume.position import Past, Position, ResumePoint
from cedar_voice_service.session.session import Outcome, Phase, Session

SECONDS_MS = 1_000


def new_session(past: Past | None = None) -> Session:
    return Session(SessionConfig(), Limits(), stage_timeout_ms=15_000, past=past or Past())


def kinds(outcome: Outcome) -> list[type[do.Command]]:
    return [type(command) for command in outcome.commands]


def test_a_typed_turn_from_message_to_idle() -> None:
    session = new_session()
    outcome = session.receive(ClientMessage(on.TextEntered("hello"), sequence=1), 1_000)
    replying = next(c for c in outcome.commands if isinstance(c, do.StartReplying))
    assert outcome.phase is Phase.RESPONDING
    assert outcome.deadline_ms == 16_000
    work_id = replying.work_id
    session.report(on.ReplyWritten(work_id, "Hi."), 1_100)
    chunk = SpokenChunk(b"audio", 0, 5_000, "Hi.")
    speech = on.SpeechSynthesized(work_id, (chunk, chunk), AudioFormat(Encoding.MP3))
    assert session.report(speech, 1_200).backlog_ms == 5_000
    session.report(on.ReplyEnded(work_id, FinishReason.STOP), 1_300)
    outcome = session.report(on.SpeechEnded(work_id), 1_300)
    while outcome.deadline_ms is not None:
        outcome = session.report(on.TimePassed(), outcome.deadline_ms)
    assert outcome.phase is Phase.IDLE
    assert outcome.backlog_ms == 0
    assert len(session.history.items) == 2


def test_a_repeated_message_is_acknowledged_and_ignored() -> None:
    session = new_session()
    message = ClientMessage(on.TextEntered("hello"), sequence=1)
    assert kinds(session.receive(message, 0))
    assert not session.sequences.is_new(1)
    assert session.receive(message, 10).commands == ()
    assert session.sequences.accepted == 1


def test_audio_pings_and_the_end_are_commands_of_the_shell() -> None:
    session = new_session()
    audio = session.receive(ClientMessage(on.AudioReceived(b"x"), sequence=1), 0)
    assert audio.commands == (do.DecodeAudio(b"x", 1),)
    assert session.receive(ClientMessage(on.Pinged(7)), 0).commands == (do.SendPong(7),)
    end = session.receive(ClientMessage(on.SessionEnded()), 0)
    assert end.commands[-1] == do.EndSession()
    assert session.receive(ClientMessage(None, ack=3), 0).commands == ()


def test_audio_is_durable_once_no_turn_can_need_it() -> None:
    session = new_session()
    session.receive(ClientMessage(on.AudioReceived(b"x"), sequence=1), 0)
    session.report(on.AudioAdvanced(100), 0)
    session.audio_processed(1, 1)
    assert session.sequences.durable == 0
    for end_ms in range(200, 3_000, 100):
        session.report(on.AudioAdvanced(end_ms), end_ms)
    assert session.sequences.durable == 1


@pytest.mark.parametrize(
    ("position", "resumes"),
    [
        (None, ResumePoint(None, is_restored=True)),
        (Position(3, term=1), ResumePoint(7, is_restored=True)),
        (Position(9, term=2), ResumePoint(9)),
        (Position(9), ResumePoint(9)),
    ],
)
def test_a_client_resumes_where_it_was_or_learns_of_the_restart(
    position: Position | None, resumes: ResumePoint
) -> None:
    past = Past(term=2, resume_token="secret", last_sequence=7)
    assert new_session(past).sequences.resume_point(position) == resumes


class Client:
    """A client of a session over streams that lose the messages in flight."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.session = new_session()
        self.now_ms = 0
        self.texts: list[str] = []
        self.received: list[Numbered] = []

    def type_text(self) -> None:
        """Send all texts that the service has not accepted; the newest may get lost."""
        self.texts.append(f"text {len(self.texts)}")
        first = self.session.sequences.accepted + 1
        for sequence in range(self.random.choice([1, first]), len(self.texts) + 1):
            if self.random.random() < 0.3:
                return
            text = on.TextEntered(self.texts[sequence - 1])
            self.drive(self.session.receive(ClientMessage(text, sequence, self.ack), self.now_ms))

    def drive(self, outcome: Outcome) -> None:
        """Answer whatever is asked, and let time pass."""
        self.now_ms += self.random.choice([0, 100, 5 * SECONDS_MS])
        for command in outcome.commands:
            if isinstance(command, do.StartReplying):
                report = on.ReplyWritten(command.work_id, "An answer.")
                self.drive(self.session.report(report, self.now_ms))
                end = on.ReplyEnded(command.work_id, FinishReason.STOP)
                self.drive(self.session.report(end, self.now_ms))
                self.drive(self.session.report(on.SpeechEnded(command.work_id), self.now_ms))

    @property
    def ack(self) -> int:
        return self.received[-1].sequence if self.received else 0

    def read(self) -> None:
        """Read some events from a new stream, which replays those not received."""
        held, is_complete = self.session.sequences.outbox.replay(self.ack)
        assert is_complete
        self.received += held
        for _ in range(self.random.randint(0, 5)):
            numbered = self.session.sequences.outbox.pop()
            if numbered is None or self.random.random() < 0.2:
                return  # popped by the stream, and lost with it
            self.received.append(numbered)


@pytest.mark.parametrize("seed", range(50))
def test_events_arrive_once_and_in_order_over_streams_that_break(seed: int) -> None:
    client = Client(Random(seed))
    for _ in range(30):
        client.random.choice([client.type_text, client.read])()
    while client.session.sequences.accepted < len(client.texts):
        client.type_text()
    for _ in range(1_000):
        client.read()
    sequences = [numbered.sequence for numbered in client.received]
    assert sequences == list(range(1, client.session.sequences.outbox.last_sequence + 1))
    started = [m.message for m in client.received if isinstance(m.message, msg.ResponseStarted)]
    assert [message.user_text for message in started] == client.texts
    assert client.received[-1].durable == len(client.texts)
