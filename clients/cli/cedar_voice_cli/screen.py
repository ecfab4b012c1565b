"""The display of a conversation: a live line on a terminal, plain lines elsewhere."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cedar_voice_client import events
from cedar_voice_client.enums import InterruptionReason


class Screen(Protocol):
    """Shows the events of a session as they arrive, within its context."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, event: events.Event) -> None:
        """Show an event, unless it has nothing for the user."""
        ...


def screen_on(console: Console) -> Screen:
    """Return the live screen for a terminal, the plain one for anything else."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


class PlainScreen:
    """Plain lines, for files, pipes and logs."""

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
        """Print an event as a line, or continue the line of the answer."""
        match event:
            case events.Transcription(is_final=False):
                stable, unstable = _parts_of(event)
                self._print(Text(f"partial: {stable}" + (f"[{unstable}]" if unstable else "")))
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
    """Final lines scroll up; below them, one line is redrawn while its text changes."""

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
        """Redraw the live line, and print the event if it is final."""
        self._redraw(event)
        for line in lines_of(event):
            self._console.print(line)

    def _redraw(self, event: events.Event) -> None:
        match event:
            case events.Transcription(is_final=False):
                stable, unstable = _parts_of(event)
                partial = Text.assemble(("partial: ", "dim"), stable, (unstable, "dim italic"))
                self._wait("listening", partial)
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
    """Return the final lines of an event; none for an event that is not final."""
    match event:
        case events.Transcription(text=text, is_final=True):
            return [_labelled("you", text or "(no speech recognized)", "bold cyan")]
        case events.ResponseCompleted(text=text, error=None):
            return [_labelled("answer", text, "bold green")]
        case events.ResponseCompleted(error=events.ErrorEvent() as error):
            return lines_of(error)
        case events.Action():
            return [_labelled("action", _call_of(event), "bold magenta")]
        case events.Interruption(reason=InterruptionReason.TURN_REOPENED):
            return [_labelled("reopened", "the turn continues, its answer is dropped", "yellow")]
        case events.Interruption(heard_ms=heard_ms):
            return [
                _labelled("interrupted", f"after {heard_ms / 1_000:.1f} s of the answer", "yellow")
            ]
        case events.ErrorEvent(message=message, stage=stage, code=code):
            name = code.name.lower()
            return [_labelled("error", f"{message} ({stage.name.lower()}, {name})", "bold red")]
        case events.TurnMetrics():
            parts = {"latency": _latencies_of(event), "turn": _record_of(event)}
            return [_labelled(label, text, "dim") for label, text in parts.items() if text]
        case _:
            return []


def _parts_of(partial: events.Transcription) -> tuple[str, str]:
    """Return the stable text of a partial, and the rest, which may still change.

    Recognizers that report no stable text are shown as if all of it were stable.
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
        "first audio": metrics.response_latency_ms,
        "transcript": metrics.stt_final_ms,
        "first token": metrics.llm_first_token_ms,
        "first phrase": metrics.first_phrase_ms,
        "first synthesized audio": metrics.tts_first_audio_ms,
        "first playback": metrics.first_heard_ms,
        "whole turn": metrics.turn_total_ms,
    }
    return ", ".join(f"{name} {ms} ms" for name, ms in stages.items() if ms is not None)


def _record_of(metrics: events.TurnMetrics) -> str:
    """Return the durations and counts of a turn, without those that are zero."""
    lengths_ms = {
        "received": metrics.input_audio_ms,
        "of speech": metrics.speech_ms,
        "transcribed": metrics.stt_audio_ms,
        "of answer": metrics.output_audio_ms,
    }
    counts = {
        "tokens": metrics.usage.total_tokens if metrics.usage else 0,
        "drafts": metrics.drafts,
        "dropped drafts": metrics.dropped_drafts,
        "tokens of dropped drafts": metrics.dropped_draft_tokens,
    }
    return ", ".join(
        [f"{ms / 1_000:.1f} s {name}" for name, ms in lengths_ms.items() if ms]
        + [f"{name} {count}" for name, count in counts.items() if count]
    )
