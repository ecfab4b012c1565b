"""The conversation on the wire: what a client tells of it is checked."""

from typing import Any

import pytest

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CallerError, Code
from cedar_voice_service.session.config import Limits
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    HistoryItem,
    ToolOutcome,
    UserMessage,
)
from cedar_voice_service.session.resume.position import FIRST_TERM, NO_PAST, Past
from cedar_voice_service.wire.history import encode_item, past_of
from cedar_voice_service.wire.requests import decode

LIMITS = Limits(max_history_items=4)
TOKEN = "a secret of at least thirty-two characters"
ITEMS: tuple[HistoryItem, ...] = (
    UserMessage("make it dark"),
    AssistantMessage("", (CalledTool("1", "set_theme", '{"theme": "dark"}'),)),
    ToolOutcome("1", '"done"'),
    AssistantMessage("It is", interrupted=True),
)


def user(text: str) -> pb.ConversationItem:
    return pb.ConversationItem(user=pb.UserItem(text=text))


def test_items_come_out_as_they_went_in() -> None:
    config = pb.SessionConfig(history=map(encode_item, ITEMS))
    assert past_of(config, LIMITS) == Past(ITEMS)


def test_the_newest_items_are_kept() -> None:
    config = pb.SessionConfig(history=[user(str(number)) for number in range(6)])
    kept = past_of(config, LIMITS).history
    assert kept == tuple(UserMessage(str(number)) for number in range(2, 6))


def test_a_session_without_a_past() -> None:
    assert past_of(pb.SessionConfig(), LIMITS) == NO_PAST


def test_a_session_in_place_of_a_lost_one_has_its_secret_and_the_next_term() -> None:
    resume = pb.ResumeRequest(
        resume_token=TOKEN,
        last_received_sequence=9,
        term=2,
        restore=True,
        last_turn_id=3,
        last_response_id=4,
    )
    past = past_of(pb.SessionConfig(resume=resume), LIMITS)
    assert past == Past((), 3, TOKEN, 9, 3, 4)
    assert past.is_lost_session


def test_a_client_that_has_heard_of_no_session_may_choose_the_secret_of_its_first() -> None:
    resume = pb.ResumeRequest(resume_token=TOKEN, restore=True)
    past = past_of(pb.SessionConfig(resume=resume), LIMITS)
    assert past == Past((), FIRST_TERM, TOKEN)
    assert not past.is_lost_session


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (pb.ConversationItem(), "history[0]"),
        (
            pb.ConversationItem(tool_outcome=pb.ToolOutcomeItem(call_id="1", output_json="1")),
            "history[0].tool_outcome.call_id",
        ),
        (
            pb.ConversationItem(assistant=pb.AssistantItem(tool_calls=[pb.ToolCallItem()])),
            "history[0].assistant.tool_calls",
        ),
        (
            pb.ConversationItem(
                assistant=pb.AssistantItem(
                    tool_calls=[pb.ToolCallItem(call_id="1", tool_name="t", arguments_json="[1]")]
                )
            ),
            "history[0].assistant.tool_calls.arguments_json",
        ),
    ],
    ids=["empty", "outcome of no call", "call of no tool", "arguments that are a list"],
)
def test_what_cannot_have_been_said_is_refused(item: pb.ConversationItem, field: str) -> None:
    with pytest.raises(CallerError) as refused:
        past_of(pb.SessionConfig(history=[item]), LIMITS)
    assert refused.value.code is Code.INVALID_CONFIG
    assert refused.value.message.startswith(field)


@pytest.mark.parametrize(
    "wrong",
    [
        {"resume_token": "guessable"},
        {"resume_token": "x" * 1_000},
        {"last_received_sequence": 1 << 60},
        {"term": 1 << 31},
        {"last_turn_id": (1 << 32) - 1},
        {"last_response_id": (1 << 32) - 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_lost_session_that_cannot_have_been_is_refused(wrong: dict[str, Any]) -> None:
    resume = pb.ResumeRequest(**{"resume_token": TOKEN, "restore": True, **wrong})
    if wrong.get("term") == 1 << 31:
        resume.term = (1 << 32) - 1
    with pytest.raises(CallerError) as refused:
        past_of(pb.SessionConfig(resume=resume), LIMITS)
    assert refused.value.code is Code.INVALID_CONFIG


def test_a_running_session_is_told_no_other_past() -> None:
    request = pb.VoiceSessionRequest(config=pb.SessionConfig(history=[user("I said so")]))
    with pytest.raises(CallerError) as refused:
        decode(request, LIMITS)
    assert refused.value.code is Code.PROTOCOL_VIOLATION
