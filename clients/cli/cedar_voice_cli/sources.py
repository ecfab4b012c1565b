"""The input of `talk`: a recording, a text, or the microphone."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from cedar_voice_client import AudioEncoding, AudioFormat, VoiceSession

Source = Callable[[VoiceSession], Awaitable[None]]
"""Sends one complete turn to a session."""


class SourceError(Exception):
    """A source cannot be opened or read; the message is printed to the user."""


_READ_BYTES = 32_768
_REALTIME_STEP_S = 0.1
_MICROPHONE = AudioFormat(AudioEncoding.PCM_S16LE, 16_000)
MICROPHONE_BLOCKS = 600
"""Blocks of 100 ms that may wait to be sent: one minute. A full queue ends the recording."""


def typed(text: str) -> Source:
    """Return a source that sends a text."""

    async def send(session: VoiceSession) -> None:
        await session.send_text(text)

    return send


def recording(path: Path, duration_s: float | None) -> Source:
    """Return a source that sends the bytes of a file unchanged.

    They are sent in `duration_s` seconds, or as fast as the session accepts them.
    """
    size_bytes = path.stat().st_size
    step_bytes = _READ_BYTES
    if duration_s:
        step_bytes = max(1, round(size_bytes * _REALTIME_STEP_S / duration_s))

    async def send(session: VoiceSession) -> None:
        await session.start_listening()
        with await asyncio.to_thread(path.open, "rb") as file:
            while data := await asyncio.to_thread(file.read, step_bytes):
                await session.send_audio(data)
                if duration_s:
                    await asyncio.sleep(_REALTIME_STEP_S)  # the pace of a microphone
        await session.stop_listening()

    return send


def duration_s(path: Path) -> float:
    """Return the duration of a recording in seconds.

    Raises:
        SourceError: the recording cannot be read, or PyAV is not installed.
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
        raise SourceError(f"--realtime cannot read the duration of {path}: {error}") from None


def microphone() -> Source:
    """Return a source that sends the default microphone's audio until Enter is pressed.

    Raises:
        SourceError: the package `sounddevice` or PortAudio is not installed.
    """
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise SourceError(
            "--microphone needs the extra `microphone`: pip install 'cedar-voice[microphone]'"
        ) from None
    except OSError as error:
        raise SourceError(f"--microphone needs the system library PortAudio: {error}") from None

    async def send(session: VoiceSession) -> None:
        loop = asyncio.get_running_loop()
        blocks: asyncio.Queue[bytes | None] = asyncio.Queue(MICROPHONE_BLOCKS)

        def on_block(block: object, *_: object) -> None:
            loop.call_soon_threadsafe(put, blocks, bytes(block))  # type: ignore[call-overload]

        def on_enter() -> None:
            sys.stdin.readline()
            put(blocks, None)

        await session.start_listening(_MICROPHONE)
        loop.add_reader(sys.stdin, on_enter)
        try:
            with sounddevice.RawInputStream(
                samplerate=_MICROPHONE.sample_rate_hz,
                blocksize=_MICROPHONE.sample_rate_hz // 10,
                channels=1,
                dtype="int16",
                callback=on_block,
            ):
                while (block := await blocks.get()) is not None:
                    await session.send_audio(block)
        except sounddevice.PortAudioError as error:
            raise SourceError(f"the microphone cannot be used: {error}") from None
        finally:
            loop.remove_reader(sys.stdin)
        await session.stop_listening()

    return send


def put(blocks: asyncio.Queue[bytes | None], block: bytes | None) -> None:
    """Queue a block, or None, which ends the recording; the block that fills the queue ends it too.

    After that, blocks are dropped.
    """
    if not blocks.full():
        is_last = blocks.qsize() == MICROPHONE_BLOCKS - 1
        blocks.put_nowait(None if is_last else block)
