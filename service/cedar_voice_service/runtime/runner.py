"""One session: the task that owns its machine, and the work that the machine asks for.

Only this task touches the machine, so there are no locks. A session outlives its streams.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, assert_never

import structlog

from cedar_voice_service.errors import CallerError, Code, EngineError, RateLimited, Stage
from cedar_voice_service.providers.catalog import Engines
from cedar_voice_service.providers.protocols import ReplyRequest, Responder
from cedar_voice_service.runtime.audio_feed import AudioFeed
from cedar_voice_service.runtime.audio_input import Listener
from cedar_voice_service.runtime.backpressure import Stock
from cedar_voice_service.runtime.deadline_timer import Alarm, clock_ms
from cedar_voice_service.runtime.delivery import Attachment, Delivery, Pong, Ready
from cedar_voice_service.runtime.input_batch import HEARD_BYTES
from cedar_voice_service.runtime.llm_stage import Reciter, Writer
from cedar_voice_service.runtime.quotas import UNLIMITED, Quota
from cedar_voice_service.runtime.stt_stage import transcribe
from cedar_voice_service.runtime.tts_stage import Speaker
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import Limits, SessionConfig
from cedar_voice_service.session.history import HistoryItem
from cedar_voice_service.session.machine import Machine, Phase
from cedar_voice_service.session.messages import TurnMetrics
from cedar_voice_service.session.resume.durability import Watermark
from cedar_voice_service.session.resume.inbox import Inbox
from cedar_voice_service.session.resume.position import NO_PAST, Past, Position
from cedar_voice_shared.containers import recognize

log = structlog.get_logger("cedar_voice.session")

QUEUED_EVENTS = 64
"""Events that may wait for the session; senders wait beyond that."""

EVENTS_AT_ONCE = 4
"""Events of the ear before other sessions get their turn: about a second of sound."""

PHRASES_QUEUED = 256
"""Phrases that the writer may be ahead of the speaker."""


Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Received:
    """A client message with its place in the client's sequence, and what the client has.

    The event is None where the message carries nothing else, or nothing that is known.
    """

    event: on.RequestEvent | None
    sequence: int = 0
    ack: int = 0


_Events = asyncio.Queue[Received | on.WorkEvent | on.TimePassed]


@dataclass(frozen=True, slots=True)
class _Signals:
    """What is waited for: that more answer audio is wanted, and that no turn is in progress."""

    stock: Stock = field(default_factory=Stock)
    idle: asyncio.Event = field(default_factory=asyncio.Event)


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
        self.delivery = Delivery(limits.replay_buffer_bytes, last_sequence=past.last_sequence)
        self._inbox = Inbox()
        self._watermark = Watermark()
        self._engines = engines
        self._machine = Machine(
            config,
            max_history_items=limits.max_history_items,
            stage_timeout_ms=stage_timeout_ms,
        )
        self._machine.go_on_from(past)
        self._listener = Listener(config.turn_detection, engines.decoding, quota.hear)
        self._listener.begin(config.input_audio)
        self._events: _Events = asyncio.Queue(QUEUED_EVENTS)
        self._signals = _Signals()
        self._signals.idle.set()
        self._work: dict[int, asyncio.Task[None]] = {}

    @property
    def accepted_sequence(self) -> int:
        """Highest client sequence accepted so far."""
        return self._inbox.accepted

    @property
    def told_durable(self) -> int:
        """Highest client sequence that is not needed again, as a stream may be told now."""
        told = self.delivery.told_durable
        return self._watermark.durable if told is None else told

    @property
    def last_turn_id(self) -> int:
        """The newest turn; 0 before the first."""
        return self._machine.last_turn_id

    @property
    def history(self) -> tuple[HistoryItem, ...]:
        """The conversation so far."""
        return self._machine.history.items

    def attach(self, position: Position | None) -> Attachment:
        """Make a stream the one that is written to.

        Args:
            position: of the client in the session; None on its first stream.

        Raises:
            CallerError: the client claims to have what was never sent.
        """
        has_heard_of_us = position is not None and position.term in (0, self.past.term)
        after = position.sequence if position and has_heard_of_us else self.past.last_sequence
        return self.delivery.attach(
            self._machine.config,
            resume_after=None if position is None else after,
            is_restored=self.past.is_lost_session and not has_heard_of_us,
        )

    async def receive(self, received: Received) -> None:
        """Hand over a client message; waits while the session has too many."""
        await self._events.put(received)

    async def until_idle(self) -> None:
        """Wait until no turn is in progress, or the session is over."""
        await self._signals.idle.wait()

    async def run(self) -> None:
        """Live until the client ends the session or the task is cancelled."""
        alarm = Alarm(self._tell_time)
        with structlog.contextvars.bound_contextvars(session_id=self.session_id):
            async with asyncio.TaskGroup() as group:
                try:
                    while await self._take(await self._events.get(), group):
                        alarm.set(self._deadline_ms)
                finally:
                    alarm.set(None)
                    self._signals.idle.set()
                    self._listener.close()
                    for task in self._work.values():
                        task.cancel()
        self.delivery.finish()

    @property
    def _deadline_ms(self) -> int | None:
        deadlines = (self._machine.deadline_ms, self._listener.unheard.due_ms)
        return min((at_ms for at_ms in deadlines if at_ms is not None), default=None)

    def _tell_time(self) -> None:
        if self._events.empty():  # whatever is taken next sets the alarm again
            is_away = not self.delivery.is_attached
            self._events.put_nowait(on.TimePassed(is_client_away=is_away))

    async def _take(
        self, item: Received | on.WorkEvent | on.TimePassed, group: asyncio.TaskGroup
    ) -> bool:
        """Take one event; False when the session is over."""
        due_ms = self._listener.unheard.due_ms
        if due_ms is not None and due_ms <= clock_ms():
            await self._hear_all(group)
        if not isinstance(item, Received):
            self._handle(item, group)
            return True
        self.delivery.acknowledge(item.ack)
        if not self._inbox.accept(item.sequence):
            return True
        match item.event:
            case None:
                pass
            case on.Pinged(sent_at_ms):
                self.delivery.notify(Pong(sent_at_ms))
            case on.AudioReceived(data):
                if recognize(data).may_begin:  # a header is recognized at the front of a piece only
                    await self._hear_all(group)
                self._listener.unheard.add(data, item.sequence)
                if not self._may_hear_later or self._listener.unheard.is_worth_hearing(clock_ms()):
                    await self._hear_all(group)
            case on.SessionEnded():
                self._handle(on.InterruptRequested(), group)
                return False
            case _:
                await self._hear_all(group)
                if isinstance(item.event, on.ListeningStopped | on.InputEnded):
                    await self._hear(self._listener.flush(), item.sequence, group)
                self._handle(item.event, group, item.sequence)
        return True

    @property
    def _may_hear_later(self) -> bool:
        """In the midst of speech: where it ends is known later by a piece or two at most.

        Not over an answer, which the words, or the length, of what is said cut off.
        """
        return self._machine.phase is Phase.LISTENING and self._listener.is_in_speech

    async def _hear_all(self, group: asyncio.TaskGroup) -> None:
        """Hear what waits to be heard, if anything does."""
        if self._listener.unheard.due_ms is None:
            return
        data, first_sequence, sequence = self._listener.unheard.take(clock_ms())
        for start in range(0, len(data), HEARD_BYTES):
            piece = data[start : start + HEARD_BYTES]
            await self._hear(self._listener.hear(piece), sequence, group)
            if len(data) > HEARD_BYTES:
                await asyncio.sleep(0)
        self._watermark.heard(first_sequence, sequence, self._machine.heard_ms)

    async def _hear(
        self,
        heard: Coroutine[Any, Any, Iterator[on.EarEvent]],
        sequence: int,
        group: asyncio.TaskGroup,
    ) -> None:
        try:
            for number, event in enumerate(await heard, 1):
                self._handle(event, group)
                if number % EVENTS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        except (CallerError, RateLimited) as error:
            self._handle(on.InputRefused(error, sequence), group)
        except EngineError as error:
            self._handle(on.InputLost(error, sequence), group)

    def _handle(self, event: on.Event, group: asyncio.TaskGroup, sequence: int = 0) -> None:
        commands = self._machine.handle(event, clock_ms())
        said = [index for index, command in enumerate(commands) if isinstance(command, do.Send)]
        last_said = said[-1] if said else 0
        needed_from_ms = self._machine.needs_audio_from_ms
        self._watermark.settle(needed_from_ms)
        for command in commands[:last_said]:
            self._do(command, group)
        # A client that has heard all that its message caused need not send it again, no sooner: the
        # end of the answer before comes first, and tells nothing of a text that was typed.
        if sequence:
            self._watermark.handled(sequence)
            self._watermark.settle(needed_from_ms)
        for command in commands[last_said:]:
            self._do(command, group)
        self._listener.forget(self._machine.untaken_from_ms)
        if self._machine.phase is Phase.IDLE:
            self._signals.idle.set()
        else:
            self._signals.idle.clear()
        self._signals.stock.note(self._machine.backlog_ms)

    def _do(self, command: do.Command, group: asyncio.TaskGroup) -> None:
        match command:
            case do.Send(message, turn_id):
                if isinstance(message, TurnMetrics):
                    log.info("turn", turn_id=turn_id, **asdict(message))
                self.delivery.send(message, turn_id, self._watermark.durable)
            case do.ApplyConfig(config):
                self._listener.tune(config.turn_detection)
                self.delivery.notify(Ready(config))
            case do.BeginRecording(audio_format):
                self._listener.begin(audio_format)
            case do.EndRecording():
                self._listener.end()
            case do.StartTranscribing(work_id, from_ms, language):
                feed = self._listener.open_feed(from_ms)
                self._spawn(group, work_id, partial(self._transcribe, work_id, feed, language))
            case do.FinishTranscribing():
                self._listener.close_feed()
            case do.StartReplying():
                self._spawn(group, command.work_id, partial(self._reply, command))
            case do.StartReciting():
                self._spawn(group, command.work_id, partial(self._recite, command))
            case do.CancelWork(work_id):
                self._cancel(work_id)
            case do.PurgeSpeech(response_id):
                self.delivery.purge_speech(response_id)
            case do.CloseStream():
                self.delivery.finish()
            case _:
                assert_never(command)

    def _spawn(self, group: asyncio.TaskGroup, work_id: int, work: Work) -> None:
        task = group.create_task(self._guard(work_id, work))
        self._work[work_id] = task
        task.add_done_callback(lambda _: self._work.pop(work_id, None))

    def _cancel(self, work_id: int) -> None:
        if (task := self._work.get(work_id)) is not None:
            task.cancel()

    async def _guard(self, work_id: int, work: Work) -> None:
        """The edge at which a defect of an engine costs a turn, not the session."""
        try:
            await work()
        except Exception:
            log.exception("work failed", work_id=work_id)
            error = EngineError(Stage.TRANSPORT, "internal error", code=Code.INTERNAL)
            await self._events.put(on.WorkFailed(work_id, error))

    async def _transcribe(self, work_id: int, feed: AudioFeed, language: str) -> None:
        try:
            await transcribe(
                self._engines.transcriber,
                feed,
                work_id=work_id,
                language=language,
                report=self._events.put,
            )
        finally:
            feed.close()

    async def _reply(self, command: do.StartReplying) -> None:
        config = command.config
        request = ReplyRequest(
            command.history,
            language=config.settings.language,
            context_json=config.context_json,
            system_prompt=config.generation.system_prompt,
            tools=config.tools,
            temperature=config.generation.temperature,
            max_output_tokens=config.generation.max_output_tokens,
        )
        await self._answer(self._engines.responder, request, config, command.work_id)

    async def _recite(self, command: do.StartReciting) -> None:
        reciter = Reciter(command.text)
        await self._answer(reciter, ReplyRequest(()), command.config, command.work_id)

    async def _answer(
        self, responder: Responder, request: ReplyRequest, config: SessionConfig, work_id: int
    ) -> None:
        phrases: asyncio.Queue[str | None] = asyncio.Queue(PHRASES_QUEUED)
        writer = Writer(
            responder, phrases, work_id=work_id, term=self.past.term, report=self._events.put
        )
        speaker = Speaker(
            self._engines.synthesizer,
            config,
            work_id=work_id,
            report=self._events.put,
            stock=self._signals.stock,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run(request))
            group.create_task(speaker.run(phrases))
