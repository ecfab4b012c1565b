"""The agent's side of turn-taking: a response from its request to the end of its playback."""

from dataclasses import replace

from cedar_voice_service.errors import CedarVoiceError, Code, EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import HistoryItem, UserMessage
from cedar_voice_service.session.response.response import Response, ResponseOptions
from cedar_voice_service.session.turns import states
from cedar_voice_service.session.turns.context import SessionContext
from cedar_voice_service.session.turns.draft import MAX_DRAFTS, Draft
from cedar_voice_service.session.turns.states import Step, TurnStates
from cedar_voice_service.session.turns.turn import SpokenTurn, Turn


class AgentSide:
    """Starts, paces, interrupts and completes responses, drafts among them."""

    def __init__(self, context: SessionContext, turn_states: TurnStates) -> None:
        self._context = context
        self._states = turn_states
        self._last: Response | None = None
        """The newest response that was given to its end, by the session's clock."""

    @property
    def response(self) -> Response | None:
        """The response in progress; None where there is none."""
        state = self._states.state
        return state.response if isinstance(state, states.Answering) else None

    @property
    def backlog_ms(self) -> int:
        """Audio of the response, or of a draft, that waits to be sent."""
        state = self._states.state
        if isinstance(state, states.Answering):
            return state.response.playout.backlog_ms
        return state.drafted.playout.backlog_ms if isinstance(state, states.Drafting) else 0

    @property
    def deadline_ms(self) -> int | None:
        """Clock time at which something of the response is due; None where nothing is."""
        state = self._states.state
        if not isinstance(state, states.Answering):
            return None
        response = state.response
        if response.is_sent:
            return None if response.playout.is_held else response.playout.ends_at_ms
        ats_ms = (self._times_out_at_ms(state), response.next_at_ms)
        return min((at_ms for at_ms in ats_ms if at_ms is not None), default=None)

    def _times_out_at_ms(self, state: states.Answering) -> int | None:
        """Return when the engines have taken too long; None while audio waits for playback."""
        if state.response.is_sent or not state.response.playout.is_drained:
            return None
        return state.answered.last_progress_at_ms + self._context.stage_timeout_ms

    # -- starting ------------------------------------------------------------------------------

    def reply(self, turn: Turn) -> None:
        """Answer the turn; its user text, if any, joins the conversation."""
        context, state = self._context, self._states.state
        history, config, request = (
            context.history,
            self._reply_config,
            context.requests.pop_answer(),
        )
        before = history.items
        if turn.user_text:
            history.add(UserMessage(turn.user_text))
        if isinstance(state, states.TranscribingWithDraft):
            if state.draft.fits(turn.user_text, config, before):
                self._start(turn, state.drafted, request)
                self._send(turn, *state.draft.release(), *state.drafted.publish(context.now_ms))
                self._complete_if_over()
                return
            self.drop_draft()
        response = self._new_response(config)
        context.emit(do.StartReplying(response.work_id, config, history.items))
        self._start(turn, response, request)

    def say(self, turn: Turn, event: on.SpeechRequested) -> None:
        """Speak a text as it is."""
        options = ResponseOptions(True, event.is_interruptible, event.is_kept)
        self._say(turn, event.text, self._context.config, options)

    def apologize(self, turn: Turn, stage: Stage) -> None:
        """Apologize for the turn before, which failed: in text only, if speech is what failed."""
        config = self._context.config
        if stage is Stage.TTS:
            config = replace(config, settings=replace(config.settings, use_browser_tts=True))
        options = ResponseOptions(is_verbatim=True, is_kept=False)
        self._say(turn, config.generation.apology, config, options)

    def draft(self, turn: SpokenTurn, user_text: str) -> None:
        """Start to answer a turn that may be over, unless that was done often enough."""
        context, config = self._context, self._reply_config
        if not config.turn_detection.create_response or not config.generation.draft_replies:
            return
        if turn.counts.drafts >= MAX_DRAFTS:
            return
        turn.counts.add_draft()
        before = context.history.items
        response = self._new_response(config)
        response.withhold(context.now_ms)
        draft = Draft(user_text, config, before)
        self._states.advance(Step.DRAFT, states.ListeningWithDraft(turn, draft, response))
        history: tuple[HistoryItem, ...] = (*before, UserMessage(user_text))
        context.emit(do.StartReplying(response.work_id, config, history))

    def drop_draft(self) -> None:
        """Drop the draft, if there is one."""
        self._context.emit(*map(do.CancelWork, self._states.drop_draft()))

    def _say(self, turn: Turn, text: str, config: SessionConfig, options: ResponseOptions) -> None:
        response = self._new_response(config, options)
        self._context.emit(do.StartSaying(response.work_id, config, text))
        self._start(turn, response, None)

    def _new_response(
        self, config: SessionConfig, options: ResponseOptions | None = None
    ) -> Response:
        context = self._context
        response_id = context.last_response_id + 1
        return Response(response_id, context.next_work_id(), config, context.now_ms, options)

    def _start(self, turn: Turn, response: Response, request: str | None) -> None:
        self._context.record_response(response.response_id)
        self._states.advance(Step.RESPOND, states.Responding(turn, response, request))
        turn.record_progress(self._context.now_ms)
        self._send(turn, msg.ResponseStarted(response.response_id, turn.user_text))

    @property
    def _reply_config(self) -> SessionConfig:
        """Configuration of the next answer, with the instructions of a requested one."""
        config, instructions = self._context.config, self._context.requests.answer
        if not instructions:
            return config
        prompt = f"{config.generation.system_prompt}\n\n{instructions}".strip()
        return replace(config, generation=replace(config.generation, system_prompt=prompt))

    # -- progress ------------------------------------------------------------------------------

    def process(self, event: on.WorkEvent) -> None:
        """Process a report of the response in progress, or of a draft; ignore any other."""
        state = self._states.state
        if isinstance(state, states.Answering) and event.work_id == state.response.work_id:
            self._process(state, event)
        elif isinstance(state, states.Drafting) and event.work_id == state.drafted.work_id:
            if isinstance(event, on.ReplyFailed | on.SpeechFailed | on.WorkFailed):
                self.drop_draft()
            else:
                state.draft.withhold(state.drafted.process(event, self._context.now_ms))

    def _process(self, state: states.Answering, event: on.WorkEvent) -> None:
        state.answered.record_progress(self._context.now_ms)
        if isinstance(event, on.WorkFailed):
            self._fail(state, event.error)
            return
        if isinstance(event, on.ReplyFailed | on.SpeechFailed):
            self._record_failure(state.response, event.error)
        self._send(state.answered, *state.response.process(event, self._context.now_ms))
        self._complete_if_over()

    def report_playback(self, response_id: int, played_ms: int) -> None:
        """Process the client's report of how much of a response it has played."""
        state, now_ms = self._states.state, self._context.now_ms
        if self._last is not None and self._last.response_id == response_id:
            self._last.report_playback(played_ms, now_ms)
        if isinstance(state, states.Answering) and state.response.response_id == response_id:
            state.response.report_playback(played_ms, now_ms)
            self._send_due(state)
            self._complete_if_over()

    def on_deadline(self) -> None:
        """Send what is due, fail a response without progress, complete one that was heard."""
        state = self._states.state
        if not isinstance(state, states.Answering):
            return
        self._send_due(state)
        times_out_at_ms = self._times_out_at_ms(state)
        if times_out_at_ms is not None and self._context.now_ms >= times_out_at_ms:
            stage = Stage.TTS if state.response.is_written else Stage.LLM
            message = f"the {stage.value} stage took too long"
            self._fail(state, EngineError(stage, message, code=Code.STAGE_TIMEOUT))
        self._complete_if_over()

    def hold(self, state: states.Responding) -> None:
        """Send no more audio, and have the client pause if it can."""
        self._send(state.answered, *state.response.hold(self._context.now_ms))

    def release(self) -> None:
        """Resume a response that is held."""
        state = self._states.state
        if not isinstance(state, states.Answering) or not state.response.playout.is_held:
            return
        state.answered.record_progress(self._context.now_ms)
        self._send(state.answered, *state.response.release(self._context.now_ms))
        self._send_due(state)
        self._complete_if_over()

    def _send_due(self, state: states.Answering) -> None:
        if due := state.response.due(self._context.now_ms):
            state.answered.record_progress(self._context.now_ms)
            self._send(state.answered, *due)

    # -- ending --------------------------------------------------------------------------------

    def interrupt(self, reason: msg.InterruptionReason, played_ms: int | None = None) -> None:
        """Interrupt the response, if there is one; `played_ms` is the client's own figure."""
        state = self._states.state
        if isinstance(state, states.Answering):
            self._cut(state, reason, played_ms)
            self._end(state, Step.INTERRUPT)

    def interrupt_late(self, response_id: int, played_ms: int | None) -> None:
        """Keep only the heard part of the last response: its client plays later than the clock."""
        response = self._last
        if response is not None and response.response_id == response_id:
            kept = response.history_items
            response.cut_late(played_ms, self._context.now_ms)
            self._context.history.replace(kept, response.history_items)

    def retract(self, state: states.Responding) -> None:
        """Interrupt a response that the user has not heard, as if it had never been given."""
        self._cut(state, msg.InterruptionReason.TURN_REOPENED, None)
        state.answered.counts.add_dropped_tokens(state.response.token_count)
        if state.answered.user_text:
            self._context.history.retract_user_message()
        self._context.requests.request_answer(state.request)

    def end_unheard(self) -> None:
        """Complete a response that is sent: no input follows, so its playback is not awaited."""
        state, response = self._states.state, self.response
        if response is None or not response.is_sent or response.playout.is_held:
            return
        if isinstance(state, states.Answering):
            self._end(state, Step.COMPLETE)

    def _cut(
        self, state: states.Answering, reason: msg.InterruptionReason, played_ms: int | None
    ) -> None:
        response, now_ms = state.response, self._context.now_ms
        response.release(now_ms)
        self._context.emit(do.CancelWork(response.work_id))
        self._context.emit(do.PurgeAudio(response.response_id))
        self._send(state.answered, *response.cut(reason, played_ms, now_ms))

    def _fail(self, state: states.Answering, error: CedarVoiceError) -> None:
        self._record_failure(state.response, error)
        self._send(state.answered, *state.response.fail(error, self._context.now_ms))
        self._context.emit(do.CancelWork(state.response.work_id))
        self._complete_if_over()

    def _record_failure(self, response: Response, error: CedarVoiceError) -> None:
        if not response.options.is_verbatim and error.stage is not None:
            self._context.record_failure(error.stage)  # a failed apology gets no apology

    def _complete_if_over(self) -> None:
        state = self._states.state
        if isinstance(state, states.Answering) and state.response.is_over(self._context.now_ms):
            self._end(state, Step.COMPLETE)

    def _end(self, state: states.Answering, step: Step) -> None:
        turn, response, now_ms = state.answered, state.response, self._context.now_ms
        self._context.history.add(*response.history_items)
        self._send(turn, response.complete_record(turn.record(), turn.timings, now_ms))
        self._last = None if response.was_cut else response
        match state:
            case states.Responding():
                self._states.advance(step, states.Idle())
            case states.ListeningOverHeld() | states.ListeningOverPlaying():
                self._states.advance(step, states.Listening(state.turn))
            case states.TranscribingOverHeld() | states.TranscribingOverPlaying():
                self._states.advance(step, states.Transcribing(state.turn))

    def _send(self, turn: Turn, *messages: msg.Message) -> None:
        self._context.send(turn.turn_id, *messages)
