"""JSON Schemas of clients: checked, and enforced as far as it is safe to.

A schema comes from outside and decides how much work a check is. So it has a size, a check has a
number of steps, nothing is fetched for a reference, and regular expressions are not run: one of
them can hold the process for ever, as references can that multiply.
"""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

MAX_VALUES = 2_000
"""Values in all schemas of a client, nested ones included: each takes 0.05 ms to check."""

MAX_STEPS = 10_000
"""Keywords evaluated in one check: as many as a list of a thousand objects has."""

_REFERENCES = ("$ref", "$dynamicRef")

Keyword = Callable[..., Iterator[Any] | None]

_steps_left: ContextVar[int] = ContextVar("_steps_left")


class _TooMuchWork(Exception):
    """A check has used up its steps."""


def _counted(keyword: Keyword) -> Keyword:
    def check(*arguments: Any) -> Iterator[Any] | None:
        steps_left = _steps_left.get()
        if not steps_left:
            raise _TooMuchWork
        _steps_left.set(steps_left - 1)
        return keyword(*arguments)

    return check


def _not_enforced(*_: Any) -> Iterator[Any]:
    return iter(())


def _additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[Any] | None:
    if "patternProperties" in schema:  # they determine which properties are additional
        return None
    keyword: Keyword = Draft202012Validator.VALIDATORS["additionalProperties"]
    return keyword(validator, allowed, instance, schema)


_KEYWORDS: dict[str, Keyword] = {
    **Draft202012Validator.VALIDATORS,
    "pattern": _not_enforced,
    "patternProperties": _not_enforced,
    "unevaluatedProperties": _not_enforced,
    "additionalProperties": _additional,
}

_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {name: _counted(keyword) for name, keyword in _KEYWORDS.items()}
)


def count_values(schema: object) -> int:
    """Return the number of values in a schema, nested ones included."""
    waiting, count = [schema], 0
    while waiting:
        count += 1
        match waiting.pop():
            case dict() as mapping:
                waiting.extend(mapping.values())
            case list() as items:
                waiting.extend(items)
            case _:
                pass
    return count


def problem_of(schema: object) -> str:
    """Return the reason why `schema` cannot be used; empty where it can."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return 'must be a JSON Schema whose type is "object"'
    if any(not reference.startswith("#") for reference in _references_in(schema)):
        return "refers to another document"
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return "is not a valid JSON Schema"
    return "" if _is_checked_in_time(schema) else "takes too much work to check"


def accepts(schema: Mapping[str, Any], instance: object) -> bool:
    """Return whether the schema accepts `instance`; patterns of text are not enforced.

    An instance that takes too much work to check is not accepted.
    """
    try:
        return _check(schema, instance)
    except (Unresolvable, RecursionError, _TooMuchWork):
        return False


def _check(schema: Mapping[str, Any], instance: object) -> bool:
    _steps_left.set(MAX_STEPS)
    # An empty registry: references to other documents cannot be resolved.
    return bool(_Validator(schema, registry=Registry()).is_valid(instance))


def _is_checked_in_time(schema: Mapping[str, Any]) -> bool:
    try:
        _check(schema, {})
    except Unresolvable:
        return True  # no arguments are accepted
    except (RecursionError, _TooMuchWork):
        return False
    return True


def _references_in(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as mapping:
                waiting.extend(mapping.values())
                yield from (str(mapping[key]) for key in _REFERENCES if key in mapping)
            case list() as items:
                waiting.extend(items)
            case _:
                pass
