"""What a client knows of its session, and what it opens another one with."""

from typing import Any

import cedar_voice.v1 as pb
from cedar_voice_client.recovery.conversation_log import MAX_TEXT_BYTES, MAX_TURNS
from cedar_voice_client.recovery.session_state import Memory

OPENING = pb.SessionConfig(session_id="mine", settings=pb.VoiceSettings(language="de-DE", rate=1.5))


class Teller:
    """A service that tells a memory things, in numbered messages."""

    def __init__(self) -> None:
        self.memory = Memory(1 << 20, 60)
        self.memory.begin(OPENING)
        ready = pb.SessionReady(session_id="mine", resume_token="secret")
        self.memory.opened(pb.VoiceSessionResponse(term=1, ready=ready))
        self.sequence = 0

    def tell(self, turn_id: int = 1, **payload: Any) -> bool:
        self.sequence += 1
        response = pb.VoiceSessionResponse(
            term=1, sequence=self.sequence, turn_id=turn_id, **payload
        )
        return self.memory.take(response)

    def said(self, text: str, turn_id: int = 1) -> None:
        self.tell(turn_id, transcription=pb.Transcription(text=text, is_final=True))

    def answer(self, response_id: int = 1, turn_id: int = 1, **event: Any) -> None:
        response = pb.ResponseEvent(response_id=response_id, **event)
        self.tell(turn_id, response=response)

    def act(self) -> None:
        action = pb.Action(action_id="a1", tool_name="set", arguments_json='{"x": 1}')
        self.tell(action=action)

    def whole_turn(self, turn_id: int, user: str, answer: str) -> None:
        self.said(user, turn_id)
        self.answer(turn_id, turn_id, started=pb.ResponseStarted(user_text=user))
        self.answer(turn_id, turn_id, completed=pb.ResponseCompleted(text=answer))
        self.tell(turn_id, audio=pb.OutputAudio(response_id=turn_id, is_last=True))
        self.tell(turn_id, metrics=pb.TurnMetrics())

    @property
    def history(self) -> list[str]:
        """Who said what, in short."""
        items = self.memory.restoring().history
        return [
            f"{item.WhichOneof('item')}: {item.user.text or item.assistant.text}" for item in items
        ]


def patch(**fields: Any) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(config=pb.SessionConfig(**fields))


def test_a_conversation_is_known_as_it_was_told() -> None:
    teller = Teller()
    teller.whole_turn(1, "hello", "Hi.")
    teller.said("and", 2)
    teller.answer(2, 2, started=pb.ResponseStarted(user_text="and"))
    reason = pb.INTERRUPTION_REASON_TURN_REOPENED
    teller.tell(2, interruption=pb.Interruption(response_id=2, reason=reason))
    teller.said("and then", 2)
    teller.answer(3, 2, started=pb.ResponseStarted(user_text="and then"))
    teller.answer(3, 2, completed=pb.ResponseCompleted(text="One. Two."))
    reason = pb.INTERRUPTION_REASON_USER_SPEECH
    cut = pb.Interruption(response_id=3, reason=reason, kept_text="One.")
    teller.tell(2, interruption=cut)
    assert teller.history == ["user: hello", "assistant: Hi.", "user: and then", "assistant: One."]
    assert teller.memory.restoring().history[-1].assistant.interrupted


def test_what_was_told_before_is_not_taken_again() -> None:
    teller = Teller()
    teller.said("hello")
    teller.sequence = 0
    assert not teller.tell(transcription=pb.Transcription(text="hello", is_final=True))
    older = pb.VoiceSessionResponse(term=0, pong=pb.Pong())
    assert not teller.memory.take(older)


def test_an_answer_in_progress_is_asked_for_again_in_its_turn() -> None:
    teller = Teller()
    teller.whole_turn(1, "hello", "Hi.")
    teller.said("and you?", 2)
    teller.answer(2, 2, started=pb.ResponseStarted(user_text="and you?"))
    teller.answer(2, 2, delta=pb.ResponseDelta(text="I am"))
    restoring = teller.memory.restoring()
    assert teller.history[-1] == "user: and you?"
    assert (restoring.resume.last_turn_id, restoring.resume.last_response_id) == (1, 2)
    assert restoring.resume.last_received_sequence == teller.sequence
    cut, completed, last = teller.memory.lose_session()
    assert cut.interruption.reason == pb.INTERRUPTION_REASON_SESSION_RESTORED
    assert completed.response.completed.text == "I am" and last.audio.is_last
    (again,) = teller.memory.prelude()
    assert again.control.HasField("create_response")
    teller.answer(3, 2, started=pb.ResponseStarted())
    assert teller.memory.prelude() == []


def test_what_was_said_before_this_client_came_is_learned_and_told_once() -> None:
    teller = Teller()
    teller.whole_turn(3, "third", "3.")
    teller.said("fourth", 4)
    words = ["first", "1.", "second", "2.", "third", "3.", "fourth"]
    known = pb.GetSessionResponse(
        items=[
            pb.ConversationItem(assistant=pb.AssistantItem(text=text))
            if text.endswith(".")
            else pb.ConversationItem(user=pb.UserItem(text=text))
            for text in words
        ]
    )
    ready = pb.SessionReady(settings=pb.VoiceSettings(language="fr-FR", rate=1.0))
    teller.memory.recall(known, ready)
    assert [told.partition(": ")[2] for told in teller.history] == words
    assert teller.memory.restoring().settings == ready.settings


def test_an_answer_is_asked_for_after_the_recording_that_goes_on() -> None:
    teller = Teller()
    start = pb.Control(start_listening=pb.StartListening())
    teller.memory.say(pb.VoiceSessionRequest(control=start), 0.0)
    teller.said("and you?")
    teller.memory.take(pb.VoiceSessionResponse(term=1, ack=1, durable=1))
    teller.memory.lose_session()
    *said, last = teller.memory.prelude()
    commands = [request.control.WhichOneof("command") for request in said]
    assert commands == ["start_listening", "create_response"]
    assert (last.sequence, last.WhichOneof("payload")) == (1, None)  # what is not said again
    teller.answer(started=pb.ResponseStarted())
    assert teller.memory.prelude() == []  # it has been heard


def test_an_answer_that_has_acted_is_not_given_again() -> None:
    teller = Teller()
    teller.answer(started=pb.ResponseStarted(user_text="set x"))
    teller.act()
    teller.answer(delta=pb.ResponseDelta(text="I have"))
    assert teller.history == ["user: set x", "assistant: ", "tool_outcome: ", "assistant: I have"]
    assert teller.memory.restoring().resume.last_turn_id == 1
    cut = teller.memory.lose_session()[0]
    assert cut.interruption.reason == pb.INTERRUPTION_REASON_CLIENT_REQUEST
    assert teller.memory.prelude() == []


def test_what_was_said_unasked_is_not_said_again_and_the_history_keeps_it() -> None:
    teller = Teller()
    teller.answer(started=pb.ResponseStarted())
    teller.answer(delta=pb.ResponseDelta(text="Your train is late."))
    (cut, completed, last) = teller.memory.lose_session()
    assert cut.interruption.reason == pb.INTERRUPTION_REASON_CLIENT_REQUEST
    assert cut.interruption.kept_text == completed.response.completed.text == "Your train is late."
    assert last.audio.is_last
    assert teller.history == ["assistant: Your train is late."]
    assert teller.memory.prelude() == []


def test_an_answer_is_not_asked_for_where_none_was_wanted_or_more_was_said() -> None:
    teller = Teller()
    teller.said("hello")
    detection = pb.TurnDetection(create_response=False)
    teller.memory.say(patch(turn_detection=detection), 0.0)
    teller.memory.lose_session()
    assert not teller.memory.owes_answer
    teller = Teller()
    teller.said("hello")
    teller.memory.say(pb.VoiceSessionRequest(text=pb.TextInput(text="never mind")), 0.0)
    teller.memory.lose_session()
    assert not teller.memory.owes_answer


def test_the_configuration_is_what_was_accepted() -> None:
    teller = Teller()
    tools = pb.ToolSet(tools=[pb.ToolDefinition(name="one")])
    teller.memory.say(patch(settings=pb.VoiceSettings(rate=2.0), tools=tools), 0.0)
    teller.memory.say(patch(tools=pb.ToolSet()), 0.0)
    teller.memory.say(patch(settings=pb.VoiceSettings(language="nonsense")), 0.0)
    teller.tell(error=pb.Error(client_sequence=3))
    restoring = teller.memory.restoring()
    assert (restoring.settings.language, restoring.settings.rate) == ("de-DE", 2.0)
    assert restoring.HasField("tools") and not restoring.tools.tools
    assert restoring.session_id == "mine" and restoring.resume.restore
    teller.memory.take(pb.VoiceSessionResponse(term=1, ack=3, durable=3))
    assert teller.memory.restoring() == restoring


def test_it_is_bounded() -> None:
    teller = Teller()
    for turn_id in range(1, MAX_TURNS + 20):
        teller.whole_turn(turn_id, "x", "y")
    assert len(teller.history) == 2 * MAX_TURNS
    for turn_id in range(200, 220):
        teller.whole_turn(turn_id, "x" * (MAX_TEXT_BYTES // 4), "y")
    assert teller.memory.restoring().ByteSize() < 2 * MAX_TEXT_BYTES
