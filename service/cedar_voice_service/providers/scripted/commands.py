"""Finds a declared tool and its arguments in the words of the user. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cedar_voice_service.providers.scripted.numbers import number_in
from cedar_voice_service.session.config import Tool

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LINKS = frozenset({"to", "as", "is", "with", "equals"})
_FILLERS = frozenset({"the", "a", "an", "my", "and", "please"})
_BOOLEANS = {
    **dict.fromkeys(("on", "true", "yes", "enabled"), True),
    **dict.fromkeys(("off", "false", "no", "disabled"), False),
}

JsonScalar = str | bool | int | float


@dataclass(frozen=True, slots=True)
class SpokenCommand:
    """A tool that the user named; `missing` are required arguments that the user did not name."""

    tool: Tool
    spoken_name: str
    arguments: Mapping[str, JsonScalar]
    missing: tuple[str, ...] = ()


def words_of(text: str) -> list[str]:
    """Split text into words, without punctuation."""
    return _WORD.findall(text)


def find_command(text: str, tools: Sequence[Tool]) -> SpokenCommand | None:
    """Find the tool whose name, or whose setter's name, is spoken in `text`.

    The longest name wins, then the tool declared first. "Set the theme to dark" names `setTheme`.
    """
    words = words_of(text)
    named = [(name, tool) for tool in tools for name in _names_of(tool) if _names(words, name)]
    if not named:
        return None
    name, tool = max(named, key=lambda found: len(found[0]))
    spoken = _SpokenArguments(_after(words, name))
    properties: Mapping[str, Any] = tool.parameters.get("properties", {})
    values = {key: spoken.value(key, properties) for key in properties}
    arguments = {key: value for key, value in values.items() if value is not None}
    missing = tuple(key for key in tool.parameters.get("required", ()) if key not in arguments)
    return SpokenCommand(tool, " ".join(name), arguments, missing)


def _names_of(tool: Tool) -> list[list[str]]:
    names = [_spoken(tool.name), _spoken(tool.setter_key)]
    return [name for name in names if name]


def _spoken(identifier: str) -> list[str]:
    return [part.lower() for part in _NAME_PART.findall(identifier)]


def _names(words: list[str], name: list[str]) -> bool:
    return set(name) <= {word.lower() for word in words}


def _after(words: list[str], name: list[str]) -> list[str]:
    lowered = [word.lower() for word in words]
    return words[max(lowered.index(part) for part in name) + 1 :]


class _SpokenArguments:
    """The words that follow the tool's name."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._lowered = [word.lower() for word in words]

    def value(self, key: str, properties: Mapping[str, Any]) -> JsonScalar | None:
        """Return the value of one property; None if it is not spoken or no scalar."""
        spoken = self._spoken_for(key, properties)
        schema = properties[key] if isinstance(properties[key], Mapping) else {}
        if "enum" in schema:
            return _choice(spoken, schema["enum"])
        match schema.get("type", "string"):
            case "string":
                return " ".join(spoken) or None
            case "integer" | "number" as kind:
                number = number_in(spoken)
                return int(number) if number is not None and kind == "integer" else number
            case "boolean":
                return next((_BOOLEANS[word] for word in _lower(spoken) if word in _BOOLEANS), None)
            case _:
                return None

    def _spoken_for(self, key: str, properties: Mapping[str, Any]) -> list[str]:
        # The words after the property's own name, up to the next property's; without its name,
        # all of them.
        starts = sorted(place for other in properties if (place := self._place(other)) is not None)
        own = self._place(key)
        if own is None:
            return _trimmed(self._words[: starts[0]] if starts else self._words)
        end = next((start for start in starts if start > own), len(self._words))
        return _trimmed(self._words[own + len(_spoken(key)) : end])

    def _place(self, key: str) -> int | None:
        name = _spoken(key)
        places = range(len(self._words) - len(name) + 1)
        return next((at for at in places if self._lowered[at : at + len(name)] == name), None)


def _trimmed(words: list[str]) -> list[str]:
    start, end = 0, len(words)
    while start < end and words[start].lower() in _LINKS | _FILLERS:
        start += 1
    while end > start and words[end - 1].lower() in _FILLERS:
        end -= 1
    return words[start:end]


def _choice(spoken: list[str], choices: Sequence[JsonScalar]) -> JsonScalar | None:
    text = f" {' '.join(_lower(spoken))} "
    return next(
        (choice for choice in choices if f" {' '.join(_spoken(str(choice)))} " in text), None
    )


def _lower(words: list[str]) -> list[str]:
    return [word.lower() for word in words]
