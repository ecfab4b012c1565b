"""Words as they are compared: without case, punctuation and the ways to write the same letter."""

import unicodedata


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in comparable form; those of punctuation alone are left out."""
    folded = unicodedata.normalize("NFKC", text).casefold().split()
    bare = ("".join(char for char in word if char.isalnum()) for word in folded)
    return tuple(word for word in bare if word)
