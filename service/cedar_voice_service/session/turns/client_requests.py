"""Requests of the client beside its audio: configuration, text, answers, interruption, playback."""

from typing import assert_never

from cedar_voice_service.errors import CallerError, Code
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.turns import states
from cedar_voice_service.session.turns.agent_side import AgentSide
from cedar_voice_service.session.turns.context import SessionContext
from cedar_voice_service.session.turns.speech_input import SpeechInput
from cedar_voice_service.session.turns.states import TurnStates
from cedar_voice_service.session.turns.turn import Turn
from cedar_voice_service.session.turns.user_side import UserSide


class ClientRequests:
    """Meets the client's requests, at once or when the user has finished."""

    def __init__(
        self,
        context: SessionContext,
        turn_states: TurnStates,
        speech: SpeechInput,
        user: UserSide,
        agent: AgentSide,
    ) -> None:
        self._context = context
        self._states = turn_states
        self._speech = speech
        self._user = user
        self._agent = agent

    def process(self, event: on.ClientRequest) -> None:
        """Process a request."""
        match event:
            case on.Configured(patch):
                self._context.configure(patch)
                self._context.emit(do.ApplyConfig(self._context.config))
            case on.TextEntered(text):
                self._user.drop()
                self._agent.interrupt(msg.InterruptionReason.NEW_INPUT)
                self._speech.split_at_turn_end()
                self._speech.start_period()
                self._agent.reply(self._new_turn(text))
            case on.InterruptRequested():
                self._interrupt(event)
            case on.ResponseRequested(instructions):
                self._agent.interrupt(msg.InterruptionReason.NEW_INPUT)
                self._context.requests.request_answer(instructions)
            case on.SpeechRequested():
                self._agent.interrupt(msg.InterruptionReason.NEW_INPUT)
                self._queue_text(event)
            case on.PlaybackReported(response_id, played_ms):
                self._agent.report_playback(response_id, played_ms)
            case _:
                assert_never(event)

    def meet_pending(self) -> None:
        """Give an answer or an apology, or speak a text, that waits for the session to be idle."""
        state, requests = self._states.state, self._context.requests
        if isinstance(state, states.Answering):
            return
        failed_stage = self._context.pop_failure()
        if not isinstance(state, states.Idle):
            return
        if requests.answer is not None:
            self._agent.reply(self._new_turn())
        elif failed_stage is not None and self._context.config.generation.apology:
            self._agent.apologize(self._new_turn(), failed_stage)
        elif requests.has_text:
            self._agent.say(self._new_turn(), requests.pop_text())

    def _queue_text(self, event: on.SpeechRequested) -> None:
        if self._context.requests.has_room:
            self._context.requests.add_text(event)
        else:
            full = CallerError("too many texts wait to be spoken", code=Code.OVERLOADED)
            self._context.reject(full)

    def _interrupt(self, event: on.InterruptRequested) -> None:
        state = self._states.state
        if isinstance(state, states.Answering):
            if event.response_id in (0, state.response.response_id):
                reason = msg.InterruptionReason.CLIENT_REQUEST
                self._agent.interrupt(reason, event.played_ms)
            return
        # A client that lags has still to be sent the end of an answer that is over here.
        lagging_id = event.response_id or self._context.last_response_id
        self._context.emit(do.PurgeAudio(lagging_id))
        self._agent.interrupt_late(event.response_id, event.played_ms)
        if isinstance(state, states.InputEnded) and event.response_id == 0:
            state.turn.cancel_answer()  # the user waits for it
            self._context.requests.cancel_answer()
            self._agent.drop_draft()

    def _new_turn(self, user_text: str = "") -> Turn:
        """Return a turn without speech; its input is over."""
        context = self._context
        turn_id = context.last_turn_id + 1
        context.record_turn(turn_id)
        turn = Turn(turn_id=turn_id, last_progress_at_ms=context.now_ms, user_text=user_text)
        turn.timings.mark_ended(context.now_ms)
        return turn
