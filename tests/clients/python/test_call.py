"""An order of events that real gRPC produces too rarely for a test.

Everything else of a call is proved over real gRPC in `test_stream.py`.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import InvalidRequest
from cedar_voice_client.call import Call


class Overwritten:
    """A call of grpc.aio whose status arrives and is then overwritten by a failing write."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code
        self._tell: Callable[[Any], None] = print

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._tell = callback

    async def code(self) -> grpc.StatusCode:
        return self._code

    async def details(self) -> str:
        return "as the server said"

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata()

    async def __aiter__(self) -> AsyncIterator[pb.VoiceSessionResponse]:
        yield pb.VoiceSessionResponse(sequence=1)
        self._tell(self)
        raise grpc.aio.AioRpcError(
            grpc.StatusCode.INTERNAL,
            grpc.aio.Metadata(),
            grpc.aio.Metadata(),
            "Internal error from Core",
        )


async def after_the_first(code: grpc.StatusCode) -> pb.VoiceSessionResponse | None:
    overwritten: Any = Overwritten(code)
    call = Call(overwritten)
    first = await call.read()
    assert first is not None and first.sequence == 1
    return await call.read()


async def test_a_good_end_stays_a_good_end() -> None:
    assert await after_the_first(grpc.StatusCode.OK) is None


async def test_a_bad_end_keeps_its_reason() -> None:
    with pytest.raises(InvalidRequest, match="as the server said"):
        await after_the_first(grpc.StatusCode.INVALID_ARGUMENT)
