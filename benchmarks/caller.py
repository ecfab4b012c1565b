"""A simulated user: speaks in real time, hears or interrupts the answer, and records the times."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from benchmarks.lines import Event, Line, Setup, Transport, TurnMode, open_line
from benchmarks.notes import Notes, Turn
from benchmarks.recording import PIECE_MS, Encoding, load_recording
from tests.support.openai_script import Pace

ANSWER_TIMEOUT_S = 20.0
"""Longest wait for the answer's first sound, or for its end."""

ANSWER_S = 17.8
"""Duration of the provider's answer as speech."""

_GRACE_S = 0.3
"""Time after an interruption in which late audio still counts."""

_METRICS_S = 3.0
"""Longest wait for the metrics of a turn; without them only the drafts are unknown."""


class TurnFailed(Exception):
    """The product reported an error, ended the session or did not answer."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Behaviour of the users of a level.

    Attributes:
        pause_ms: silence between the last word and `stop_listening`, of push to talk.
        silence_ms: silence that ends a turn, where the server detects the end.
        listen_s: time after which an answer is interrupted; 0 hears all of it.
    """

    transport: Transport = "grpc"
    mode: TurnMode = "manual"
    encoding: Encoding = "webm"
    pause_ms: int = 0
    silence_ms: int = 500
    listen_s: float = 2.0
    drafts: bool = True

    @property
    def turn_s(self) -> float:
        """Approximate duration of a turn, in seconds."""
        return load_recording().duration_ms / 1000 + 1.5 + (self.listen_s or ANSWER_S)


class Caller:
    """One session, with one turn after the other."""

    def __init__(self, line: Line, habits: Habits) -> None:
        recording = load_recording()
        is_manual = habits.mode == "manual"
        silence_ms = habits.pause_ms if is_manual else round(habits.turn_s * 1000)
        self._line = line
        self._habits = habits
        self._words = recording.words
        self._pieces = line.packed(
            recording.followed_by_silence(silence_ms).pieces(habits.encoding)
        )
        self._notes = Notes((), 0)
        self._old_turn_id = self._turn_id = 0
        self._old_response_id = self._response_id = 0
        self._changed = asyncio.Event()
        self._failure = ""
        self._is_answer_over = False

    async def turn(self) -> Turn:
        """Speak, receive the answer, and return the measured turn.

        Raises:
            TurnFailed: there was no answer.
        """
        self._old_turn_id, self._old_response_id = self._turn_id, self._response_id
        self._is_answer_over = False
        await self._line.start()
        self._notes = notes = Notes(self._words, time.monotonic())
        if self._habits.mode == "manual":
            await self._speak()
            notes.ended_s = time.monotonic()
            await self._line.stop()
            await self._hear_answer()
        else:
            end_ms = self._words[-1].end_ms + self._habits.silence_ms
            notes.ended_s = notes.began_s + end_ms / 1000
            async with self._speaking():
                await self._hear_answer()
        if self._habits.listen_s:
            await self._cut_off()
        await self._hear_metrics()
        try:
            return notes.turn()
        except ValueError as missing:
            raise TurnFailed(str(missing)) from None

    async def _speak(self) -> None:
        pace = Pace(PIECE_MS, PIECE_MS)
        for piece in self._pieces:
            await pace.tick()
            # Cancelling a gRPC write cancels its whole call.
            await asyncio.shield(self._line.send(piece))

    @asynccontextmanager
    async def _speaking(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(self._speak())
            yield
            speaking.cancel()

    async def _hear_answer(self) -> None:
        await self._wait(lambda: bool(self._notes.audio), load_recording().duration_ms / 1000)
        if self._habits.listen_s:
            await asyncio.sleep(self._habits.listen_s)
        else:
            await self._wait(lambda: self._is_answer_over, ANSWER_S)

    async def _cut_off(self) -> None:
        """Interrupt by a command, or by speech where the server detects turns."""
        self._notes.interrupted_s = time.monotonic()
        if self._habits.mode == "manual":
            await self._line.interrupt()
            await self._wait(self._is_cut)
        else:
            self._notes.interrupted_s += self._words[0].start_ms / 1000
            async with self._speaking():
                await self._wait(self._is_cut)
        await asyncio.sleep(_GRACE_S)

    async def _hear_metrics(self) -> None:
        """Wait for the metrics of the turn, which follow the playback of the answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_METRICS_S):
                while not self._notes.has_metrics and not self._failure:
                    self._changed.clear()
                    await self._changed.wait()

    def _is_cut(self) -> bool:
        return self._is_answer_over and self._notes.cut_s is not None

    async def _wait(self, until: Callable[[], bool], expected_s: float = 0.0) -> None:
        try:
            async with asyncio.timeout(expected_s + ANSWER_TIMEOUT_S):
                while not until():
                    if self._failure:
                        raise TurnFailed(self._failure)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TurnFailed("the product did not answer in time") from None

    async def listen(self) -> None:
        """Record every event until the session ends."""
        try:
            async with aclosing(self._line.events()) as events:
                async for event in events:
                    self._note(event, time.monotonic())
                    self._changed.set()
        finally:
            self._failure = self._failure or "the session ended"
            self._changed.set()

    def _note(self, event: Event, at_s: float) -> None:
        notes = self._notes
        is_of_turn = event.turn_id > self._old_turn_id
        is_of_answer = event.response_id > self._old_response_id
        match event.kind:
            case "partial" if is_of_turn and notes.interrupted_s is None:
                notes.hear_partial(at_s, event.stable_text)
            case "final" if is_of_turn and notes.interrupted_s is None:
                self._turn_id = event.turn_id
                notes.hear_final(at_s, event.text)
            case "text" if is_of_answer:
                notes.first_text_s = notes.first_text_s or at_s
            case "audio" if is_of_answer:
                self._response_id = event.response_id
                if event.has_audio:
                    notes.audio.append((at_s, event.duration_ms))
                self._is_answer_over = self._is_answer_over or event.is_last
            case "interruption" if is_of_answer:
                notes.cut_s = at_s
            case "metrics" if event.turn_id > self._old_turn_id:
                notes.has_metrics = True
                notes.drafts += event.drafts
                notes.dropped_drafts += event.dropped_drafts
            case "error":
                self._failure = event.message or "an error without a message"
            case _:
                pass


@asynccontextmanager
async def calling(address: str, habits: Habits) -> AsyncIterator[Caller]:
    """Open a session, and end it on exit."""
    setup = Setup(habits.mode, habits.encoding, habits.silence_ms, habits.drafts)
    async with open_line(habits.transport, address, setup) as line:
        caller = Caller(line, habits)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(caller.listen())
            try:
                yield caller
                await line.end()
            finally:
                listening.cancel()
