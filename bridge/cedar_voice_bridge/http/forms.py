"""Forms with files, read part by part within limits of size and time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from cedar_voice_bridge.http.refusals import HttpRefusal

MAX_PARTS = 64
MAX_FIELD_BYTES = 1 << 20
"""Limit of one text field; Cedar's context is the longest."""

READ_TIMEOUT_S = 60.0
"""Longest time for an upload to arrive."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form: texts by name, and files by name."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a text field; empty if it is missing."""
        return self.fields.get(name, "")

    def missing(self, name: str) -> HttpRefusal:
        """Return the refusal of a form without this file."""
        problem = "is not a file" if name in self.fields else "is missing"
        return HttpRefusal(400, "invalid_message", f"{name}: {problem}", field=name)


async def read_form(request: web.Request, max_bytes: int) -> Form:
    """Read the form of a request.

    Args:
        request: its body is read.
        max_bytes: limit of all fields and files together.

    Raises:
        HttpRefusal: 400, 408, 413 or 415.
    """
    if request.content_type != "multipart/form-data":
        raise HttpRefusal(415, "unsupported_media_type", "the body is not multipart/form-data")
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await _read(await request.multipart(), max_bytes)
    except TimeoutError:
        raise HttpRefusal(408, "too_slow", "the body does not arrive") from None
    except (HttpProcessingError, ValueError, LookupError, AssertionError, RuntimeError):
        raise HttpRefusal(400, "invalid_message", "the body is not a form") from None


async def _read(reader: MultipartReader, max_bytes: int) -> Form:
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for _ in range(MAX_PARTS):
        part = await reader.next()
        if part is None:
            return Form(fields, files)
        if not isinstance(part, BodyPartReader) or not part.name:
            raise HttpRefusal(400, "invalid_message", "a part of the form has no name")
        if part.filename is not None:
            files[part.name] = await _content(part, max_bytes)
            max_bytes -= len(files[part.name])
        else:
            text = await _content(part, min(max_bytes, MAX_FIELD_BYTES))
            max_bytes -= len(text)
            fields[part.name] = _decoded(part.name, text)
    raise HttpRefusal(413, "message_too_large", f"a form has at most {MAX_PARTS} fields")


async def _content(part: BodyPartReader, max_bytes: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > max_bytes:
            raise _too_large(max_bytes, part.name or "")
    return bytes(content)


def _decoded(name: str, text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise HttpRefusal(400, "invalid_message", f"{name}: is not text", field=name) from None


def _too_large(max_bytes: int, name: str = "") -> HttpRefusal:
    what = name or "the body"
    return HttpRefusal(
        413, "message_too_large", f"{what}: is longer than {max_bytes} bytes", field=name
    )
