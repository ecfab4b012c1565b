"""JSON Schemas of clients: checked, and enforced as far as it is safe to.

A schema comes from outside and decides how much work a check is. So nothing is fetched for a
reference, and regular expressions are not run: one of them can hold the process for ever.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

_REFERENCES = ("$ref", "$dynamicRef")


def _not_enforced(*_: Any) -> Iterator[Any]:
    return iter(())


# Which properties are additional depends on the patterns of others.
_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _not_enforced,
        "patternProperties": _not_enforced,
        "unevaluatedProperties": _not_enforced,
        "additionalProperties": lambda validator, allowed, instance, schema: (
            iter(())
            if "patternProperties" in schema
            else Draft202012Validator.VALIDATORS["additionalProperties"](
                validator, allowed, instance, schema
            )
        ),
    },
)


def problem_of(schema: object) -> str:
    """What keeps `schema` from being used; empty when nothing does."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return 'must be a JSON Schema whose type is "object"'
    if any(not reference.startswith("#") for reference in _references_in(schema)):
        return "refers to another document"
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return "is not a valid JSON Schema"
    return ""


def accepts(schema: Mapping[str, Any], instance: object) -> bool:
    """Whether `instance` is what the schema describes, patterns of text left aside."""
    try:
        # An empty registry: a reference that leads elsewhere leads nowhere.
        return bool(_Validator(schema, registry=Registry()).is_valid(instance))
    except (Unresolvable, RecursionError):
        return False


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
