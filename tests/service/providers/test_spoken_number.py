"""Numbers among spoken words."""

import pytest

from cedar_voice_service.providers.scripted.numbers import number_in


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("25", 25),
        ("about 2.5 percent", 2.5),
        ("twenty five", 25),
        ("twenty-five degrees", 25),
        ("a hundred", None),
        ("three hundred and two", 302),
        ("two thousand and twenty six", 2026),
        ("zero", 0),
        ("none at all", None),
        ("3rd", None),
        ("", None),
    ],
)
def test_numbers(words: str, number: float | None) -> None:
    assert number_in(words.split()) == number
