"""Structs of JSON with the fields of a message of the contract, which alone names them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from msgspec import UNSET, Meta, Struct, UnsetType

from cedar_voice_shared.mirror import numbers_of
from cedar_voice_shared.options import Range, ranges_of

_Struct = TypeVar("_Struct", bound=Struct)
_PLAIN: Mapping[int, Any] = {
    FieldDescriptor.CPPTYPE_BOOL: bool,
    FieldDescriptor.CPPTYPE_DOUBLE: float,
    FieldDescriptor.CPPTYPE_STRING: str,
    FieldDescriptor.CPPTYPE_UINT32: Annotated[int, Meta(ge=0, le=2**32 - 1)],
}


def with_fields_of(
    message: type[Message], options: type
) -> Callable[[type[_Struct]], type[_Struct]]:
    """Return a decorator that gives a Struct the fields of a message, all of them optional.

    Their names in JSON are the contract's. The service checks the ranges of `options`; the fields
    carry them for the documents.
    """
    ranges = ranges_of(options)

    def decorate(struct: type[_Struct]) -> type[_Struct]:
        fields = [
            (
                field.name,
                _type_of(field, ranges.get(field.name)) | UnsetType,
                msgspec.field(default=UNSET, name=field.json_name),
            )
            for field in message.DESCRIPTOR.fields
        ]
        made: Any = msgspec.defstruct(
            struct.__name__,
            fields,
            bases=(struct,),
            namespace={"__doc__": struct.__doc__},
            module=struct.__module__,
        )
        return made  # type: ignore[no-any-return]

    return decorate


def _type_of(field: Any, allowed: Range | None) -> Any:
    if field.enum_type is not None:
        names = [name.lower() for name, number in numbers_of(field.enum_type).items() if number]
        return Literal.__getitem__(tuple(names))
    plain = _PLAIN[field.cpp_type]
    if allowed is None:
        return plain
    limits = {"minimum": allowed.low} | ({"maximum": allowed.high} if allowed.is_bounded else {})
    return Annotated[plain, Meta(extra_json_schema=limits)]
