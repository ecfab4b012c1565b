"""The engine tasks of one session: transcription and answers, each with the number of its work."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import structlog

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.providers.protocols import ReplyRequest, Responder
from cedar_voice_service.runtime.audio_feed import AudioFeed
from cedar_voice_service.runtime.backpressure import PlayoutBackpressure
from cedar_voice_service.runtime.llm_stage import LlmStage, VerbatimResponder
from cedar_voice_service.runtime.stt_stage import Report, SttStage
from cedar_voice_service.runtime.tts_stage import TtsStage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import SessionConfig

log = structlog.get_logger("cedar_voice.session")

PHRASES_QUEUED = 256
"""Phrases that the language model may be ahead of the synthesizer."""

Work = Callable[[], Coroutine[Any, Any, None]]


class EngineWork:
    """Starts and cancels the tasks of a session's engines. Enter it before the first start.

    Args:
        engines: of the pipeline.
        term: of the session.
        report: awaited with each report of an engine.
        backpressure: slows synthesis that is ahead of playback.
    """

    def __init__(
        self, engines: Engines, *, term: int, report: Report, backpressure: PlayoutBackpressure
    ) -> None:
        self._engines = engines
        self._term = term
        self._report = report
        self._backpressure = backpressure
        self._group = asyncio.TaskGroup()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def __aenter__(self) -> "EngineWork":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        for task in self._tasks.values():
            task.cancel()
        await self._group.__aexit__(*exc_info)

    def transcribe(self, command: do.StartTranscribing, feed: AudioFeed) -> None:
        """Start to transcribe the audio of a feed."""
        self._start(command.work_id, partial(self._transcribe, command, feed))

    def answer(self, command: do.StartReplying | do.StartSaying) -> None:
        """Start an answer of the language model, or to speak a given text."""
        responder, request = self._engines.responder, ReplyRequest(())
        if isinstance(command, do.StartSaying):
            responder = VerbatimResponder(command.text)
        else:
            request = self._request(command)
        answer = partial(self._answer, responder, request, command.config, command.work_id)
        self._start(command.work_id, answer)

    def cancel(self, work_id: int) -> None:
        """Cancel a piece of work; nothing happens once it is over."""
        if (task := self._tasks.get(work_id)) is not None:
            task.cancel()

    def _request(self, command: do.StartReplying) -> ReplyRequest:
        config = command.config
        return ReplyRequest(
            command.history,
            language=config.settings.language,
            context_json=config.context_json,
            system_prompt=config.generation.system_prompt,
            tools=config.tools,
            temperature=config.generation.temperature,
            max_output_tokens=config.generation.max_output_tokens,
        )

    def _start(self, work_id: int, work: Work) -> None:
        task = self._group.create_task(self._guard(work_id, work))
        self._tasks[work_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(work_id, None))

    async def _guard(self, work_id: int, work: Work) -> None:
        """Run the work; a defect of an engine costs a turn, not the session."""
        try:
            await work()
        except Exception:
            log.exception("work failed", work_id=work_id)
            error = EngineError(Stage.TRANSPORT, "internal error", code=Code.INTERNAL)
            await self._report(on.WorkFailed(work_id, error))

    async def _transcribe(self, command: do.StartTranscribing, feed: AudioFeed) -> None:
        stage = SttStage(
            self._engines.transcriber,
            work_id=command.work_id,
            language=command.language,
            report=self._report,
        )
        try:
            await stage.run(feed)
        finally:
            feed.close()

    async def _answer(
        self, responder: Responder, request: ReplyRequest, config: SessionConfig, work_id: int
    ) -> None:
        phrases: asyncio.Queue[str | None] = asyncio.Queue(PHRASES_QUEUED)
        llm = LlmStage(responder, phrases, work_id=work_id, term=self._term, report=self._report)
        tts = TtsStage(
            self._engines.synthesizer,
            config,
            work_id=work_id,
            report=self._report,
            backpressure=self._backpressure,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(llm.run(request))
            group.create_task(tts.run(phrases))
