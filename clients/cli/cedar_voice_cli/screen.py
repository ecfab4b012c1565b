"""How a conversation is shown: a live line on a terminal, plain lines elsewhere."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cedar_voice_client import events
from cedar_voice_client.enums import InterruptionReason


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
            case events.Transcription(is_final=False):
                stable, unstable = _parts_of(event)
                self._print(Text(f"hearing: {stable}" + (f"[{unstable}]" if unstable else "")))
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
        self._wait("listening", Text())
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
            case events.Transcription(is_final=False):
                stable, unstable = _parts_of(event)
                said = Text.assemble(("hearing: ", "dim"), stable, (unstable, "dim italic"))
                self._wait("listening", said)
            case events.Transcription() | events.ResponseStarted():
                self._answer, self._answer_ms = "", 0
                self._wait("thinking", Text())
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
        answer = Text(self._answer, style="dim")
        self._wait(f"speaking {self._answer_ms / 1_000:.1f} s", answer)

    def _wait(self, doing: str, text: Text) -> None:
        self.doing = doing
        spinner = Spinner("dots", Text(doing, style="dim"))
        text.no_wrap, text.overflow = False, "fold"
        self._live.update(Group(text, spinner) if text else spinner, refresh=True)


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
        case events.Interruption(reason=InterruptionReason.TURN_REOPENED):
            return [_labelled("taken back", "the turn goes on", "yellow")]
        case events.Interruption(heard_ms=heard_ms):
            return [_labelled("interrupted", f"after {heard_ms / 1_000:.1f} s", "yellow")]
        case events.ErrorEvent(message=message, stage=stage, code=code):
            name = code.name.lower()
            return [_labelled("error", f"{message} ({stage.name.lower()}, {name})", "bold red")]
        case events.TurnMetrics():
            parts = {"latency": _latencies_of(event), "turn": _record_of(event)}
            return [_labelled(label, text, "dim") for label, text in parts.items() if text]
        case _:
            return []


def _parts_of(partial: events.Transcription) -> tuple[str, str]:
    """What stays of a partial and what may still change; a recognizer that does not tell means
    all of it to stay.
    """
    stable = partial.stable_text or partial.text
    return stable, partial.text.removeprefix(stable)


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
        "first phrase": metrics.first_phrase_ms,
        "first speech": metrics.tts_first_audio_ms,
        "first heard": metrics.first_heard_ms,
        "whole turn": metrics.turn_total_ms,
    }
    return ", ".join(f"{name} {ms} ms" for name, ms in stages.items() if ms is not None)


def _record_of(metrics: events.TurnMetrics) -> str:
    """What the turn was made of; what there was nothing of is left out."""
    lengths_ms = {
        "of input": metrics.input_audio_ms,
        "of speech": metrics.speech_ms,
        "recognized": metrics.stt_audio_ms,
        "answered": metrics.output_audio_ms,
    }
    counts = {
        "tokens": metrics.usage.total_tokens if metrics.usage else 0,
        "drafts": metrics.drafts,
        "dropped": metrics.dropped_drafts,
        "their tokens": metrics.dropped_draft_tokens,
    }
    return ", ".join(
        [f"{ms / 1_000:.1f} s {name}" for name, ms in lengths_ms.items() if ms]
        + [f"{name} {count}" for name, count in counts.items() if count]
    )
