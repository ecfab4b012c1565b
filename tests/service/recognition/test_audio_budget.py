"""How long a recognizer that fails is left alone."""

from cedar_voice_service.recognition.audio_budget import Spending


def held_ms(spending: Spending, now_ms: int, pause_ms: int = 0) -> int:
    """The pause after a failure."""
    spending.failed(now_ms, pause_ms)
    return next(after_ms for after_ms in range(100_000) if not spending.is_held(now_ms + after_ms))


def test_pauses_after_failures_double_up_to_a_limit() -> None:
    spending = Spending()
    pauses_ms = [held_ms(spending, number * 20_000) for number in range(6)]
    assert pauses_ms == [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]


def test_an_answer_ends_the_doubling() -> None:
    spending = Spending()
    held_ms(spending, 0)
    held_ms(spending, 5_000)
    spending.succeeded()
    assert held_ms(spending, 10_000) == 1_000


def test_the_recognizer_may_ask_for_more() -> None:
    assert held_ms(Spending(), 0, 6_000) == 6_000
    assert held_ms(Spending(), 0, 100) == 1_000
