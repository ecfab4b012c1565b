"""What the user says in `talk`: a recording, a typed line, or the microphone."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from cedar_voice_client import AudioEncoding, AudioFormat, VoiceSession

Source = Callable[[VoiceSession], Awaitable[None]]
"""Says one whole turn into a session."""


class SourceError(Exception):
    """The source has nothing to say, or cannot say it; the message is for people."""


_READ_BYTES = 32_768
_REALTIME_STEP_S = 0.1
_MICROPHONE = AudioFormat(AudioEncoding.PCM_S16LE, 16_000)
MICROPHONE_BLOCKS = 600
"""Blocks of 100 ms that may wait to be sent; a minute of them ends the recording."""


def typed(text: str) -> Source:
    """A typed turn."""

    async def say(session: VoiceSession) -> None:
        await session.send_text(text)

    return say


def recording(path: Path, duration_s: float | None) -> Source:
    """The bytes of a file as they are; over `duration_s`, or as fast as they are taken."""
    size_bytes = path.stat().st_size
    step_bytes = _READ_BYTES
    if duration_s:
        step_bytes = max(1, round(size_bytes * _REALTIME_STEP_S / duration_s))

    async def say(session: VoiceSession) -> None:
        await session.start_listening()
        with await asyncio.to_thread(path.open, "rb") as file:
            while data := await asyncio.to_thread(file.read, step_bytes):
                await session.send_audio(data)
                if duration_s:
                    await asyncio.sleep(_REALTIME_STEP_S)  # as a microphone would
        await session.stop_listening()

    return say


def duration_s(path: Path) -> float:
    """How long a recording is.

    Raises:
        SourceError: that cannot be told.
    """
    try:
        import av
    except ModuleNotFoundError:
        raise SourceError(
            "--realtime needs the extra `service`: pip install 'cedar-voice[service]'"
        ) from None
    try:
        with av.open(str(path)) as container:
            return max(
                float((packet.pts + (packet.duration or 0)) * packet.time_base)
                for packet in container.demux(audio=0)
                if packet.pts is not None and packet.time_base is not None
            )
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise SourceError(f"--realtime cannot tell how long {path} is: {error}") from None


def microphone() -> Source:
    """The default microphone, until Enter.

    Raises:
        SourceError: what it needs is not installed.
    """
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise SourceError(
            "--microphone needs its extra: pip install 'cedar-voice[microphone]'"
        ) from None
    except OSError as error:
        raise SourceError(f"--microphone needs the system's PortAudio: {error}") from None

    async def say(session: VoiceSession) -> None:
        loop = asyncio.get_running_loop()
        blocks: asyncio.Queue[bytes | None] = asyncio.Queue(MICROPHONE_BLOCKS)

        def heard(block: object, *_: object) -> None:
            loop.call_soon_threadsafe(put, blocks, bytes(block))  # type: ignore[call-overload]

        def entered() -> None:
            sys.stdin.readline()
            put(blocks, None)

        await session.start_listening(_MICROPHONE)
        loop.add_reader(sys.stdin, entered)
        try:
            with sounddevice.RawInputStream(
                samplerate=_MICROPHONE.sample_rate_hz,
                blocksize=_MICROPHONE.sample_rate_hz // 10,
                channels=1,
                dtype="int16",
                callback=heard,
            ):
                while (block := await blocks.get()) is not None:
                    await session.send_audio(block)
        except sounddevice.PortAudioError as error:
            raise SourceError(f"the microphone cannot be used: {error}") from None
        finally:
            loop.remove_reader(sys.stdin)
        await session.stop_listening()

    return say


def put(blocks: asyncio.Queue[bytes | None], block: bytes | None) -> None:
    """Queue a block; None, also for the one that fills the queue, ends the recording."""
    if not blocks.full():
        is_last = blocks.qsize() == MICROPHONE_BLOCKS - 1
        blocks.put_nowait(None if is_last else block)
