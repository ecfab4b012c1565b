"""Log of a conversation as the client received it, from which it can be restored. Pure."""

from collections import OrderedDict
from dataclasses import dataclass, field

import cedar_voice.v1 as pb

MAX_TURNS = 100
MAX_TEXT_BYTES = 128 << 10
"""Most text of a conversation in UTF-8; the oldest turns are dropped."""

SENT_JSON = '{"status": "sent to the application"}'
"""Outcome of each action in the history: the application carries it out, and reports no result."""


@dataclass(slots=True)
class _LoggedResponse:
    response_id: int
    text: str = ""
    tool_calls: list[pb.ToolCallItem] = field(default_factory=list)
    is_text_complete: bool = False
    is_audio_complete: bool = False
    is_interrupted: bool = False

    @property
    def is_over(self) -> bool:
        return self.is_interrupted or (self.is_text_complete and self.is_audio_complete)

    def items(self) -> list[pb.ConversationItem]:
        items: list[pb.ConversationItem] = []
        if self.tool_calls:
            call_item = pb.AssistantItem(tool_calls=self.tool_calls)
            items.append(pb.ConversationItem(assistant=call_item))
        for call in self.tool_calls:
            outcome = pb.ToolOutcomeItem(call_id=call.call_id, output_json=SENT_JSON)
            items.append(pb.ConversationItem(tool_outcome=outcome))
        if self.text.strip():
            text_item = pb.AssistantItem(text=self.text, interrupted=self.is_interrupted)
            items.append(pb.ConversationItem(assistant=text_item))
        return items


@dataclass(slots=True)
class _LoggedTurn:
    user_text: str = ""
    answer: _LoggedResponse | None = None
    is_over: bool = False

    @property
    def is_answered(self) -> bool:
        return self.is_over or (self.answer is not None and self.answer.is_over)

    @property
    def text_bytes(self) -> int:
        answer = self.answer.text if self.answer else ""
        return len(self.user_text.encode()) + len(answer.encode())


class ConversationLog:
    """The conversation as far as it was received, and the newest numbers in it."""

    def __init__(self) -> None:
        self.term = 0
        self.sequence = 0
        self.turn_id = 0
        self.response_id = 0
        self._turns: OrderedDict[int, _LoggedTurn] = OrderedDict()

    @property
    def user_turns(self) -> int:
        """Number of logged turns with a transcript or text of the user."""
        return sum(bool(turn.user_text) for turn in self._turns.values())

    @property
    def items(self) -> list[pb.ConversationItem]:
        """Items of the conversation, oldest first."""
        items: list[pb.ConversationItem] = []
        for turn in self._turns.values():
            if turn.user_text:
                items.append(pb.ConversationItem(user=pb.UserItem(text=turn.user_text)))
            answer = turn.answer
            if answer is not None and (turn.is_answered or answer.tool_calls):
                items += answer.items()
        return items

    def record(self, response: pb.VoiceSessionResponse) -> None:
        """Record a message of the server."""
        self.sequence = max(self.sequence, response.sequence)
        self.turn_id = max(self.turn_id, response.turn_id)
        if response.turn_id:
            turn = self._turns.setdefault(response.turn_id, _LoggedTurn())
            self._record_turn(turn, response)
            if response.transcription.is_final or response.response.HasField("completed"):
                self._drop_oldest_turns()

    def end_response_in_progress(self) -> list[pb.VoiceSessionResponse]:
        """End the response in progress of a lost session; return the messages that complete it.

        A response to the user without an action is removed from the log, because the restored
        session generates it again. Any other stays: an action has been carried out, and a response
        that no input of the user caused may have been played.
        """
        turn_id, turn = self._newest()
        if turn is None or turn.answer is None:
            return []
        if turn.is_answered:
            return self._missing_ends(turn_id, turn.answer)
        answer = turn.answer
        interruption = pb.Interruption(
            response_id=answer.response_id, reason=pb.INTERRUPTION_REASON_SESSION_RESTORED
        )
        is_generated_again = bool(turn.user_text) and not answer.tool_calls
        if not is_generated_again:
            interruption.reason = pb.INTERRUPTION_REASON_CLIENT_REQUEST
            interruption.kept_text = answer.text
        messages = [
            pb.VoiceSessionResponse(term=self.term, turn_id=turn_id, interruption=interruption)
        ]
        messages += self._missing_ends(turn_id, answer)
        answer.is_interrupted = True
        if is_generated_again:
            turn.answer = None
        return messages

    def _missing_ends(self, turn_id: int, answer: _LoggedResponse) -> list[pb.VoiceSessionResponse]:
        """Return the end of a response's text and of its audio, where they were not received."""
        ends = []
        if not answer.is_text_complete:
            completed = pb.ResponseCompleted(
                text=answer.text, finish_reason=pb.FINISH_REASON_INTERRUPTED
            )
            event = pb.ResponseEvent(response_id=answer.response_id, completed=completed)
            ends.append(pb.VoiceSessionResponse(term=self.term, turn_id=turn_id, response=event))
        if not answer.is_audio_complete:
            last = pb.OutputAudio(response_id=answer.response_id, is_last=True)
            ends.append(pb.VoiceSessionResponse(term=self.term, turn_id=turn_id, audio=last))
        answer.is_text_complete = answer.is_audio_complete = True
        return ends

    @property
    def unanswered_turn_id(self) -> int:
        """Number of the newest turn if its response is outstanding; 0 for none."""
        turn_id, turn = self._newest()
        if turn is None or turn.is_answered or not turn.user_text:
            return 0
        return 0 if turn.answer and turn.answer.tool_calls else turn_id

    def _newest(self) -> tuple[int, _LoggedTurn | None]:
        turn_id = next(reversed(self._turns), 0)
        return turn_id, self._turns.get(turn_id)

    def _record_turn(self, turn: _LoggedTurn, response: pb.VoiceSessionResponse) -> None:
        match response.WhichOneof("payload"):
            case "transcription" if response.transcription.is_final:
                turn.user_text = response.transcription.text
            case "response":
                self._record_response(turn, response.response)
            case "audio" if response.audio.is_last:
                if turn.answer and turn.answer.response_id == response.audio.response_id:
                    turn.answer.is_audio_complete = True
            case "action":
                action = response.action
                if turn.answer is not None:
                    call = pb.ToolCallItem(
                        call_id=action.action_id,
                        tool_name=action.tool_name,
                        arguments_json=action.arguments_json or "{}",
                    )
                    turn.answer.tool_calls.append(call)
            case "interruption":
                self._record_interruption(turn, response.interruption)
            case "metrics":
                turn.is_over = True
            case _:
                pass

    def _record_response(self, turn: _LoggedTurn, event: pb.ResponseEvent) -> None:
        self.response_id = max(self.response_id, event.response_id)
        if event.HasField("started"):
            turn.user_text = event.started.user_text or turn.user_text
            turn.answer, turn.is_over = _LoggedResponse(event.response_id), False
        answer = turn.answer
        if answer is None or answer.response_id != event.response_id:
            return
        answer.is_text_complete = answer.is_text_complete or event.HasField("completed")
        if answer.is_interrupted:
            return
        if event.HasField("delta"):
            answer.text += event.delta.text
        elif event.HasField("completed"):
            answer.text = event.completed.text

    def _record_interruption(self, turn: _LoggedTurn, interruption: pb.Interruption) -> None:
        answer = turn.answer
        if answer is None or answer.response_id != interruption.response_id:
            return
        if interruption.reason == pb.INTERRUPTION_REASON_TURN_REOPENED:
            turn.answer = None
        else:
            answer.is_interrupted, answer.text = True, interruption.kept_text

    def _drop_oldest_turns(self) -> None:
        size = sum(turn.text_bytes for turn in self._turns.values())
        while len(self._turns) > 1 and (len(self._turns) > MAX_TURNS or size > MAX_TEXT_BYTES):
            size -= self._turns.popitem(last=False)[1].text_bytes
