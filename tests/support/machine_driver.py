"""Drives the turn machine by hand: a clock, and its messages and commands in order."""

from collections.abc import Iterator
from typing import TypeVar

from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.config import Limits, SessionConfig, TurnDetection, TurnMode
from cedar_voice_service.session.resume.position import NO_PAST, Past
from cedar_voice_service.session.session import Phase, Session

Kind = TypeVar("Kind")

STAGE_TIMEOUT_MS = 15_000

MANUAL = SessionConfig(turn_detection=TurnDetection(mode=TurnMode.MANUAL))


class MachineDriver:
    """A machine with a clock in milliseconds and a microphone with blocks of 100 ms."""

    def __init__(self, config: SessionConfig | None = None, past: Past = NO_PAST) -> None:
        self.machine = Session(
            config or SessionConfig(),
            Limits(max_history_items=50),
            stage_timeout_ms=STAGE_TIMEOUT_MS,
            past=past,
        )
        self.now_ms = 1_000
        self.heard_ms = 0
        self.commands: list[do.Command] = []
        self.is_client_away = False

    def let(self, *events: on.Event) -> list[do.Command]:
        """Apply events now, and return the commands that follow."""
        start = len(self.commands)
        for event in events:
            self.commands += self.machine.report(event, self.now_ms).commands
        return self.commands[start:]

    @property
    def transcribing(self) -> int:
        """Number of the newest recognizer's work."""
        return self.asked_for(do.StartTranscribing)[-1].work_id

    def is_in(self, phase: Phase) -> bool:
        """Whether the session is busy with this."""
        return self.machine.phase is phase

    def wait(self, ms: int) -> None:
        """Advance the clock, deadlines included."""
        until_ms = self.now_ms + ms
        while (deadline := self.machine.deadline_ms) is not None and deadline <= until_ms:
            self.now_ms = max(self.now_ms, deadline)
            self.let(on.TimePassed(self.is_client_away))
        self.now_ms = until_ms

    def hear(self, ms: int, *edges: on.SpeechStarted | on.SpeechStopped) -> None:
        """Receive audio in real time, with the edges in its first block."""
        for _ in range(0, ms, 100):
            self.heard_ms += 100
            self.wait(100)
            self.let(*edges, on.AudioAdvanced(self.heard_ms))
            edges = ()

    def speak(self, ms: int) -> None:
        """Begin speech, and continue it for `ms`."""
        self.hear(ms, on.SpeechStarted(self.heard_ms))

    def pause(self, ms: int) -> None:
        """Stop speech, and stay silent for `ms`."""
        self.hear(ms, on.SpeechStopped(self.heard_ms))

    def asked_for(self, kind: type[Kind]) -> list[Kind]:
        """The commands of a kind so far."""
        return [command for command in self.commands if isinstance(command, kind)]

    @property
    def said(self) -> list[msg.Message]:
        """The messages so far, purged ones included."""
        return [command.message for command in self.sends()]

    def sends(self) -> Iterator[do.Send]:
        """The messages so far with their turns."""
        return (command for command in self.commands if isinstance(command, do.Send))

    def said_of(self, kind: type[Kind]) -> list[Kind]:
        """The messages of a kind so far."""
        return [message for message in self.said if isinstance(message, kind)]
