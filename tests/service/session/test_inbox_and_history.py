"""The inbox takes each message once; the history keeps what belongs together."""

from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    History,
    ToolOutcome,
    UserMessage,
)
from cedar_voice_service.session.resume.inbox import Inbox


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


def test_what_is_replaced_in_the_history_is_the_newest_of_its_like_if_it_is_kept() -> None:
    history = History(5)
    yes, no = AssistantMessage("yes"), AssistantMessage("no")
    history.add(UserMessage("a"), yes, UserMessage("b"), yes, UserMessage("c"))
    history.replace([], [no])
    history.replace([no], [yes])
    history.replace([yes], [no])
    assert history.items[1::2] == (yes, no)
    history.replace([no], [])
    assert history.items == (UserMessage("a"), yes, UserMessage("b"), UserMessage("c"))


def test_the_history_forgets_the_oldest_and_never_begins_with_an_answer() -> None:
    history = History(3)
    call = CalledTool("1", "t", "{}")
    history.add(UserMessage("a"), AssistantMessage("", (call,)), ToolOutcome("1", "{}"))
    history.add(UserMessage("b"))
    assert list(history.items) == [UserMessage("b")]
    history.add(AssistantMessage("c"), UserMessage("d"))
    assert list(history.items) == [UserMessage("b"), AssistantMessage("c"), UserMessage("d")]
