"""The shell of one session: the task that drives its `Session` and carries out the commands.

Only this task touches the session, so there are no locks. A session outlives its streams.
"""

import asyncio
import secrets
from collections.abc import Coroutine, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, assert_never

import structlog

from cedar_voice_service.errors import CallerError, EngineError, RateLimited
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.runtime.audio_input import AudioInput
from cedar_voice_service.runtime.backpressure import PlayoutBackpressure
from cedar_voice_service.runtime.deadline_timer import DeadlineTimer, clock_ms
from cedar_voice_service.runtime.delivery import Attachment, Delivery, Pong, Ready
from cedar_voice_service.runtime.engine_work import EngineWork
from cedar_voice_service.runtime.quotas import UNLIMITED, Quota, RateLimitedResponder
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import Limits, SessionConfig
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.history import HistoryItem
from cedar_voice_service.session.messages import TurnMetrics
from cedar_voice_service.session.resume.position import NO_PAST, Past, Position
from cedar_voice_service.session.session import Outcome, Phase, Session
from cedar_voice_shared.containers import recognize

log = structlog.get_logger("cedar_voice.session")

QUEUED_EVENTS = 64
"""Events that may wait for the session; senders wait beyond that."""

EVENTS_AT_ONCE = 4
"""Audio events before other sessions get their turn: about a second of sound."""

_Events = asyncio.Queue[ClientMessage | on.WorkEvent | on.TimePassed]


class SessionRunner:
    """A running session."""

    def __init__(
        self,
        session_id: str,
        config: SessionConfig,
        engines: Engines,
        limits: Limits,
        *,
        stage_timeout_ms: int,
        past: Past = NO_PAST,
        quota: Quota = UNLIMITED,
    ) -> None:
        self.session_id = session_id
        self.past = past
        self.resume_token = past.resume_token or secrets.token_urlsafe(32)
        self._session = Session(config, limits, stage_timeout_ms=stage_timeout_ms, past=past)
        self.delivery = Delivery(self._session.sequences.outbox)
        self._input = AudioInput(config.turn_detection, engines.decoding, quota.charge_audio)
        self._input.begin_recording(config.input_audio)
        self._events: _Events = asyncio.Queue(QUEUED_EVENTS)
        self._backpressure = PlayoutBackpressure()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._has_ended = False
        self._latest = Outcome()
        self._work = EngineWork(
            engines, term=past.term, report=self._events.put, backpressure=self._backpressure
        )

    @property
    def accepted_sequence(self) -> int:
        """Highest client sequence number accepted so far."""
        return self._session.sequences.accepted

    @property
    def durable(self) -> int:
        """Highest client sequence number not needed again, as a stream may report it now."""
        return self._session.sequences.durable

    @property
    def last_turn_id(self) -> int:
        """Number of the newest turn; 0 before the first."""
        return self._session.last_turn_id

    @property
    def history(self) -> tuple[HistoryItem, ...]:
        """The conversation so far."""
        return self._session.history.items

    def attach(self, position: Position | None) -> Attachment:
        """Attach a stream in place of the one before.

        Args:
            position: of the client in the session; None on its first stream.

        Raises:
            CallerError: the client claims to have an event that was never sent.
        """
        resume_point = self._session.sequences.resume_point(position)
        return self.delivery.attach(self._session.config, resume_point)

    async def receive(self, message: ClientMessage) -> None:
        """Queue a client message; waits while the queue is full."""
        await self._events.put(message)

    async def until_idle(self) -> None:
        """Wait until no turn is in progress, or the session is over."""
        await self._is_idle.wait()

    async def run(self) -> None:
        """Run until the client ends the session or the task is cancelled."""
        timer = DeadlineTimer(self._report_time)
        with structlog.contextvars.bound_contextvars(session_id=self.session_id):
            async with self._work:
                try:
                    while not self._has_ended:
                        await self._process(await self._events.get())
                        timer.set(self._deadline_ms)
                finally:
                    timer.set(None)
                    self._is_idle.set()
                    self._input.close()
        self.delivery.finish()

    @property
    def _deadline_ms(self) -> int | None:
        deadlines = (self._latest.deadline_ms, self._input.due_ms)
        return min((at_ms for at_ms in deadlines if at_ms is not None), default=None)

    def _report_time(self) -> None:
        if self._events.empty():  # the next event sets the timer again
            is_away = not self.delivery.is_attached
            self._events.put_nowait(on.TimePassed(is_client_away=is_away))

    # -- events --------------------------------------------------------------------------------

    async def _process(self, event: ClientMessage | on.WorkEvent | on.TimePassed) -> None:
        if self._input.is_due(clock_ms()):
            await self._process_audio()
        if not isinstance(event, ClientMessage):
            self._report(event)
            return
        if self._session.sequences.is_new(event.sequence):
            await self._process_audio_before(event)
        self._carry_out(self._session.receive(event, clock_ms()))
        if isinstance(event.event, on.AudioReceived) and not self._may_collect_audio:
            await self._process_audio()

    @property
    def _may_collect_audio(self) -> bool:
        """Whether audio can wait for the next message.

        During an answer it cannot: words, or the length of speech, interrupt the answer.
        """
        is_listening = self._latest.phase is Phase.LISTENING
        return is_listening and self._input.can_wait(clock_ms())

    async def _process_audio_before(self, message: ClientMessage) -> None:
        """Process the audio that has to be decoded before a message is processed."""
        match message.event:
            case None | on.Pinged() | on.SessionEnded():
                pass
            case on.AudioReceived(data):
                if recognize(data).may_begin:  # recognized by its first bytes, so it starts a batch
                    await self._process_audio()
            case on.ListeningStopped() | on.InputEnded():
                await self._process_audio()
                await self._report_audio(self._input.flush(), message.sequence)
            case _:
                await self._process_audio()

    async def _process_audio(self) -> None:
        """Process the collected audio, if there is any."""
        if (batch := self._input.take_batch(clock_ms())) is None:
            return
        pieces = batch.pieces
        for piece in pieces:
            await self._report_audio(self._input.process(piece), batch.last_sequence)
            if len(pieces) > 1:
                await asyncio.sleep(0)
        self._session.audio_processed(batch.first_sequence, batch.last_sequence)

    async def _report_audio(
        self, processed: Coroutine[Any, Any, Iterator[on.SpeechEvent]], sequence: int
    ) -> None:
        """Report the events of audio; each is made, and processed, before the next block is."""
        try:
            for number, event in enumerate(await processed, 1):
                self._report(event)
                if number % EVENTS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        except (CallerError, RateLimited) as error:
            self._report(on.InputRejected(error, sequence))
        except EngineError as error:
            self._report(on.AudioLost(error, sequence))

    def _report(self, event: on.Event) -> None:
        self._carry_out(self._session.report(event, clock_ms()))

    # -- commands ------------------------------------------------------------------------------

    def _carry_out(self, outcome: Outcome) -> None:
        self._latest = outcome
        for command in outcome.commands:
            self._do(command)
        self._input.drop_before(outcome.keep_audio_from_ms)
        self._backpressure.update(outcome.backlog_ms)
        if outcome.phase is Phase.IDLE:
            self._is_idle.set()
        else:
            self._is_idle.clear()

    def _do(self, command: do.Command) -> None:
        match command:
            case do.Send():
                _log_turn(command)
                self.delivery.wake()
            case do.ApplyConfig(config):
                self._input.tune(config.turn_detection)
                self.delivery.notify(Ready(config))
            case do.BeginRecording(audio_format):
                self._input.begin_recording(audio_format)
            case do.EndRecording():
                self._input.end_recording()
            case do.DecodeAudio(data, sequence):
                self._input.add(data, sequence)
            case do.StartTranscribing(from_ms=from_ms):
                self._work.transcribe(command, self._input.open_feed(from_ms))
            case do.FinishTranscribing():
                self._input.close_feed()
            case do.StartReplying() | do.StartSaying():
                self._work.answer(command)
            case do.CancelWork(work_id):
                self._work.cancel(work_id)
            case do.PurgeAudio(response_id):
                self.delivery.purge_replayed_audio(response_id)
            case do.SendPong(ping_sent_at_ms):
                self.delivery.notify(Pong(ping_sent_at_ms))
            case do.CloseStream():
                self.delivery.finish()
            case do.EndSession():
                self._has_ended = True
            case _:
                assert_never(command)


def _log_turn(sent: do.Send) -> None:
    if isinstance(sent.message, TurnMetrics):
        log.info("turn", turn_id=sent.turn_id, **asdict(sent.message))


@dataclass(frozen=True, slots=True)
class RunnerFactory:
    """Makes sessions of one process. See `SessionFactory`."""

    engines: Engines
    limits: Limits
    defaults: SessionConfig
    """Configuration of a session before its own."""
    stage_timeout_ms: int

    def __call__(
        self, session_id: str, patch: ConfigPatch, *, past: Past = NO_PAST, quota: Quota = UNLIMITED
    ) -> SessionRunner:
        """See `SessionFactory.__call__`."""
        responder = RateLimitedResponder(self.engines.responder, quota)
        return SessionRunner(
            session_id,
            self.defaults.patched(patch),
            replace(self.engines, responder=responder),
            self.limits,
            stage_timeout_ms=self.stage_timeout_ms,
            past=past,
            quota=quota,
        )
