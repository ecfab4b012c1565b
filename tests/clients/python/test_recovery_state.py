"""The client's copy of a session, and the messages that restore a session from it."""

from typing import Any

import cedar_voice.v1 as pb
from cedar_voice_client.recovery.conversation_log import MAX_TEXT_BYTES, MAX_TURNS
from cedar_voice_client.recovery.recovery_state import RecoveryState

OPENING = pb.SessionConfig(session_id="mine", settings=pb.VoiceSettings(language="de-DE", rate=1.5))


class FakeService:
    """A service that sends numbered messages to a recovery state."""

    def __init__(self) -> None:
        self.state = RecoveryState(1 << 20, 60)
        self.state.begin(OPENING)
        ready = pb.SessionReady(session_id="mine", resume_token="secret")
        self.state.record_ready(pb.VoiceSessionResponse(term=1, ready=ready))
        self.sequence = 0

    def send(self, turn_id: int = 1, **payload: Any) -> bool:
        self.sequence += 1
        response = pb.VoiceSessionResponse(
            term=1, sequence=self.sequence, turn_id=turn_id, **payload
        )
        return self.state.receive(response)

    def transcribe(self, text: str, turn_id: int = 1) -> None:
        self.send(turn_id, transcription=pb.Transcription(text=text, is_final=True))

    def respond(self, response_id: int = 1, turn_id: int = 1, **event: Any) -> None:
        response = pb.ResponseEvent(response_id=response_id, **event)
        self.send(turn_id, response=response)

    def act(self) -> None:
        action = pb.Action(action_id="a1", tool_name="set", arguments_json='{"x": 1}')
        self.send(action=action)

    def whole_turn(self, turn_id: int, user: str, answer: str) -> None:
        self.transcribe(user, turn_id)
        self.respond(turn_id, turn_id, started=pb.ResponseStarted(user_text=user))
        self.respond(turn_id, turn_id, completed=pb.ResponseCompleted(text=answer))
        self.send(turn_id, audio=pb.OutputAudio(response_id=turn_id, is_last=True))
        self.send(turn_id, metrics=pb.TurnMetrics())

    @property
    def history(self) -> list[str]:
        """Kind and text of each item of the conversation."""
        items = self.state.restore_config().history
        return [
            f"{item.WhichOneof('item')}: {item.user.text or item.assistant.text}" for item in items
        ]


def patch(**fields: Any) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(config=pb.SessionConfig(**fields))


def test_the_conversation_is_logged_as_it_was_received() -> None:
    service = FakeService()
    service.whole_turn(1, "hello", "Hi.")
    service.transcribe("and", 2)
    service.respond(2, 2, started=pb.ResponseStarted(user_text="and"))
    reason = pb.INTERRUPTION_REASON_TURN_REOPENED
    service.send(2, interruption=pb.Interruption(response_id=2, reason=reason))
    service.transcribe("and then", 2)
    service.respond(3, 2, started=pb.ResponseStarted(user_text="and then"))
    service.respond(3, 2, completed=pb.ResponseCompleted(text="One. Two."))
    reason = pb.INTERRUPTION_REASON_USER_SPEECH
    cut = pb.Interruption(response_id=3, reason=reason, kept_text="One.")
    service.send(2, interruption=cut)
    assert service.history == ["user: hello", "assistant: Hi.", "user: and then", "assistant: One."]
    assert service.state.restore_config().history[-1].assistant.interrupted


def test_repeated_messages_are_ignored() -> None:
    service = FakeService()
    service.transcribe("hello")
    service.sequence = 0
    assert not service.send(transcription=pb.Transcription(text="hello", is_final=True))
    older = pb.VoiceSessionResponse(term=0, pong=pb.Pong())
    assert not service.state.receive(older)


def test_a_response_in_progress_is_requested_again_in_its_turn() -> None:
    service = FakeService()
    service.whole_turn(1, "hello", "Hi.")
    service.transcribe("and you?", 2)
    service.respond(2, 2, started=pb.ResponseStarted(user_text="and you?"))
    service.respond(2, 2, delta=pb.ResponseDelta(text="I am"))
    config = service.state.restore_config()
    assert service.history[-1] == "user: and you?"
    assert (config.resume.last_turn_id, config.resume.last_response_id) == (1, 2)
    assert config.resume.last_received_sequence == service.sequence
    cut, completed, last = service.state.replace_session()
    assert cut.interruption.reason == pb.INTERRUPTION_REASON_SESSION_RESTORED
    assert completed.response.completed.text == "I am" and last.audio.is_last
    (again,) = service.state.replay_preamble()
    assert again.control.HasField("create_response")
    service.respond(3, 2, started=pb.ResponseStarted())
    assert service.state.replay_preamble() == []


def test_the_conversation_before_this_client_is_recalled_without_duplicates() -> None:
    service = FakeService()
    service.whole_turn(3, "third", "3.")
    service.transcribe("fourth", 4)
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
    service.state.recall(known, ready)
    assert [item.partition(": ")[2] for item in service.history] == words
    assert service.state.restore_config().settings == ready.settings


def test_a_response_is_requested_after_the_start_of_the_recording() -> None:
    service = FakeService()
    start = pb.Control(start_listening=pb.StartListening())
    service.state.buffer_message(pb.VoiceSessionRequest(control=start), 0.0)
    service.transcribe("and you?")
    service.state.receive(pb.VoiceSessionResponse(term=1, ack=1, durable=1))
    service.state.replace_session()
    *preamble, last = service.state.replay_preamble()
    commands = [request.control.WhichOneof("command") for request in preamble]
    assert commands == ["start_listening", "create_response"]
    assert (last.sequence, last.WhichOneof("payload")) == (
        1,
        None,
    )  # durable messages are not sent again
    service.respond(started=pb.ResponseStarted())
    assert service.state.replay_preamble() == []  # the session has received it


def test_a_response_with_an_action_is_not_requested_again() -> None:
    service = FakeService()
    service.respond(started=pb.ResponseStarted(user_text="set x"))
    service.act()
    service.respond(delta=pb.ResponseDelta(text="I have"))
    assert service.history == ["user: set x", "assistant: ", "tool_outcome: ", "assistant: I have"]
    assert service.state.restore_config().resume.last_turn_id == 1
    cut = service.state.replace_session()[0]
    assert cut.interruption.reason == pb.INTERRUPTION_REASON_CLIENT_REQUEST
    assert service.state.replay_preamble() == []


def test_a_response_without_input_is_kept_and_not_requested_again() -> None:
    service = FakeService()
    service.respond(started=pb.ResponseStarted())
    service.respond(delta=pb.ResponseDelta(text="Your train is late."))
    (cut, completed, last) = service.state.replace_session()
    assert cut.interruption.reason == pb.INTERRUPTION_REASON_CLIENT_REQUEST
    assert cut.interruption.kept_text == completed.response.completed.text == "Your train is late."
    assert last.audio.is_last
    assert service.history == ["assistant: Your train is late."]
    assert service.state.replay_preamble() == []


def test_no_response_is_requested_when_switched_off_or_when_input_is_buffered() -> None:
    service = FakeService()
    service.transcribe("hello")
    detection = pb.TurnDetection(create_response=False)
    service.state.buffer_message(patch(turn_detection=detection), 0.0)
    service.state.replace_session()
    assert not service.state.answers_again
    service = FakeService()
    service.transcribe("hello")
    service.state.buffer_message(pb.VoiceSessionRequest(text=pb.TextInput(text="never mind")), 0.0)
    service.state.replace_session()
    assert not service.state.answers_again


def test_the_configuration_holds_the_accepted_patches() -> None:
    service = FakeService()
    tools = pb.ToolSet(tools=[pb.ToolDefinition(name="one")])
    service.state.buffer_message(patch(settings=pb.VoiceSettings(rate=2.0), tools=tools), 0.0)
    service.state.buffer_message(patch(tools=pb.ToolSet()), 0.0)
    service.state.buffer_message(patch(settings=pb.VoiceSettings(language="nonsense")), 0.0)
    service.send(error=pb.Error(client_sequence=3))
    config = service.state.restore_config()
    assert (config.settings.language, config.settings.rate) == ("de-DE", 2.0)
    assert config.HasField("tools") and not config.tools.tools
    assert config.session_id == "mine" and config.resume.restore
    service.state.receive(pb.VoiceSessionResponse(term=1, ack=3, durable=3))
    assert service.state.restore_config() == config


def test_the_log_is_bounded() -> None:
    service = FakeService()
    for turn_id in range(1, MAX_TURNS + 20):
        service.whole_turn(turn_id, "x", "y")
    assert len(service.history) == 2 * MAX_TURNS
    for turn_id in range(200, 220):
        service.whole_turn(turn_id, "x" * (MAX_TEXT_BYTES // 4), "y")
    assert service.state.restore_config().ByteSize() < 2 * MAX_TEXT_BYTES
