"""Decoding the audio of clients, with fragile parsers in processes whose death costs one turn.

Containers and codecs are parsed in a few worker processes, each with the decoders of many sessions.
Raw PCM and WAV stay in this process: their samples are copied and resampled, they have no structure
that could break a parser, and they are most of the audio received.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import msgspec

from cedar_voice_service.audio.decoder import Decoder, open_decoder
from cedar_voice_service.audio.formats import SAMPLE_BYTES, AudioFormat, Encoding
from cedar_voice_service.errors import CallerError, Code, EngineError, Stage
from cedar_voice_service.settings import DecodingSettings
from cedar_voice_service.workers.child_process import ChildProcess
from cedar_voice_service.workers.decoding_messages import NUMBER, REFUSED, SAMPLES, DecodingRefusal
from cedar_voice_service.workers.frames import BEGIN, DATA, END
from cedar_voice_shared.containers import RecordingHeader

MAX_DECODERS = 128
"""Recordings that one worker decodes at a time."""

_WORKER = "cedar_voice_service.workers.decoding_worker"
_decode_refusal = msgspec.json.Decoder(DecodingRefusal).decode
_PLAIN = (Encoding.PCM_S16LE, Encoding.WAV)


class LiveDecoder(Protocol):
    """Decodes a recording while it arrives. `audio.decoder.Decoder` lists the formats."""

    async def feed(self, data: bytes) -> bytes:
        """Receive more bytes; return the samples that they complete.

        Raises:
            CallerError: they cannot be decoded. The decoder is of no further use.
            EngineError: they were lost; what follows can be decoded.
        """
        ...

    async def flush(self) -> bytes:
        """End the recording and close the decoder; return the samples held back.

        Raises:
            CallerError: the remaining bytes cannot be decoded.
            EngineError: they were lost.
        """
        ...

    def close(self) -> None:
        """Discard the rest. Closing twice is harmless."""
        ...


class Decoding:
    """Opens decoders: in the workers, or without workers in this process."""

    def __init__(self, workers: Sequence["DecodingWorker"] = ()) -> None:
        self._workers = workers

    def open(self, audio_format: AudioFormat) -> LiveDecoder:
        """Return a decoder for the audio of a client.

        Raises:
            CallerError: raw PCM without a sample rate, or with one beyond what is decoded.
        """
        if not self._workers or audio_format.encoding in _PLAIN:
            return _DecoderHere(open_decoder(audio_format))
        return _DecoderThere(audio_format, self._workers)


HERE = Decoding()
"""Decodes in this process."""


@asynccontextmanager
async def open_decoding(settings: DecodingSettings) -> AsyncIterator[Decoding]:
    """Decode as long as the context lasts; a worker starts with its first recording."""
    workers = [DecodingWorker(settings) for _ in range(settings.workers)]
    # No TaskGroup: an exception that ends the context has to leave it unchanged.
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield Decoding(workers)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _DecoderRequest:
    """A request to a decoder; the future is its reply."""

    kind: bytes
    number: int
    body: bytes
    reply: asyncio.Future[bytes]


class DecodingWorker:
    """One process and its task, which makes the requests of all sessions one after the other.

    A session that ends cancels its request and not the process.
    """

    def __init__(self, settings: DecodingSettings) -> None:
        self._timeout_ms = settings.timeout_ms
        bounds = (str(settings.memory_mb << 20), str(self._timeout_ms / 1000))
        self._process = ChildProcess(_WORKER, Stage.AUDIO_INPUT, bounds)
        # A session awaits each reply except that of `END`, so it has at most two requests here.
        self._requests: asyncio.Queue[_DecoderRequest] = asyncio.Queue()
        self._numbers = count(1)
        self._decoders: set[int] = set()

    @property
    def load(self) -> int:
        """Number of open decoders and of waiting requests, those that open a decoder included."""
        return len(self._decoders) + self._requests.qsize()

    def next_number(self) -> int:
        """Return a number for a decoder, which `BEGIN` opens."""
        return next(self._numbers)

    def ask(self, kind: bytes, number: int, body: bytes = b"") -> asyncio.Future[bytes]:
        """Make a request to a decoder; return its reply as a future.

        Without a reply the future holds an `EngineError`: the process did not start, died or hangs,
        or has died since the decoder was opened.
        """
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._requests.put_nowait(_DecoderRequest(kind, number, body, reply))
        return reply

    async def run(self) -> None:
        """Serve until cancelled; the process ends with it."""
        try:
            while True:
                request = await self._requests.get()
                try:
                    reply = await self._answer(request)
                except EngineError as error:
                    _fail(request.reply, error)
                else:
                    if not request.reply.done():
                        request.reply.set_result(reply)
        finally:
            await self._process.stop()

    async def _answer(self, request: _DecoderRequest) -> bytes:
        if not self._process.is_usable:
            self._decoders.clear()
            if request.kind != BEGIN:
                raise _died()
            await self._process.launch()
            await self._process.ready()
        if request.kind == BEGIN:
            if len(self._decoders) >= MAX_DECODERS:
                raise _full()
            self._decoders.add(request.number)
        elif request.number not in self._decoders:
            raise _died()
        elif request.kind == END:
            self._decoders.discard(request.number)
        return await self._process.ask(
            request.kind,
            NUMBER.pack(request.number) + request.body,
            timeout_ms=self._timeout_ms,
        )


class _DecoderHere:
    """See `LiveDecoder`. Decodes in this process."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    async def feed(self, data: bytes) -> bytes:
        return self._decoder.feed(data)

    async def flush(self) -> bytes:
        return self._decoder.flush()

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _OpenDecoder:
    """A decoder that is open in a worker, by its number there."""

    worker: DecodingWorker
    number: int

    def ask(self, kind: bytes, body: bytes = b"") -> asyncio.Future[bytes]:
        """See `DecodingWorker.ask`."""
        return self.worker.ask(kind, self.number, body)


class _DecoderThere:
    """See `LiveDecoder`. Decodes in a worker, and in another one after its death."""

    def __init__(self, audio_format: AudioFormat, workers: Sequence[DecodingWorker]) -> None:
        self._format = audio_format
        self._workers = workers
        self._header = RecordingHeader()
        self._decoder: _OpenDecoder | None = None

    async def feed(self, data: bytes) -> bytes:
        decoder = self._decoder or await self._open()
        self._header.add(data)
        return await self._ask(decoder, DATA, data)

    async def flush(self) -> bytes:
        samples = b"" if self._decoder is None else await self._ask(self._decoder, END)
        self._decoder = None
        return samples

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.ask(END).cancel()  # it is sent nevertheless, and its reply dropped
            self._decoder = None

    async def _open(self) -> _OpenDecoder:
        worker = min(self._workers, key=lambda worker: worker.load)
        decoder = self._decoder = _OpenDecoder(worker, worker.next_number())
        await self._ask(decoder, BEGIN, msgspec.msgpack.encode(self._format))
        if self._header.setup:
            await self._ask(decoder, DATA, self._header.setup)
        return decoder

    async def _ask(self, decoder: _OpenDecoder, kind: bytes, body: bytes = b"") -> bytes:
        try:
            return _samples_in(await decoder.ask(kind, body))
        except EngineError:
            self._decoder = None
            raise


def _samples_in(reply: bytes) -> bytes:
    """Return the samples of a reply.

    Raises:
        CallerError: the reply is a refusal.
        EngineError: it is neither, so the process is broken.
    """
    if reply.startswith(SAMPLES) and len(reply) % SAMPLE_BYTES == len(SAMPLES):
        return reply[len(SAMPLES) :]
    try:
        refusal = _decode_refusal(reply.removeprefix(REFUSED))
    except msgspec.MsgspecError:
        raise _died() from None
    raise CallerError(
        refusal.message, code=refusal.code, stage=Stage.AUDIO_INPUT, field=refusal.field
    )


def _fail(reply: asyncio.Future[bytes], error: EngineError) -> None:
    if not reply.done():
        reply.set_exception(error)


def _died() -> EngineError:
    return EngineError(Stage.AUDIO_INPUT, "the process of the stage died")


def _full() -> EngineError:
    return EngineError(
        Stage.AUDIO_INPUT,
        "too many recordings are being decoded",
        code=Code.OVERLOADED,
        retry_after_ms=1_000,
    )
