"""What follows from the words that a recognizer reports: of the turn that listens, if any."""

from cedar_voice_service.session import events as on
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.session.turns.agent_side import Answering
from cedar_voice_service.session.turns.barge_in import Interrupting
from cedar_voice_service.session.turns.context import Conversation
from cedar_voice_service.session.turns.turn import Turn
from cedar_voice_service.session.turns.user_side import Listening


class Understanding:
    """Takes what recognizers and drafts of answers report, for the turn that listens."""

    def __init__(
        self,
        conversation: Conversation,
        listening: Listening,
        answering: Answering,
        interrupting: Interrupting,
    ) -> None:
        self._conversation = conversation
        self._listening = listening
        self._answering = answering
        self._interrupting = interrupting

    def takes(self, event: on.WorkEvent) -> bool:
        """Take a report; False if it is not of the turn that listens."""
        turn = self._listening.turn
        if turn is None:
            return False
        if event.work_id == turn.hearing_work_id:
            if isinstance(event, on.AudioSent):  # which is no sign of life
                turn.counts.sent(event.duration_ms)
                return True
            turn.last_progress_at_ms = self._conversation.now_ms
            self._take_transcript(turn, event)
            return True
        if turn.draft is None or event.work_id != turn.draft.response.work_id:
            return False
        if not turn.draft.take(event, self._conversation.now_ms):
            self._answering.drop_draft(turn)
        return True

    def _take_transcript(self, turn: Turn, event: on.WorkEvent) -> None:
        match event:
            case on.PartialTranscribed():
                self._take_partial(turn, event)
            case on.FinalTranscribed():
                self._take_final(turn, event)
            case on.TranscriptionFailed(error=error) | on.WorkFailed(error=error):
                self._interrupting.fail(error)
            case _:
                pass  # nothing that a recognizer reports

    def _take_partial(self, turn: Turn, event: on.PartialTranscribed) -> None:
        if not self._interrupting.decide(event):
            return
        if self._conversation.config.settings.stream:
            self._listening.say_transcription(turn, event)
        text = turn.whole(event.text)
        if turn.draft is not None and not turn.draft.says(text):
            self._answering.drop_draft(turn)
        may_be_over = event.is_settled and self._listening.is_quiet
        if may_be_over and text and turn.draft is None and not self._conversation.wishes.speeches:
            self._answering.draft(turn, text)

    def _take_final(self, turn: Turn, event: on.FinalTranscribed) -> None:
        if self._listening.is_hearing:  # the recognizer ended the utterance by itself
            self._listening.close_input(turn)
        if not self._interrupting.decide(event):
            return
        turn.timings.transcribed_at_ms = self._conversation.now_ms
        turn.user_text = turn.whole(event.text)
        has_rest = self._listening.has_rest
        if has_rest and self._listening.may_go_on(turn):
            self._listening.go_on(turn)
            return
        self._listening.say_transcription(turn, event, continues=has_rest)
        is_answered = self._wants_answer(turn)
        if is_answered and not has_rest:
            self._listening.turn = None
            self._answering.reply(turn, turn.user_text)
            return
        if turn.user_text:  # which the client answers, or asks to be answered
            self._conversation.history.add(UserMessage(turn.user_text))
        self._listening.end()
        if has_rest:
            self._go_on_in_another_turn(is_answered=is_answered)

    def _go_on_in_another_turn(self, *, is_answered: bool) -> None:
        """The user speaks on beyond the longest turn: the answer waits until they have finished."""
        if is_answered and self._conversation.wishes.answer is None:
            self._conversation.wishes.answer = ""
        self._listening.begin()

    def _wants_answer(self, turn: Turn) -> bool:
        if self._conversation.wishes.answer is not None:
            return True
        wants_all = self._conversation.config.turn_detection.create_response
        return wants_all and bool(turn.user_text) and not turn.is_unwanted
