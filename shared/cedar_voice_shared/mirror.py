"""Messages of the contract mirrored by records: dataclasses, or whatever is built from keywords.

A record mirrors a message: fields of the same name carry the same value. So one reader and one
writer serve service, SDK and bridge, and a field that one side lacks is a failed test. Enumerations
are matched by the names of their members: `TurnMode.MANUAL`, or the text `manual`, is
`TURN_DETECTION_MODE_MANUAL`. Knows no message by name. Pure.
"""

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

_T = TypeVar("_T")
_Convert = Callable[[Any], Any]


class Absence(Enum):
    """The value of a record's field whose message field is not set."""

    OMITTED = "omitted"
    """The record has a default."""
    NONE = "none"
    EMPTY = "empty"
    """The record needs a value: the message's default."""


class _Field(NamedTuple):
    """A field that record and message have both, and how it is read."""

    name: str
    has_presence: bool
    absence: Absence
    convert: _Convert | None


def read(kind: Callable[..., _T], message: Message, /, **known: Any) -> _T:
    """Build a record from its message, and from values that are already known."""
    for name, has_presence, absence, convert in _fields(kind, message.DESCRIPTOR):
        if name in known:
            continue
        if has_presence and absence is not Absence.EMPTY and not message.HasField(name):
            if absence is Absence.NONE:
                known[name] = None
            continue
        value = getattr(message, name)
        known[name] = convert(value) if convert else value
    return kind(**known)


def changes(kind: Callable[..., Any], message: Message) -> dict[str, Any]:
    """Return the fields of a record that its message sets, all fields of which have presence."""
    return {
        name: convert(getattr(message, name)) if convert else getattr(message, name)
        for name, _, _, convert in _fields(kind, message.DESCRIPTOR)
        if message.HasField(name)
    }


def write(record: Any, message: Message) -> None:
    """Set the fields of a message that a record, or a dict, has too and that are not None.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: a number does not fit its field.
    """
    value_of = record.get if isinstance(record, dict) else partial(getattr, record)
    for name, is_message, numbers in _places(message.DESCRIPTOR):
        item = value_of(name, None)
        if item is None:
            continue
        if isinstance(item, tuple):
            getattr(message, name).extend(item)
        elif is_message:
            part = getattr(message, name)
            part.SetInParent()
            write(item, part)
        else:
            setattr(message, name, item if numbers is None else _number(item, numbers))


def numbers_of(enum: EnumDescriptor) -> Mapping[str, int]:
    """Return the numbers of an enumeration by the names of its values, without their prefix."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix): value.number for value in enum.values}


@cache
def _places(message: Descriptor) -> tuple[tuple[str, bool, Mapping[str, int] | None], ...]:
    """Name of each field, whether it is a message, and of an enumeration its numbers."""
    return tuple(
        (
            field.name,
            field.message_type is not None,
            numbers_of(field.enum_type) if field.enum_type else None,
        )
        for field in message.fields
    )


def _number(item: Any, numbers: Mapping[str, int]) -> int:
    """Return the number of a member; 0 for one that the contract leaves unspecified."""
    return numbers.get(item.name if isinstance(item, Enum) else item.upper(), 0)


@cache
def _fields(kind: Callable[..., Any], message: Descriptor) -> tuple[_Field, ...]:
    parameters = inspect.signature(kind).parameters
    return tuple(
        _Field(
            field.name,
            field.has_presence,
            _absence(parameters[field.name]),
            _convert(field, parameters[field.name]),
        )
        for field in message.fields
        if field.name in parameters
    )


def _absence(parameter: inspect.Parameter) -> Absence:
    if parameter.default is not parameter.empty:
        return Absence.OMITTED
    return Absence.NONE if NoneType in get_args(parameter.annotation) else Absence.EMPTY


def _convert(field: FieldDescriptor, parameter: inspect.Parameter) -> _Convert | None:
    """Return the conversion of a message's value to the declared type; None for the same value."""
    declared = _one_of(parameter.annotation)
    is_tuple = get_origin(declared) is tuple
    item = get_args(declared)[0] if is_tuple else declared
    convert: _Convert | None = None
    if field.message_type is not None:
        convert = partial(read, item)
    elif field.enum_type is not None:
        members = _members(item, field.enum_type, parameter.default)
        convert = partial(_member, members, members[0])
    if not is_tuple:
        return convert
    return tuple if convert is None else lambda items: tuple(map(convert, items))


def _one_of(declared: Any) -> Any:
    """Return the first type of a union: the others stand for no value."""
    if get_origin(declared) in (Union, UnionType):
        return next(choice for choice in get_args(declared) if choice is not NoneType)
    return declared


def _members(kind: Any, enum: EnumDescriptor, default: Any) -> Mapping[int, Any]:
    """Return the members of an enumeration by their numbers, that of 0 among them.

    A member is text unless an `Enum` is declared. Without a member for the unspecified value, the
    field's default stands for it.
    """
    names = {number: name for name, number in numbers_of(enum).items()}
    if not (isinstance(kind, type) and issubclass(kind, Enum)):
        return {number: name.lower() if number else "" for number, name in names.items()}
    known = kind.__members__
    return {0: default} | {number: known[name] for number, name in names.items() if name in known}


def _member(members: Mapping[int, Any], unknown: Any, number: int) -> Any:
    return members.get(number, unknown)
