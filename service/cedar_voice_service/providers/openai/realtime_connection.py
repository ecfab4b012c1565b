"""A transcription session of OpenAI's realtime API: audio is sent, events are received."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Literal

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import (
    AudioTranscriptionParam,
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemInputAudioTranscriptionFailedEvent,
    InputAudioBufferCommittedEvent,
    RealtimeErrorEvent,
    RealtimeServerEvent,
    RealtimeTranscriptionSessionCreateRequestParam,
)
from openai.types.websocket_connection_options import WebSocketConnectionOptions
from websockets.asyncio.client import ClientConnection

from cedar_voice_service.audio.formats import SAMPLE_BYTES, Pcm
from cedar_voice_service.audio.resampler import Resampler, frame_of
from cedar_voice_service.providers.openai.connection import (
    reported_failure,
    timed_wait,
    translated_errors,
)
from cedar_voice_service.providers.openai.endpoint import Endpoint

REALTIME_RATE_HZ: Literal[24_000] = 24_000
"""The only rate that the API accepts."""

_SHORTEST_ITEM_BYTES = REALTIME_RATE_HZ * 100 // 1000 * SAMPLE_BYTES
"""The API refuses to commit less than 100 ms."""

_APPEND_BYTES = REALTIME_RATE_HZ * 60 // 1000 * SAMPLE_BYTES
"""Smaller blocks wait for the next one: each event costs the same, however little is in it."""

_MAX_EVENT_BYTES = 1 << 20
_CLOSE_TIMEOUT_S = 1.0
_LANGUAGE_LIST_MODELS = ("gpt-transcribe", "gpt-live-transcribe")

TranscriptEvent = (
    InputAudioBufferCommittedEvent
    | ConversationItemInputAudioTranscriptionDeltaEvent
    | ConversationItemInputAudioTranscriptionCompletedEvent
)
"""The events that extend a transcript."""


class _SocketOptions(WebSocketConnectionOptions, total=False):
    """Options of the WebSocket library, which the SDK passes on although it does not list them."""

    ssl: ssl.SSLContext
    open_timeout: float | None
    create_connection: type[ClientConnection]


class _Socket(ClientConnection):
    """A socket that is closed once `close` returns, whatever the server does.

    The library bounds the wait for the server's close frame, but not the sending of our own.
    """

    async def close(self, code: int = 1000, reason: str = "") -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await super().close(code, reason)
        finally:
            self.transport.abort()


class RealtimeSessions:
    """Opens transcription sessions on the server of an endpoint."""

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint) -> None:
        # Access to the resource imports its modules now and not in the first turn.
        self._realtime = client.realtime
        self._endpoint = endpoint
        self._socket_options = _SocketOptions(
            max_size=_MAX_EVENT_BYTES,
            compression=None,
            open_timeout=None,
            create_connection=_Socket,
        )
        if client.base_url.scheme == "https":
            # Without one, every handshake reads the certificates again and holds up the loop.
            self._socket_options["ssl"] = ssl.create_default_context()

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator["RealtimeSession"]:
        """Hold one session, of its own connection, which is closed at the end.

        The session is configured without waiting for the answer: a refusal comes as an event.

        Args:
            language: ISO-639-1 code of the speech; empty leaves it to the model.

        Raises:
            EngineError: the connection is not made in time, or refused.
        """
        async with AsyncExitStack() as opened:
            async with timed_wait(self._endpoint):
                connection = await opened.enter_async_context(
                    self._realtime.connect(
                        extra_query={"intent": "transcription"},
                        websocket_connection_options=self._socket_options,
                    )
                )
                await connection.session.update(session=_session(self._endpoint.model, language))
            yield RealtimeSession(connection, self._endpoint)


class RealtimeSession:
    """One session. Audio collects on the server until it is committed as an item."""

    def __init__(self, connection: AsyncRealtimeConnection, endpoint: Endpoint) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._resampler = Resampler(REALTIME_RATE_HZ)
        self._unsent = bytearray()
        self._uncommitted_bytes = 0

    async def append(self, pcm: Pcm) -> None:
        """Send a block, at the latest with the next commit.

        Raises:
            EngineError: the server does not accept it.
        """
        self._unsent += self._resampler.feed(frame_of(pcm.data, pcm.sample_rate_hz))
        if len(self._unsent) >= _APPEND_BYTES:
            await self._send()

    async def commit(self) -> None:
        """Request the transcript of the audio since the last commit, as an item of its own.

        Raises:
            EngineError: the server does not accept it.
        """
        self._unsent += self._resampler.flush()
        missing_bytes = _SHORTEST_ITEM_BYTES - self._uncommitted_bytes - len(self._unsent)
        self._unsent += bytes(max(0, missing_bytes))
        if self._unsent:
            await self._send()
        async with timed_wait(self._endpoint):
            await self._connection.input_audio_buffer.commit()
        self._uncommitted_bytes = 0

    async def events(self) -> AsyncGenerator[TranscriptEvent, None]:
        """Yield the events of the server, endlessly. Closing it early loses no event.

        Raises:
            EngineError: the connection fails, or the server reports a failure; each of them ends
                the utterance, because nothing that is sent here may be refused.
        """
        while True:
            with translated_errors(self._endpoint.stage):
                event = self._checked(await self._connection.recv())
            if event is not None:
                yield event

    async def _send(self) -> None:
        audio = b64encode(self._unsent).decode()
        async with timed_wait(self._endpoint):
            await self._connection.input_audio_buffer.append(audio=audio)
        self._uncommitted_bytes += len(self._unsent)
        self._unsent.clear()

    def _checked(self, event: RealtimeServerEvent) -> TranscriptEvent | None:
        """Return the event if it extends a transcript. The SDK does not check its values."""
        match event:
            case RealtimeErrorEvent() | ConversationItemInputAudioTranscriptionFailedEvent():
                raise reported_failure(self._endpoint.stage, event.error.type, event.error.code)
            case InputAudioBufferCommittedEvent():
                _expect_texts(event.item_id)
            case ConversationItemInputAudioTranscriptionDeltaEvent():
                _expect_texts(event.item_id, event.delta or "")
            case ConversationItemInputAudioTranscriptionCompletedEvent():
                _expect_texts(event.item_id, event.transcript)
            case _:
                return None
        return event


def _session(model: str, language: str) -> RealtimeTranscriptionSessionCreateRequestParam:
    transcription = AudioTranscriptionParam(model=model)
    if language and model.startswith(_LANGUAGE_LIST_MODELS):
        transcription["languages"] = [language]
    elif language:
        transcription["language"] = language
    return {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": REALTIME_RATE_HZ},
                "transcription": transcription,
                "turn_detection": None,
            }
        },
    }


def _expect_texts(*values: object) -> None:
    if not all(isinstance(value, str) for value in values):
        raise ValueError("an event lacks a text")
