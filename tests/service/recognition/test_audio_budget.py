"""Pauses between requests to a recognizer that fails."""

from cedar_voice_service.recognition.audio_budget import AudioBudget


def held_ms(budget: AudioBudget, now_ms: int, pause_ms: int = 0) -> int:
    """The pause after a failure."""
    budget.failed(now_ms, pause_ms)
    return next(after_ms for after_ms in range(100_000) if not budget.is_held(now_ms + after_ms))


def test_pauses_after_failures_double_up_to_a_limit() -> None:
    budget = AudioBudget()
    pauses_ms = [held_ms(budget, number * 20_000) for number in range(6)]
    assert pauses_ms == [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]


def test_an_answer_ends_the_doubling() -> None:
    budget = AudioBudget()
    held_ms(budget, 0)
    held_ms(budget, 5_000)
    budget.succeeded()
    assert held_ms(budget, 10_000) == 1_000


def test_the_recognizer_may_ask_for_more() -> None:
    assert held_ms(AudioBudget(), 0, 6_000) == 6_000
    assert held_ms(AudioBudget(), 0, 100) == 1_000
