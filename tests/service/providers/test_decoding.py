"""Decoding in processes of its own: what becomes of recordings when one dies, hangs or is full."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.errors import CallerError, Code, EngineError, Stage
from cedar_voice_service.workers import decoding as module
from cedar_voice_service.workers.decoding import Decoding, LiveDecoder, open_decoding
from cedar_voice_service.workers.decoding_messages import NUMBER
from cedar_voice_service.workers.frames import BEGIN, DATA, frame_of
from tests.support.checkout import ROOT
from tests.support.children import child_pids, open_files
from tests.support.media import Form, decoded_live, recorded, written
from tests.support.service import settings

WEBM = recorded("webm")
AUTO = AudioFormat()
LATE_INDEX = b"\0\0\0\x14ftypM4A \0\0\0\0M4A " + b"\x7f\xff\xff\xffmdat"
"""An MP4 recording whose index comes after its sound: all of it is kept until then."""


SPINNING = f"""
import sys
from cedar_voice_service.workers import decoding_worker

class Spinning:
    def feed(self, data):
        while True:
            pass

decoding_worker.open_decoder = lambda audio_format: Spinning()
sys.argv = ["", str({1 << 30}), "0.1"]
decoding_worker.main()
"""


class Workers:
    """Decoding, and the processes it has started."""

    def __init__(self, decoding: Decoding) -> None:
        self._before = child_pids()
        self.open = decoding.open

    @property
    def pids(self) -> set[int]:
        return child_pids() - self._before


@asynccontextmanager
async def decoding(**values: int) -> AsyncIterator[Workers]:
    """Decoding by one worker, unless said otherwise; nothing of it is left in the end."""
    before = child_pids()
    async with open_decoding(settings(**{"decoding_workers": 1, **values}).decoding) as opened:
        yield Workers(opened)
    assert child_pids() <= before


async def decoded(decoder: LiveDecoder, *pieces: bytes) -> bytes:
    return b"".join([await decoder.feed(piece) for piece in pieces])


async def whole(decoder: LiveDecoder) -> bytes:
    """All the samples of the recording."""
    return await decoded(decoder, *WEBM.blobs) + await decoder.flush()


async def failure_of(decoder: LiveDecoder, data: bytes) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await decoder.feed(data)
    return caught.value


@pytest.mark.parametrize(
    "data",
    [WEBM.data, recorded("mp4").data, written(Form("flac", "flac")), written(Form("mp3", "mp3"))],
    ids=["webm", "mp4", "flac", "mp3"],
)
async def test_a_worker_decodes_as_we_do(data: bytes) -> None:
    pieces = [data[at : at + 900] for at in range(0, len(data), 900)]
    async with decoding() as workers:
        assert not workers.pids  # before it is needed
        decoder = workers.open(AUTO)
        assert await decoded(decoder, *pieces) + await decoder.flush() == decoded_live(pieces)
        assert len(workers.pids) == 1


@pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.WAV])
async def test_plain_samples_need_no_worker(encoding: Encoding) -> None:
    async with decoding() as workers:
        await workers.open(AudioFormat(encoding, 16_000)).feed(b"RIFF\0\0\0\0WAVE")
        assert not workers.pids


async def test_without_workers_everything_is_decoded_here() -> None:
    async with decoding(decoding_workers=0) as workers:
        assert await whole(workers.open(AUTO)) == decoded_live(WEBM.blobs)
        assert not workers.pids


async def test_what_cannot_be_decoded_is_refused_and_costs_no_worker() -> None:
    async with decoding() as workers:
        with pytest.raises(CallerError) as caught:
            await workers.open(AUTO).feed(b"this is no audio")
        assert caught.value.code is Code.UNSUPPORTED_AUDIO_FORMAT
        assert caught.value.stage is Stage.AUDIO_INPUT
        (pid,) = workers.pids
        assert await whole(workers.open(AUTO)) == decoded_live(WEBM.blobs)
        assert workers.pids == {pid}


async def test_a_worker_that_dies_costs_its_recordings_a_piece_and_others_nothing() -> None:
    async with decoding(decoding_workers=2) as workers:
        first = workers.open(AUTO)
        await decoded(first, *WEBM.blobs[:10])
        (pid,) = workers.pids
        other = workers.open(AUTO)
        await decoded(other, *WEBM.blobs[:10])
        assert len(workers.pids) == 2
        os.kill(pid, signal.SIGKILL)
        error = await failure_of(first, WEBM.blobs[10])
        assert (error.code, error.stage, error.retryable) == (
            Code.AUDIO_DECODE_FAILED,
            Stage.AUDIO_INPUT,
            True,
        )
        rest = await decoded(first, *WEBM.blobs[11:])
        assert len(rest) == pytest.approx(len(decoded_live(WEBM.blobs)) * 15 / 26, rel=0.1)
        unharmed = await decoded(other, *WEBM.blobs[10:]) + await other.flush()
        assert unharmed == decoded_live(WEBM.blobs)[-len(unharmed) :]
        assert len(workers.pids) == 2 and pid not in workers.pids


async def test_all_recordings_of_a_worker_that_died_go_on_in_the_next_one() -> None:
    async with decoding() as workers:
        first, second = workers.open(AUTO), workers.open(AUTO)
        for decoder in (first, second):
            await decoded(decoder, *WEBM.blobs[:10])
        (pid,) = workers.pids
        os.kill(pid, signal.SIGKILL)
        await failure_of(first, WEBM.blobs[10])
        assert await first.feed(WEBM.blobs[11])
        replaced = workers.pids
        await failure_of(second, WEBM.blobs[10])
        assert await second.feed(WEBM.blobs[11]) and await first.feed(WEBM.blobs[12])
        assert workers.pids == replaced != {pid}


async def test_a_worker_that_hangs_is_found_in_time() -> None:
    async with decoding(decoding_timeout_ms=1_000) as workers:
        recordings = [workers.open(AUTO) for _ in range(3)]
        for recording in recordings:
            await recording.feed(WEBM.blobs[0])
        (pid,) = workers.pids
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            failures = [
                group.create_task(failure_of(recording, WEBM.blobs[1])) for recording in recordings
            ]
        codes = [failure.result().code for failure in failures]
        assert codes == [Code.STAGE_TIMEOUT, *[Code.AUDIO_DECODE_FAILED] * 2]
        assert await whole(workers.open(AUTO)) == decoded_live(WEBM.blobs)
        assert pid not in workers.pids


async def test_a_worker_takes_no_more_memory_than_it_may(capfd: pytest.CaptureFixture[str]) -> None:
    async with decoding(decoding_memory_mb=64) as workers:
        hoard = [workers.open(AUTO) for _ in range(12)]
        most_mb, error = 0, None
        for decoder in hoard:
            try:
                await decoded(decoder, LATE_INDEX, *[bytes(1 << 20)] * 7)
            except EngineError as caught:
                error = caught
                break
            (pid,) = workers.pids
            most_mb = max(most_mb, _data_mb(pid))
        assert error is not None and error.code is Code.AUDIO_DECODE_FAILED
        assert most_mb <= 64
        assert await whole(workers.open(AUTO)) == decoded_live(WEBM.blobs)
    assert "MemoryError" in capfd.readouterr().err


def _data_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmData:")[1].split()[0]) >> 10


async def test_a_worker_cannot_open_anything_and_leaves_no_core() -> None:
    async with decoding() as workers:
        await workers.open(AUTO).feed(WEBM.blobs[0])
        (pid,) = workers.pids
        opened = len(open_files(pid))
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (opened, opened)
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)


def test_a_worker_that_spins_ends_by_itself() -> None:
    """Also when nobody is left who would end it."""
    with subprocess.Popen(
        [sys.executable, "-c", SPINNING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdin is not None
        for kind, body in ((BEGIN, msgspec.msgpack.encode(AUTO)), (DATA, b"x")):
            worker.stdin.write(frame_of(kind, NUMBER.pack(1) + body))
        worker.stdin.flush()
        try:
            assert worker.wait(timeout=10) == -signal.SIGPROF
        finally:
            worker.kill()


async def test_a_session_that_leaves_in_the_middle_costs_no_worker() -> None:
    async with decoding() as workers:
        stays, leaves = workers.open(AUTO), workers.open(AUTO)
        await stays.feed(WEBM.blobs[0])
        (pid,) = workers.pids
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.TaskGroup() as group:
            for piece in (WEBM.blobs[0], WEBM.blobs[1]):
                leaving = group.create_task(leaves.feed(piece))
                await asyncio.sleep(0)
                leaving.cancel()
            leaves.close()
        os.kill(pid, signal.SIGCONT)
        rest = await decoded(stays, *WEBM.blobs[1:]) + await stays.flush()
        assert rest == decoded_live(WEBM.blobs)[-len(rest) :]
        assert workers.pids == {pid}


async def test_a_worker_has_room_for_so_many_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DECODERS", 2)
    async with decoding() as workers:
        first, second, third = (workers.open(AUTO) for _ in range(3))
        for decoder in (first, second):
            await decoder.feed(WEBM.blobs[0])
        error = await failure_of(third, WEBM.blobs[0])
        assert error.code is Code.OVERLOADED and error.retryable and error.retry_after_ms > 0
        first.close()
        assert await whole(third) == decoded_live(WEBM.blobs)


async def test_recordings_that_begin_at_once_are_shared_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_DECODERS", 4)
    async with decoding(decoding_workers=2) as workers, asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(workers.open(AUTO).feed(WEBM.blobs[0]))


async def test_a_worker_that_makes_no_sense_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_WORKER", "tests.support.babbling_worker")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    async with decoding() as workers:
        for _ in range(2):
            assert (await failure_of(workers.open(AUTO), b"x")).code is Code.AUDIO_DECODE_FAILED
            assert len(workers.pids) == 1


async def test_a_worker_that_finds_no_file_descriptor_is_an_error_of_its_stage() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with decoding() as workers:
        decoder = workers.open(AUTO)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            error = await failure_of(decoder, WEBM.blobs[0])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (error.code, error.retryable) == (Code.AUDIO_DECODE_FAILED, True)
        assert await whole(workers.open(AUTO)) == decoded_live(WEBM.blobs)


async def test_a_worker_that_cannot_start_is_an_error_of_its_stage(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_WORKER", "cedar_voice_service.no_such_module")
    async with decoding() as workers:
        assert (await failure_of(workers.open(AUTO), b"x")).stage is Stage.AUDIO_INPUT
    assert "no_such_module" in capfd.readouterr().err
