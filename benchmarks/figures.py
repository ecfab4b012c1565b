"""Computes the displayed figures from the measurements. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles

from benchmarks.level import Measured
from benchmarks.notes import Turn
from benchmarks.recording import load_recording

Figures = dict[str, float | None]
"""Figures of one level by name, with the unit in the name; None without a measurement."""

MEANINGS = {
    "sessions": "sessions at once",
    "turns": "turns measured",
    "failed_turns": "turns without an answer",
    "floor_sentence_ms": "floor: first audio, sentence-wise (ms)",
    "floor_clause_ms": "floor: first audio, first clause at once (ms)",
    "final_p50_ms": "stop to final, p50 (ms)",
    "final_p95_ms": "stop to final, p95 (ms)",
    "final_ratio": "stop to final, p50 / floor",
    "first_text_p50_ms": "stop to first text, p50 (ms)",
    "first_text_p95_ms": "stop to first text, p95 (ms)",
    "first_text_ratio": "stop to first text, p50 / floor",
    "first_audio_p50_ms": "stop to first audio, p50 (ms)",
    "first_audio_p95_ms": "stop to first audio, p95 (ms)",
    "first_audio_ratio": "stop to first audio, p50 / floor",
    "first_audio_p95_ratio": "stop to first audio, p95 / floor",
    "first_audio_clause_ratio": "stop to first audio, p50 / clause floor",
    "first_audio_spread": "stop to first audio, p95 / p50",
    "floor_beside_ratio": "floor during the load / floor before it",
    "cpu_ms_per_turn": "processor time per session's turn (ms)",
    "memory_mb_per_session": "peak memory over idle, per session (MB)",
    "stall_mean_ms": "playback stall per answer, mean (ms)",
    "stall_max_ms": "playback stall, worst answer (ms)",
    "stt_s_per_speech_s": "audio sent to STT per second spoken (s)",
    "partials_per_turn": "partials per turn",
    "stable_delay_p50_ms": "end of word to word stable, p50 (ms)",
    "stable_delay_p95_ms": "end of word to word stable, p95 (ms)",
    "stable_words_share": "words shown as stable before the final",
    "retractions": "partials that change stable text",
    "corrections": "finals that change stable text",
    "cut_p50_ms": "barge-in to the end of the answer, p50 (ms)",
    "cut_p95_ms": "barge-in to the end of the answer, p95 (ms)",
    "last_audio_p95_ms": "barge-in to last audio sent, p95 (ms)",
    "drafts_per_turn": "drafts begun, per turn",
    "dropped_drafts_per_turn": "drafts dropped, per turn",
    "load": "load average of the last minute",
}


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile, interpolated between the nearest values.

    Raises:
        ValueError: `values` is empty.
    """
    if not values:
        raise ValueError("no values")
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def figures_of(measured: Measured) -> Figures:
    """Return the figures of a level, in the order of `MEANINGS`."""
    floor_ms = median(turn.sentence_audio_ms for turn in measured.floor)
    beside_ms = [turn.sentence_audio_ms for turn in measured.floor_beside]
    known: Figures = {
        "sessions": measured.sessions,
        "turns": len(measured.turns),
        "failed_turns": len(measured.failures),
        "floor_sentence_ms": floor_ms,
        "floor_clause_ms": median(turn.clause_audio_ms for turn in measured.floor),
        "floor_beside_ratio": median(beside_ms) / floor_ms if beside_ms else None,
        "load": measured.load,
    }
    if measured.turns:
        known |= _latencies(measured) | _costs(measured) | _hearing(measured.turns)
        known |= _interruption(measured.turns)
    return {name: known.get(name) for name in MEANINGS}


def _latencies(measured: Measured) -> Figures:
    floor, turns = measured.floor, measured.turns
    final_ms = [turn.final_ms for turn in turns]
    text_ms = [turn.first_text_ms for turn in turns]
    audio_ms = [turn.first_audio_ms for turn in turns]
    floor_ms = median(turn.sentence_audio_ms for turn in floor)
    return {
        "final_p50_ms": median(final_ms),
        "final_p95_ms": p95(final_ms),
        "final_ratio": median(final_ms) / median(turn.final_ms for turn in floor),
        "first_text_p50_ms": median(text_ms),
        "first_text_p95_ms": p95(text_ms),
        "first_text_ratio": median(text_ms) / median(turn.first_text_ms for turn in floor),
        "first_audio_p50_ms": median(audio_ms),
        "first_audio_p95_ms": p95(audio_ms),
        "first_audio_ratio": median(audio_ms) / floor_ms,
        "first_audio_p95_ratio": p95(audio_ms) / floor_ms,
        "first_audio_clause_ratio": median(audio_ms)
        / median(turn.clause_audio_ms for turn in floor),
        "first_audio_spread": p95(audio_ms) / median(audio_ms),
    }


def _costs(measured: Measured) -> Figures:
    turns = measured.turns
    stalls_ms = [turn.stall_ms for turn in turns]
    memory_bytes = measured.used.peak_rss_bytes - measured.idle.rss_bytes
    spoken_ms = load_recording().duration_ms * (len(turns) + len(measured.failures))
    return {
        "cpu_ms_per_turn": (measured.used.cpu_ms - measured.idle.cpu_ms) / len(turns),
        "memory_mb_per_session": memory_bytes / measured.sessions / 1e6,
        "stall_mean_ms": fmean(stalls_ms),
        "stall_max_ms": max(stalls_ms),
        "stt_s_per_speech_s": measured.stt_audio_ms / spoken_ms,
        "drafts_per_turn": fmean(turn.drafts for turn in turns),
        "dropped_drafts_per_turn": fmean(turn.dropped_drafts for turn in turns),
    }


def _hearing(turns: Sequence[Turn]) -> Figures:
    delays_ms = [delay_ms for turn in turns for delay_ms in turn.stable_delays_ms]
    words = len(turns) * len(load_recording().words)
    return {
        "partials_per_turn": fmean(turn.partials for turn in turns),
        "stable_delay_p50_ms": _of_some(median, delays_ms),
        "stable_delay_p95_ms": _of_some(p95, delays_ms),
        "stable_words_share": len(delays_ms) / words,
        "retractions": sum(turn.retractions for turn in turns),
        "corrections": sum(turn.corrections for turn in turns),
    }


def _interruption(turns: Sequence[Turn]) -> Figures:
    cuts_ms = _known(turn.cut_ms for turn in turns)
    return {
        "cut_p50_ms": _of_some(median, cuts_ms),
        "cut_p95_ms": _of_some(p95, cuts_ms),
        "last_audio_p95_ms": _of_some(p95, _known(turn.last_audio_ms for turn in turns)),
    }


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _of_some(figure: Callable[[Sequence[float]], float], values: Sequence[float]) -> float | None:
    return figure(values) if values else None


@dataclass(frozen=True, slots=True)
class Target:
    """Upper limit of a figure, at some numbers of sessions; at every number when none is named."""

    figure: str
    at_most: float
    sessions: tuple[int, ...] = ()

    def is_for(self, figures: Figures) -> bool:
        """Whether the target applies to a level."""
        return not self.sessions or figures["sessions"] in self.sessions

    def is_met(self, figures: Figures) -> bool:
        """Whether a level meets it; without the figure, or with failed turns, it does not."""
        value = figures[self.figure]
        return value is not None and value <= self.at_most and not figures["failed_turns"]


PUSH_TO_TALK = (
    Target("first_audio_ratio", 0.85, (1, 10, 50)),
    Target("first_audio_ratio", 1.0, (100,)),
)
HEARD_AHEAD = (Target("first_audio_ratio", 0.6, (10,)),)
ALWAYS = (
    Target("first_audio_spread", 1.25),
    Target("cpu_ms_per_turn", 100, (50,)),
    Target("memory_mb_per_session", 3, (50, 100)),
    Target("stall_max_ms", 0, (50,)),
    Target("stt_s_per_speech_s", 4),
    Target("retractions", 0),
    Target("corrections", 0),
)


def targets_of(measured: Measured) -> tuple[Target, ...]:
    """Return the targets of a level, by the behaviour of its users."""
    habits = measured.habits
    if habits.mode != "manual":
        return ALWAYS
    is_ahead = habits.drafts and habits.pause_ms > 0
    return (HEARD_AHEAD if is_ahead else PUSH_TO_TALK) + ALWAYS
