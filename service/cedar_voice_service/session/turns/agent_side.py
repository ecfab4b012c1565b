"""The side of a session that answers: at most one turn, from its response's start to its end."""

from dataclasses import replace

from cedar_voice_service.errors import CedarVoiceError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import HistoryItem, UserMessage
from cedar_voice_service.session.response.response import Manner, Response
from cedar_voice_service.session.turns.context import Conversation
from cedar_voice_service.session.turns.draft import MAX_DRAFTS, Draft
from cedar_voice_service.session.turns.turn import Turn


class Answering:
    """The turn that is answered, if any, and the drafts of turns that listen yet."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._turn: Turn | None = None
        self._last: Response | None = None
        """The response that was given last, to its end by our clock."""

    @property
    def turn(self) -> Turn | None:
        """The turn that is answered."""
        return self._turn

    @property
    def response(self) -> Response | None:
        """The response in progress."""
        return self._turn.response if self._turn else None

    @property
    def deadline_ms(self) -> int | None:
        """When the clock is to be looked at."""
        turn, response = self._turn, self.response
        if turn is None or response is None:
            return None
        if response.is_sent:
            return None if response.playout.is_held else response.playout.ends_at_ms
        ats_ms = (self._give_up_at_ms, response.next_at_ms)
        return min((at_ms for at_ms in ats_ms if at_ms is not None), default=None)

    @property
    def _give_up_at_ms(self) -> int | None:
        """When the engines have taken too long; None while audio waits for the player instead."""
        turn, response = self._turn, self.response
        if turn is None or response is None or response.is_sent or not response.playout.is_drained:
            return None
        return turn.last_progress_at_ms + self._conversation.stage_timeout_ms

    # -- beginning -----------------------------------------------------------------------------

    def reply(self, turn: Turn, user_text: str) -> None:
        """Answer the turn; what the user said, if anything, joins the conversation."""
        conversation = self._conversation
        history = conversation.history
        draft, config = turn.draft, self._wanted_config
        turn.instructions, conversation.wishes.answer = conversation.wishes.answer, None
        fits = draft is not None and draft.fits(user_text, config, history.items)
        if user_text:
            history.add(UserMessage(user_text))
        if draft is not None and fits:
            turn.draft = None
            self._begin(turn, draft.response, user_text)
            conversation.say(turn.turn_id, *draft.release(conversation.now_ms))
            self._consider_end()
            return
        self.drop_draft(turn)
        response = self._new_response(config)
        conversation.order(do.StartReplying(response.work_id, config, history.items))
        self._begin(turn, response, user_text)

    def recite(self, turn: Turn, event: on.SpeechRequested) -> None:
        """Speak a text as it is."""
        config = self._conversation.config
        manner = Manner(True, event.is_interruptible, event.is_kept)
        response = self._new_response(config, manner)
        self._conversation.order(do.StartReciting(response.work_id, config, event.text))
        self._begin(turn, response, "")

    def apologize(self, turn: Turn, stage: Stage) -> None:
        """Tell the user that the turn before failed: in text only, if speech is what failed."""
        config = self._conversation.config
        if stage is Stage.TTS:
            config = replace(config, settings=replace(config.settings, use_browser_tts=True))
        response = self._new_response(config, Manner(is_recited=True, is_kept=False))
        apology = config.generation.apology
        self._conversation.order(do.StartReciting(response.work_id, config, apology))
        self._begin(turn, response, "")

    def draft(self, turn: Turn, user_text: str) -> None:
        """Begin to answer a turn that may be over, unless that was done often enough."""
        conversation = self._conversation
        config = self._wanted_config
        if not config.turn_detection.create_response or not config.generation.draft_replies:
            return
        if turn.counts.drafts >= MAX_DRAFTS:
            return
        turn.counts.drafts += 1
        before = conversation.history.items
        response = self._new_response(config)
        turn.draft = Draft(user_text, response, before, conversation.now_ms)
        history: tuple[HistoryItem, ...] = (*before, UserMessage(user_text))
        conversation.order(do.StartReplying(response.work_id, config, history))

    def drop_draft(self, turn: Turn) -> None:
        """Throw the turn's draft away, if it has one."""
        self._conversation.order(*turn.drop_draft())

    def _new_response(self, config: SessionConfig, manner: Manner | None = None) -> Response:
        conversation = self._conversation
        response_id = conversation.last_response_id + 1
        work_id = conversation.next_work_id()
        return Response(response_id, work_id, config, conversation.now_ms, manner)

    def _begin(self, turn: Turn, response: Response, user_text: str) -> None:
        self._conversation.last_response_id = response.response_id
        self._conversation.failed_stage = None
        self._turn, turn.response = turn, response
        turn.last_progress_at_ms = self._conversation.now_ms
        self._say(say.ResponseStarted(response.response_id, user_text))

    @property
    def _wanted_config(self) -> SessionConfig:
        """What the next answer is made with."""
        config, instructions = self._conversation.config, self._conversation.wishes.answer
        if not instructions:
            return config
        prompt = f"{config.generation.system_prompt}\n\n{instructions}".strip()
        return replace(config, generation=replace(config.generation, system_prompt=prompt))

    # -- going on ------------------------------------------------------------------------------

    def take(self, event: on.WorkEvent) -> None:
        """Take a report of any work; only that of the response in progress counts."""
        turn, response, now_ms = self._turn, self.response, self._conversation.now_ms
        if turn is None or response is None or event.work_id != response.work_id:
            return
        turn.last_progress_at_ms = now_ms
        if isinstance(event, on.WorkFailed):
            self._give_up(event.error)
        else:
            if isinstance(event, on.ReplyFailed | on.SpeechFailed):
                self._note_failure(response, event.error)
            self._say(*response.take(event, now_ms))
            self._consider_end()

    def note_playback(self, response_id: int, played_ms: int) -> None:
        """The client has played this much of a response."""
        turn, response, now_ms = self._turn, self.response, self._conversation.now_ms
        if self._last is not None and self._last.response_id == response_id:
            self._last.report_playback(played_ms, now_ms)
        if turn is None or response is None or response.response_id != response_id:
            return
        response.report_playback(played_ms, now_ms)
        self._send_due()
        self._consider_end()

    def look_at_clock(self) -> None:
        """Send what is due, give up what makes no progress, end what has been heard."""
        turn = self._turn
        if turn is None:
            return
        self._send_due()
        give_up_at_ms = self._give_up_at_ms
        if give_up_at_ms is not None and self._conversation.now_ms >= give_up_at_ms:
            self._give_up(turn.timeout)
        self._consider_end()

    def _send_due(self) -> None:
        turn, response = self._turn, self.response
        assert turn is not None and response is not None
        if due := response.due(self._conversation.now_ms):
            turn.last_progress_at_ms = self._conversation.now_ms
            self._say(*due)

    def hold(self) -> None:
        """Send no more audio, and have the client pause if it can."""
        response = self.response
        assert response is not None
        self._say(*response.hold(self._conversation.now_ms))

    def release(self) -> None:
        """Go on with what was held."""
        turn, response, now_ms = self._turn, self.response, self._conversation.now_ms
        if turn is None or response is None or not response.playout.is_held:
            return
        turn.last_progress_at_ms = now_ms
        self._say(*response.release(now_ms))
        self._send_due()
        self._consider_end()

    # -- ending --------------------------------------------------------------------------------

    def interrupt(self, reason: say.InterruptionReason, played_ms: int | None = None) -> None:
        """Cut the response off, if there is one; `played_ms` is the client's own figure."""
        if self._turn is not None:
            self._cut(reason, played_ms)
            self._end()

    def interrupt_late(self, response_id: int, played_ms: int | None) -> None:
        """Keep what was heard of the last response: its client plays later than by our clock."""
        response = self._last
        if response is not None and response.response_id == response_id:
            kept = response.history_items
            response.cut_late(played_ms, self._conversation.now_ms)
            self._conversation.history.replace(kept, response.history_items)

    def take_back(self) -> Turn:
        """Cut off a response that nobody has heard, and forget it; the turn goes on."""
        turn, response = self._turn, self.response
        assert turn is not None and response is not None
        self._cut(say.InterruptionReason.TURN_REOPENED, None)
        turn.counts.dropped_draft_tokens += response.token_count
        if turn.user_text:
            self._conversation.history.retract_user_message()
        self._conversation.wishes.answer = turn.instructions
        self._turn, turn.response = None, None
        return turn

    def end_unheard(self) -> None:
        """The caller has ended its input: what is sent need not be waited for."""
        response = self.response
        if response is not None and response.is_sent and not response.playout.is_held:
            self._end()

    def _cut(self, reason: say.InterruptionReason, played_ms: int | None) -> None:
        response, now_ms = self.response, self._conversation.now_ms
        assert response is not None
        response.release(now_ms)
        self._conversation.order(do.CancelWork(response.work_id))
        self._conversation.order(do.PurgeSpeech(response.response_id))
        self._say(*response.cut(reason, played_ms, now_ms))

    def _give_up(self, error: CedarVoiceError) -> None:
        response = self.response
        assert response is not None
        self._note_failure(response, error)
        self._say(*response.fail(error, self._conversation.now_ms))
        self._conversation.order(do.CancelWork(response.work_id))
        self._consider_end()

    def _note_failure(self, response: Response, error: CedarVoiceError) -> None:
        if not response.manner.is_recited:  # an apology is not apologized for
            self._conversation.failed_stage = error.stage

    def _consider_end(self) -> None:
        response = self.response
        if response is not None and response.is_over(self._conversation.now_ms):
            self._end()

    def _end(self) -> None:
        turn, response = self._turn, self.response
        assert turn is not None and response is not None
        self._conversation.history.add(*response.history_items)
        self._say(turn.metrics(self._conversation.now_ms))
        self._turn, self._last = None, None if response.was_cut else response

    def _say(self, *messages: say.Message) -> None:
        assert self._turn is not None
        self._conversation.say(self._turn.turn_id, *messages)
