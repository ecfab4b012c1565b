"""Sends the messages of a session on its present stream."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import cedar_voice.v1 as pb
from cedar_voice_client.errors import VoiceClientError
from cedar_voice_client.recovery.link import Link


class Sender:
    """The sending side of a session: buffered messages go out once per stream, in order.

    While there is no stream, buffered messages wait for the next one and all others are dropped.

    Args:
        can_recover: whether a broken stream is replaced.
    """

    def __init__(self, *, can_recover: bool) -> None:
        self.link: Link | None = None
        """The present stream; None before the first and during an outage."""
        self._can_recover = can_recover
        self._may_send = asyncio.Lock()

    def attach(self, link: Link) -> None:
        """Send on this stream from now on."""
        self.link = link

    def detach(self) -> None:
        """Stop sending: the stream is broken."""
        self.link = None

    async def resync(self, link: Link) -> None:
        """Send everything that the session lacks on a new stream, then send on it from now on.

        Raises:
            VoiceClientError: the new stream is broken as well.
        """
        async with self._may_send:  # a message sent meanwhile follows those before it
            await link.send_missing()
            self.attach(link)

    async def send_buffered(self) -> None:
        """Send every buffered message that the present stream has not carried yet."""
        async with self._may_send:
            if (link := self.link) is not None:
                with self._errors_left_to_receive():
                    await link.send_buffered()

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Send a message that is not buffered."""
        if (link := self.link) is not None:
            with self._errors_left_to_receive():
                await link.send(request)

    async def done_sending(self) -> None:
        """Send every buffered message, and half-close the present stream."""
        await self.send_buffered()
        if (link := self.link) is not None:
            with self._errors_left_to_receive():
                await link.done_sending()

    @contextmanager
    def _errors_left_to_receive(self) -> Iterator[None]:
        """Suppress the error of a send if the stream is replaced: the receiving task gets the same
        error, and reconnects.
        """
        try:
            yield
        except VoiceClientError:
            if not self._can_recover:
                raise
