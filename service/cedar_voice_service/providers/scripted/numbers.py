"""Reads numbers from words: "25", "2.5", "twenty five", "three hundred and two". Pure."""

from collections.abc import Iterable
from itertools import dropwhile, takewhile

_VALUES = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
_LINKS = ("hundred", "thousand", "and")


def number_in(words: Iterable[str]) -> int | float | None:
    """Return the first number that is spoken or written in `words`; None without one."""
    parts = [part for word in words for part in word.lower().split("-") if part]
    digits = next((number for part in parts if (number := _digits(part)) is not None), None)
    if digits is not None:
        return digits
    spoken = list(takewhile(_is_number_word, dropwhile(lambda part: part not in _VALUES, parts)))
    return _sum(spoken) if spoken else None


def _digits(word: str) -> int | float | None:
    if not word[0].isdecimal():
        return None
    try:
        return float(word) if "." in word else int(word)
    except ValueError:
        return None


def _is_number_word(word: str) -> bool:
    return word in _VALUES or word in _LINKS


def _sum(words: list[str]) -> int:
    total, group = 0, 0
    for word in words:
        if word == "hundred":
            group *= 100
        elif word == "thousand":
            total, group = total + group * 1000, 0
        else:
            group += _VALUES.get(word, 0)
    return total + group
