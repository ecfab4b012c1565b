"""The display of a conversation, on a terminal and elsewhere."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from cedar_voice_cli.screen import LiveScreen, PlainScreen, screen_on
from cedar_voice_client import ErrorCode, events
from cedar_voice_client.enums import FinishReason, InterruptionReason, PipelineStage

ERROR = events.ErrorEvent(
    code=ErrorCode.LLM_FAILED,
    message="the model is away",
    retryable=True,
    fatal=False,
    retry_after_ms=0,
    stage=PipelineStage.LLM,
    client_sequence=0,
    field="",
)


def transcription(text: str, *, is_final: bool, stable_text: str = "") -> events.Transcription:
    return events.Transcription(
        text=text,
        is_final=is_final,
        confidence=None,
        stable_text=stable_text,
        continues=False,
        start_ms=0,
        end_ms=900,
    )


def completed(text: str, error: events.ErrorEvent | None = None) -> events.ResponseCompleted:
    return events.ResponseCompleted(
        response_id=1, text=text, finish_reason=FinishReason.STOP, usage=None, error=error
    )


def delta(text: str) -> events.ResponseDelta:
    return events.ResponseDelta(response_id=1, text=text)


CHUNK = events.AudioChunk(
    response_id=1, data=b"x", is_last=False, offset_ms=0, duration_ms=1_500, format=None, text=""
)
INTERRUPTION = events.Interruption(
    response_id=1, reason=InterruptionReason.USER_SPEECH, heard_ms=1_250, kept_text="On"
)


def shown(*heard: events.Event, is_terminal: bool = False) -> str:
    console = Console(
        file=StringIO(), force_terminal=is_terminal, highlight=False, soft_wrap=True, width=60
    )
    with screen_on(console) as screen:
        for event in heard:
            screen.show(event)
    output: str = console.file.getvalue()  # type: ignore[attr-defined]
    return output


def test_an_answer_is_written_as_it_comes_and_interrupted_lines_are_ended() -> None:
    action = events.Action(
        action_id="1",
        state_key="",
        setter_key="",
        args_json="[]",
        tool_name="look",
        arguments_json='{"at":"it"}',
        response_id=1,
    )
    said = shown(delta("One, "), action, delta("two."), completed("One, two."))
    assert said == 'answer: One, \naction: look({"at":"it"})\nanswer: two.\n'


def test_an_answer_without_deltas_is_written_whole() -> None:
    assert shown(completed("One [bold]two[/bold].")) == "answer: One [bold]two[/bold].\n"


def test_failures_and_interruptions_are_shown() -> None:
    assert shown(delta("On"), completed("On", ERROR)) == (
        "answer: On\nerror: the model is away (llm, llm_failed)\n"
    )
    assert shown(INTERRUPTION) == "interrupted: after 1.2 s of the answer\n"
    assert shown(transcription("", is_final=True)) == "you: (no speech recognized)\n"


def test_unstable_text_of_a_partial_is_marked() -> None:
    assert shown(
        transcription("what is the thyme", is_final=False, stable_text="what is "),
        transcription("what is the", is_final=False, stable_text="what is the"),
        transcription("what is", is_final=False),
    ) == ("partial: what is [the thyme]\npartial: what is the\npartial: what is\n")
    partial = transcription("what is the thyme", is_final=False, stable_text="what is ")
    styled = shown(partial, is_terminal=True)
    assert "what is \x1b[2;3mthe thyme\x1b[0m" in styled


def test_a_reopened_turn_drops_its_answer() -> None:
    reopened = replace(INTERRUPTION, reason=InterruptionReason.TURN_REOPENED, heard_ms=0)
    assert shown(reopened) == "reopened: the turn continues, its answer is dropped\n"


def test_the_metrics_of_a_turn_leave_out_zeros() -> None:
    record = events.TurnMetrics(
        response_latency_ms=321,
        endpointing_ms=None,
        stt_final_ms=12,
        llm_first_token_ms=None,
        llm_total_ms=None,
        tts_first_audio_ms=40,
        turn_total_ms=None,
        input_audio_ms=2_100,
        output_audio_ms=3_040,
        interrupted=False,
        first_phrase_ms=200,
        first_heard_ms=350,
        speech_ms=1_800,
        stt_audio_ms=None,
        usage=events.Usage(prompt_tokens=30, completion_tokens=12, total_tokens=42),
        drafts=2,
        dropped_drafts=1,
        dropped_draft_tokens=14,
    )
    assert shown(record) == (
        "latency: first audio 321 ms, transcript 12 ms, first phrase 200 ms, "
        "first synthesized audio 40 ms, first playback 350 ms\n"
        "turn: 2.1 s received, 1.8 s of speech, 3.0 s of answer, tokens 42, drafts 2, "
        "dropped drafts 1, tokens of dropped drafts 14\n"
    )


def test_a_terminal_gets_the_live_screen() -> None:
    assert isinstance(screen_on(Console(file=StringIO())), PlainScreen)
    assert isinstance(screen_on(Console(file=StringIO(), force_terminal=True)), LiveScreen)


def test_a_terminal_keeps_what_is_final_and_shows_progress() -> None:
    said = shown(
        transcription("what is", is_final=False),
        transcription("what is it", is_final=True),
        delta("A voice."),
        CHUNK,
        CHUNK,
        completed("A voice."),
        INTERRUPTION,
        is_terminal=True,
    )
    assert "you: " in said and "what is it" in said
    assert "A voice." in said
    assert "interrupted: " in said
    live = LiveScreen(Console(file=StringIO(), force_terminal=True))
    with live:
        live.show(delta("A voice."))
        live.show(CHUNK)
        live.show(CHUNK)
        assert live.doing == "speaking 3.0 s"
        live.show(completed("A voice."))
        live.show(transcription("more", is_final=False))
        assert live.doing == "listening"


def test_a_long_answer_is_seen_whole_while_it_comes() -> None:
    words = [f"word{number}" for number in range(30)]
    said = shown(delta(" ".join(words)), is_terminal=True)
    assert all(word in said for word in words)
