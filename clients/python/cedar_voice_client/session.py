"""One conversation: methods for the actions of the user, and an iterator of typed events."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

import cedar_voice.v1 as pb
from cedar_voice_client.errors import SessionClosed, VoiceClientError
from cedar_voice_client.events import Event, InputLost, Ready, SessionRestored
from cedar_voice_client.options import AudioFormat, SessionOptions
from cedar_voice_client.recovery.resuming_stream import ResumingStream
from cedar_voice_client.wire import config_from_options, event_from_proto, ready_from_proto
from cedar_voice_shared.mirror import write

_CLOSE_TIMEOUT_S = 2.0


class VoiceSession(AsyncIterator[Event]):
    """A conversation with the server, open while inside its context.

    Iterate it for its events: the iteration ends when the server closes the session, and raises a
    `VoiceClientError` when the session fails. One task iterates; any task may send. A cancelled
    wait, for an event or in a send, loses nothing.

    A broken connection costs a pause: the iteration opens it again and returns a `Ready`. A session
    that the server has lost is opened again with the client's copy of the conversation, and the
    iteration returns a `SessionRestored`.

    Leaving the context ends the session for good.

    Args:
        stream: carries the messages of the session.
        options: configuration of the session.
        open_timeout_s: longest wait for the server to open it.
        clock_ms: Unix epoch milliseconds, for pings.
    """

    def __init__(
        self,
        stream: ResumingStream,
        options: SessionOptions,
        *,
        open_timeout_s: float = 10.0,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._stream = stream
        self._options = options
        self._open_timeout_s = open_timeout_s
        self._clock_ms = clock_ms
        self._ready: Ready | None = None
        self._waiting: deque[Event] = deque()
        self._played: pb.PlaybackReport | None = None
        self._is_reporting = False
        self._resources = AsyncExitStack()

    @property
    def ready(self) -> Ready:
        """The newest `Ready` of the server: the id, limits and effective settings of the session.

        Raises:
            SessionClosed: the session was not opened.
        """
        if self._ready is None:
            raise SessionClosed("the session is not open: use `async with client.session()`")
        return self._ready

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as resources:
            await resources.enter_async_context(self._stream)
            self._ready = await self._open()
            self._resources = resources.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        async with self._resources:
            with suppress(VoiceClientError, TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await self.end()
                    while await self._stream.receive() is not None:
                        pass  # the server closes with OK when it has ended the session

    # -- sending -------------------------------------------------------------------------------

    async def send_audio(self, data: bytes) -> None:
        """Send microphone audio: the next bytes of the recording, split anywhere, of any size."""
        chunk_bytes = self.ready.limits.max_audio_chunk_bytes or len(data) or 1
        for start in range(0, len(data), chunk_bytes):
            chunk = data[start : start + chunk_bytes]
            await self._stream.send(pb.VoiceSessionRequest(audio=pb.InputAudio(data=chunk)))

    async def start_listening(
        self, audio_format: AudioFormat | None = None, *, until_stopped: bool = False
    ) -> None:
        """Begin a new recording, in another format if one is given.

        Unfinished input is dropped and a response in progress is interrupted.

        Args:
            audio_format: of the recording; None keeps the configured one.
            until_stopped: whether a pause ends no turn before `stop_listening`.
        """
        command = pb.StartListening(until_stopped=until_stopped)
        if audio_format is not None:
            write(audio_format, command.format)
        await self._control(pb.Control(start_listening=command))

    async def stop_listening(self, *, discard: bool = False) -> None:
        """End the recording and with it the user's turn, or discard it."""
        await self._control(pb.Control(stop_listening=pb.StopListening(discard=discard)))

    async def send_text(self, text: str) -> None:
        """Send a typed turn of the user."""
        await self._stream.send(pb.VoiceSessionRequest(text=pb.TextInput(text=text)))

    async def say(
        self, text: str, *, interruptible: bool = True, add_to_history: bool = True
    ) -> None:
        """Request that a text is spoken verbatim, without the language model.

        Args:
            text: the text of a response, which replaces one in progress.
            interruptible: whether the user's speech may interrupt it.
            add_to_history: whether the text is added to the language model's history.
        """
        command = pb.Say(text=text, interruptible=interruptible, add_to_history=add_to_history)
        await self._control(pb.Control(say=command))

    async def create_response(self, instructions: str = "") -> None:
        """Request a response to the present conversation, with instructions for it alone."""
        command = pb.CreateResponse(instructions=instructions)
        await self._control(pb.Control(create_response=command))

    async def interrupt(self, response_id: int = 0, played_ms: int | None = None) -> None:
        """Interrupt a response; safe at any time.

        Args:
            response_id: the response; 0 for the one in progress.
            played_ms: played duration of its audio; None for the newest playback report, or else
                the server's estimate.
        """
        command = pb.Interrupt(response_id=response_id, played_ms=played_ms)
        await self._control(pb.Control(interrupt=command))

    async def report_playback(self, response_id: int, played_ms: int) -> None:
        """Report the played duration of a response's audio: when playback begins, when it ends, and
        at times in between.

        Only the newest position counts. A report waits while another is being sent, is replaced by
        any later one, and is then sent without a wait of its caller.
        """
        self._played = pb.PlaybackReport(response_id=response_id, played_ms=played_ms)
        if self._is_reporting:
            return
        self._is_reporting = True
        try:
            while (report := self._played) is not None:
                self._played = None
                await self._stream.send(pb.VoiceSessionRequest(playback=report))
        finally:
            self._is_reporting = False

    async def configure(self, patch: SessionOptions) -> None:
        """Change the options set in the patch, from the next turn on; confirmed by a `Ready`."""
        await self._stream.send(pb.VoiceSessionRequest(config=config_from_options(patch)))

    async def ping(self) -> None:
        """Request a `Pong` event."""
        ping = pb.Ping(sent_at_ms=self._clock_ms())
        await self._stream.send(pb.VoiceSessionRequest(ping=ping))

    async def done_sending(self) -> None:
        """Announce the end of the input: the server finishes the turn and closes the stream."""
        await self._stream.done_sending()

    async def end(self) -> None:
        """End the session for good; the iteration ends once the server has ended it."""
        await self._control(pb.Control(end_session=pb.EndSession()))

    # -- receiving -----------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            response = await self._stream.receive()
            if response is None:
                raise StopAsyncIteration
            event = event_from_proto(response)
            if isinstance(event, Ready):
                self._ready = event
                self._report_losses(event)
            if event is not None:
                self._waiting.append(event)
        return self._waiting.popleft()

    def _report_losses(self, ready: Ready) -> None:
        restored = self._stream.restored
        if ready.restored:
            self._waiting.append(
                SessionRestored(
                    term=ready.term,
                    kept_items=restored.kept_items,
                    answers_again=restored.answers_again,
                )
            )
        if ready.resumed | ready.restored and restored.lost_audio_bytes:
            self._waiting.append(InputLost(term=ready.term, audio_bytes=restored.lost_audio_bytes))

    async def _open(self) -> Ready:
        opening = await self._stream.open(
            config_from_options(self._options), timeout_s=self._open_timeout_s
        )
        return ready_from_proto(opening)

    async def _control(self, control: pb.Control) -> None:
        await self._stream.send(pb.VoiceSessionRequest(control=control))
