"""The inbox takes each message once; the history keeps what belongs together."""

from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    History,
    ToolOutcome,
    UserMessage,
)
from cedar_voice_service.session.inbox import Inbox


def test_a_repeat_is_ignored_and_a_gap_is_not() -> None:
    inbox = Inbox()
    assert [inbox.accept(sequence) for sequence in (1, 2, 2, 1, 5, 0, 4)] == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert inbox.accepted == 5


def test_the_history_forgets_the_oldest_and_never_begins_with_an_answer() -> None:
    history = History(3)
    call = CalledTool("1", "t", "{}")
    history.add(UserMessage("a"), AssistantMessage("", (call,)), ToolOutcome("1", "{}"))
    history.add(UserMessage("b"))
    assert list(history.items) == [UserMessage("b")]
    history.add(AssistantMessage("c"), UserMessage("d"))
    assert list(history.items) == [UserMessage("b"), AssistantMessage("c"), UserMessage("d")]
