"""An answer that is given again after the service was lost: what each dialect makes of it."""

import json
from typing import Any

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_os.translator import CedarOsTurn
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocketTranslator
from cedar_voice_bridge.dialects.streaming.translator import StreamingTranslator


def said(response_id: int, **event: Any) -> pb.VoiceSessionResponse:
    response = pb.ResponseEvent(response_id=response_id, **event)
    return pb.VoiceSessionResponse(turn_id=1, response=response)


def answer(response_id: int, text: str) -> list[pb.VoiceSessionResponse]:
    """The beginning of an answer, without sound."""
    return [
        said(response_id, started=pb.ResponseStarted(user_text="and you?")),
        said(response_id, delta=pb.ResponseDelta(text=text)),
    ]


def ending(response_id: int, text: str) -> list[pb.VoiceSessionResponse]:
    completed = pb.ResponseCompleted(text=text, finish_reason=pb.FINISH_REASON_STOP)
    last = pb.OutputAudio(response_id=response_id, is_last=True)
    return [
        said(response_id, completed=completed),
        pb.VoiceSessionResponse(turn_id=1, audio=last),
    ]


LOST = pb.VoiceSessionResponse(
    turn_id=1,
    interruption=pb.Interruption(response_id=1, reason=pb.INTERRUPTION_REASON_SESSION_RESTORED),
)
STORY = [
    pb.VoiceSessionResponse(
        turn_id=1, transcription=pb.Transcription(text="and you?", is_final=True)
    ),
    *answer(1, "I am"),
    LOST,
    *ending(1, "I am"),
    pb.VoiceSessionResponse(ready=pb.SessionReady(session_id="mine", restored=True)),
    *answer(2, "I am fine."),
    *ending(2, "I am fine."),
    pb.VoiceSessionResponse(turn_id=1, metrics=pb.TurnMetrics()),
]


def frames(dialect: Any) -> list[dict[str, Any]]:
    return [json.loads(frame) for response in STORY for frame in dialect.encode(response)]


def test_cedar_os_gets_the_answer_that_counts() -> None:
    turn = CedarOsTurn()
    told = frames(turn)
    assert turn.is_over and turn.text == "I am fine."
    assert [event["type"] for event in told].count("done") == 1


def test_a_chat_without_a_queue_gets_one_message() -> None:
    completed = [
        frame
        for frame in frames(CedarWebSocketTranslator())
        if frame["type"] == "response_complete"
    ]
    assert [frame["text"] for frame in completed] == ["I am fine."]


def test_a_streaming_client_gets_one_end() -> None:
    told = [frame for frame in frames(StreamingTranslator()) if frame["type"] == "complete"]
    assert [frame["response"] for frame in told] == ["I am fine."]
