"""Recordings of a session: they come, break off, are damaged and come again."""

from collections.abc import Awaitable, Callable

import pytest

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.errors import CallerError, Code, EngineError, Stage
from cedar_voice_service.runtime.audio_input import AudioInput
from cedar_voice_service.runtime.recordings import MAX_DEATHS, Recordings
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import TurnDetection
from cedar_voice_service.workers.decoding import HERE, Decoding, LiveDecoder
from tests.support.media import Form, cut, decoded_live, recorded, written
from tests.support.recordings import speech_pcm

WEBM = recorded("webm")
RAW = AudioFormat(Encoding.PCM_S16LE, 16_000)


@pytest.fixture
def recordings() -> Recordings:
    return Recordings(HERE)


async def hear(recordings: Recordings, *pieces: bytes) -> bytes:
    return b"".join([await recordings.feed(piece) for piece in pieces])


async def test_a_new_header_begins_a_new_recording(recordings: Recordings) -> None:
    heard = await hear(recordings, *WEBM.blobs[:10], *WEBM.blobs) + await recordings.flush()
    assert heard == decoded_live(WEBM.blobs[:10]) + decoded_live(WEBM.blobs)


async def test_flush_gives_what_the_decoder_holds(recordings: Recordings) -> None:
    heard = await recordings.feed(written(Form("flac", "flac", 16_000)))
    assert heard != speech_pcm("open_the_settings")
    assert heard + await recordings.flush() == speech_pcm("open_the_settings")


# -- after the end -----------------------------------------------------------------------------


async def end(recordings: Recordings) -> None:
    recordings.end()


@pytest.mark.parametrize("ending", [Recordings.flush, end])
async def test_late_pieces_of_a_recording_that_is_over_are_dropped(
    recordings: Recordings, ending: Callable[[Recordings], Awaitable[object]]
) -> None:
    await hear(recordings, *WEBM.blobs[:15])
    await ending(recordings)
    assert await hear(recordings, *WEBM.blobs[15:]) == b""
    heard = await hear(recordings, *WEBM.blobs) + await recordings.flush()
    assert heard == decoded_live(WEBM.blobs)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
@pytest.mark.parametrize("container", ["webm", "mp4"])
async def test_a_header_in_crumbs_is_a_header(
    recordings: Recordings, container: str, size: int
) -> None:
    data = recorded(container).data
    recordings.end()
    pieces = [*cut(data[: 4 * size], [size]), data[4 * size :]]
    heard = await hear(recordings, *pieces) + await recordings.flush()
    assert heard == decoded_live([data])


async def test_raw_pcm_after_the_end_is_a_new_recording(recordings: Recordings) -> None:
    recordings.begin(RAW)
    await hear(recordings, speech_pcm())
    recordings.end()
    assert await recordings.feed(speech_pcm()) == speech_pcm()


# -- damage ------------------------------------------------------------------------------------


async def test_an_error_is_told_once(recordings: Recordings) -> None:
    with pytest.raises(CallerError) as caught:
        await recordings.feed(b"this is no audio")
    assert caught.value.code is Code.UNSUPPORTED_AUDIO_FORMAT
    rest = (b"this is no audio either", bytes(100), *WEBM.blobs[5:])
    assert await hear(recordings, *rest) == b""
    assert await recordings.flush() == b""


async def test_after_an_error_the_next_header_is_heard(recordings: Recordings) -> None:
    await hear(recordings, *WEBM.blobs[:10])
    with pytest.raises(CallerError):
        await hear(recordings, *[b"\xff\x00garbage" * 100] * 200)
    again = await hear(recordings, *WEBM.blobs[10:], *WEBM.blobs)
    assert again and again == decoded_live(WEBM.blobs)[: len(again)]


async def test_after_an_error_begin_hears_again(recordings: Recordings) -> None:
    with pytest.raises(CallerError):
        await recordings.feed(b"this is no audio")
    recordings.begin(RAW)
    assert await recordings.feed(speech_pcm()) == speech_pcm()


async def test_a_format_that_cannot_be_heard_leaves_it_deaf(recordings: Recordings) -> None:
    with pytest.raises(CallerError) as caught:
        recordings.begin(AudioFormat(Encoding.PCM_S16LE))
    assert caught.value.field == "input_audio.sample_rate_hz"
    assert await recordings.feed(speech_pcm()) == b""
    assert await hear(recordings, *WEBM.blobs) != b""


async def test_a_recording_that_loses_decoder_after_decoder_is_given_up() -> None:
    class Dying(Decoding):
        def open(self, audio_format: AudioFormat) -> LiveDecoder:
            opened.append(audio_format)
            return self

        async def feed(self, data: bytes) -> bytes:
            raise EngineError(Stage.AUDIO_INPUT, "died")

        async def flush(self) -> bytes:
            return b""

        def close(self) -> None:
            pass

    opened: list[AudioFormat] = []
    recordings = Recordings(Dying())
    for _ in range(MAX_DEATHS + 1):
        with pytest.raises(EngineError):
            await recordings.feed(WEBM.blobs[1])
    assert await recordings.feed(WEBM.blobs[1]) == b""  # deaf until the next one
    with pytest.raises(EngineError):
        await recordings.feed(WEBM.blobs[0])
    assert len(opened) == 2


async def test_a_failing_end_still_ends_speech() -> None:
    audio_input = AudioInput(TurnDetection(), HERE, lambda _: None)
    audio_input.begin_recording(RAW)
    heard = list(await audio_input.process(speech_pcm()[:32_000]))
    assert any(isinstance(event, on.SpeechStarted) for event in heard)
    audio_input._recordings.begin(AudioFormat(Encoding.MP3))
    await audio_input.process(b"no frames here")
    with pytest.raises(CallerError):
        await audio_input.flush()
    audio_input.begin_recording(RAW)
    heard = list(await audio_input.process(speech_pcm()[32_000:]))
    assert isinstance(heard[0], on.SpeechStarted | on.AudioAdvanced)
    assert any(isinstance(event, on.SpeechStarted) for event in heard)
