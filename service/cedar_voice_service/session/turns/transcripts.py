"""Transcripts of the user's turn: messages, drafts at pauses, and the answer to the final words."""

from cedar_voice_service.session import events as on
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.session.turns import states
from cedar_voice_service.session.turns.agent_side import AgentSide
from cedar_voice_service.session.turns.context import SessionContext
from cedar_voice_service.session.turns.states import TurnStates
from cedar_voice_service.session.turns.turn import SpokenTurn
from cedar_voice_service.session.turns.user_side import UserSide


class TranscriptHandler:
    """Processes the transcripts of a turn that is no candidate."""

    def __init__(
        self, context: SessionContext, turn_states: TurnStates, user: UserSide, agent: AgentSide
    ) -> None:
        self._context = context
        self._requests = context.requests
        self._states = turn_states
        self._user = user
        self._agent = agent

    def process_partial(self, turn: SpokenTurn, event: on.PartialTranscribed) -> None:
        """Send a partial transcript; draft an answer to settled words at a pause."""
        if self._context.config.settings.stream:
            self._user.send_transcription(turn, event)
        text = turn.whole(event.text)
        state = self._states.state
        if isinstance(state, states.Drafting) and not state.draft.answers(text):
            self._agent.drop_draft()
        may_be_over = event.is_settled and self._user.is_pausing and not self._requests.has_text
        if may_be_over and text and isinstance(self._states.state, states.Listening):
            self._agent.draft(turn, text)

    def process_final(self, turn: SpokenTurn, event: on.FinalTranscribed) -> None:
        """Answer the final transcript, unless the turn continues or asks for no answer."""
        turn.finalize(event.text, self._context.now_ms)
        has_rest = self._user.has_rest(turn)
        if has_rest and self._user.may_reopen(turn):
            self._user.reopen(turn)
            return
        self._user.send_transcription(turn, event, continues=has_rest)
        is_answered = self._is_answered(turn)
        if is_answered and not has_rest:
            self._agent.reply(turn)
            return
        if turn.user_text:  # the client answers it, or requests an answer later
            self._context.history.add(UserMessage(turn.user_text))
        self._user.discard(turn)
        if has_rest:
            self._continue_in_another_turn(is_answered=is_answered)

    def _continue_in_another_turn(self, *, is_answered: bool) -> None:
        """Open the next turn of a user who speaks longer than the longest turn.

        The answer is given after that turn.
        """
        if is_answered and self._requests.answer is None:
            self._requests.request_answer("")
        self._user.open()

    def _is_answered(self, turn: SpokenTurn) -> bool:
        if self._requests.answer is not None:
            return True
        create_response = self._context.detection.create_response
        return create_response and bool(turn.user_text) and not turn.is_cancelled
