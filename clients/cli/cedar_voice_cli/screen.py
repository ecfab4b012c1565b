"""How a conversation is shown: a live line on a terminal, plain lines elsewhere."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cedar_voice_client import events


class Screen(Protocol):
    """Shows events as they come, while inside its context."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, event: events.Event) -> None:
        """Show what an event says, if it says anything to people."""
        ...


def screen_on(console: Console) -> Screen:
    """The screen that fits where the console prints."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


class PlainScreen:
    """Lines only: for files, pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_in_answer = False
        self._has_deltas = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_answer()

    def show(self, event: events.Event) -> None:
        """Print a line, or more of the answer's line."""
        match event:
            case events.Transcription(text=text, is_final=False):
                self._print(Text(f"hearing: {text}"))
            case events.ResponseDelta(text=text):
                if not self._is_in_answer:
                    self._console.print("answer: ", end="")
                self._is_in_answer = self._has_deltas = True
                self._console.print(text, end="", markup=False)
            case events.ResponseCompleted(error=None) if self._has_deltas:
                self._end_answer()
                self._has_deltas = False
            case _:
                for line in lines_of(event):
                    self._print(line)

    def _print(self, line: Text) -> None:
        self._end_answer()
        self._console.print(line)

    def _end_answer(self) -> None:
        if self._is_in_answer:
            self._console.print()
        self._is_in_answer = False


class LiveScreen:
    """What is final scrolls up; below it a line lives while it changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=12)
        self.doing = ""
        self._answer = ""
        self._answer_ms = 0

    def __enter__(self) -> Self:
        self._live.start()
        self._wait("listening")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.update(Text())
        self._live.stop()

    def show(self, event: events.Event) -> None:
        """Redraw what is not final and print what is."""
        self._redraw(event)
        for line in lines_of(event):
            self._console.print(line)

    def _redraw(self, event: events.Event) -> None:
        match event:
            case events.Transcription(text=text, is_final=False):
                self._wait("listening", f"hearing: {text}")
            case events.Transcription() | events.ResponseStarted():
                self._answer, self._answer_ms = "", 0
                self._wait("thinking")
            case events.ResponseDelta(text=text):
                self._answer += text
                self._show_answer()
            case events.AudioChunk(duration_ms=duration_ms):
                self._answer_ms += duration_ms
                self._show_answer()
            case events.ResponseCompleted():
                self._answer = ""
                self._show_answer()
            case _:
                pass

    def _show_answer(self) -> None:
        self._wait(f"speaking {self._answer_ms / 1_000:.1f} s", self._answer)

    def _wait(self, doing: str, text: str = "") -> None:
        self.doing = doing
        spinner = Spinner("dots", Text(doing, style="dim"))
        wrapped = Text(text, style="dim", no_wrap=False, overflow="fold")
        self._live.update(Group(wrapped, spinner) if text else spinner, refresh=True)


def lines_of(event: events.Event) -> list[Text]:
    """What an event says for good."""
    match event:
        case events.Transcription(text=text, is_final=True):
            return [_labelled("you", text or "(nothing was understood)", "bold cyan")]
        case events.ResponseCompleted(text=text, error=None):
            return [_labelled("answer", text, "bold green")]
        case events.ResponseCompleted(error=events.ErrorEvent() as error):
            return lines_of(error)
        case events.Action():
            return [_labelled("action", _call_of(event), "bold magenta")]
        case events.Interruption(heard_ms=heard_ms):
            return [_labelled("interrupted", f"after {heard_ms / 1_000:.1f} s", "yellow")]
        case events.ErrorEvent(message=message, stage=stage, code=code):
            name = code.name.lower()
            return [_labelled("error", f"{message} ({stage.name.lower()}, {name})", "bold red")]
        case events.TurnMetrics():
            return [_labelled("latency", _latencies_of(event), "dim")]
        case _:
            return []


def _labelled(label: str, text: str, style: str) -> Text:
    return Text.assemble((f"{label}: ", style), text)


def _call_of(action: events.Action) -> str:
    if not action.state_key:
        return f"{action.tool_name}({action.arguments_json})"
    return f"{action.state_key}.{action.setter_key}({action.args_json[1:-1]})"


def _latencies_of(metrics: events.TurnMetrics) -> str:
    stages = {
        "to first audio": metrics.response_latency_ms,
        "transcript": metrics.stt_final_ms,
        "first token": metrics.llm_first_token_ms,
        "first speech": metrics.tts_first_audio_ms,
        "whole turn": metrics.turn_total_ms,
    }
    return ", ".join(f"{name} {ms} ms" for name, ms in stages.items() if ms is not None)
