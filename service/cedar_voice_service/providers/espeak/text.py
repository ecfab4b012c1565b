"""Text for a speech synthesizer: without odd symbols, and in sentences. Pure."""

import re
import unicodedata
from collections.abc import Iterator

_LONGEST_CHARACTERS = 300
_PUNCTUATION = frozenset(".,;:!?'\"’‘“”()-–—…¿¡、。，！？%&+@/°")
_PLAIN_PUNCTUATION = frozenset(".,?!")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+|(?<=[。！？])")


def sentences_of(text: str) -> Iterator[str]:
    """Cut text into sentences of at most 300 characters, without symbols that are not spoken."""
    for sentence in _SENTENCE_END.split(_keep(text, _PUNCTUATION)):
        yield from _shortened(sentence.strip())


def plain(text: str) -> str:
    """Remove everything but letters, digits and the punctuation that every language has."""
    return _keep(text, _PLAIN_PUNCTUATION)


def _keep(text: str, punctuation: frozenset[str]) -> str:
    kept = "".join(
        character if _is_spoken(character) or character in punctuation else " "
        for character in text
    )
    return " ".join(kept.split())


def _is_spoken(character: str) -> bool:
    # Letters, their marks, digits, and signs of currency.
    category = unicodedata.category(character)
    return category[0] in "LM" or category in {"Nd", "Sc"}


def _shortened(sentence: str) -> Iterator[str]:
    while len(sentence) > _LONGEST_CHARACTERS:
        cut = _place_to_cut(sentence)
        yield sentence[:cut].rstrip()
        sentence = sentence[cut:].lstrip()
    if any(_is_spoken(character) for character in sentence):
        yield sentence


def _place_to_cut(sentence: str) -> int:
    head = sentence[:_LONGEST_CHARACTERS]
    places = (head.rfind(mark) + 1 for mark in (", ", "; ", " "))
    return next((place for place in places if place > _LONGEST_CHARACTERS // 2), len(head))
