"""Microphone and player of the browser package in a real browser, measured by their sound."""

import base64
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import pi, sin
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from cedar_voice_service.audio.encoder import open_encoder
from cedar_voice_service.audio.formats import AudioFormat, Encoding, Framing, Pcm
from tests.support.chromium import write_microphone
from tests.support.media import decoded_live, decoded_whole, recorded
from tests.support.recordings import speech_pcm
from tests.support.sweep import RATE_HZ, moment_ms, sweep
from tests.support.web_package import opened

pytestmark = pytest.mark.xdist_group("browser")

BYTES_PER_MS = RATE_HZ * 2 // 1000

FRAME_MS = 60
"""Length of one frame of Chromium's encoder; the last, incomplete frame is lost."""

PITCH_ERROR_MS = 20
"""Error of a time that is estimated from the pitch of 100 ms."""

RECORD = """async (options) => {
    const { Microphone } = await import("/microphone.js");
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await open(wanted));
    window.pieces = [];
    window.backlog = 0;
    window.microphone = new Microphone(
        (data, { begins }) => window.pieces.push({ data, begins }),
        () => {},
        { ...options, backlogBytes: () => window.backlog, constraints: {
            echoCancellation: false, noiseSuppression: false, autoGainControl: false } },
    );
}"""
START = "() => window.microphone.start()"
STOP = """async () => {
    await window.microphone.stop();
    const tracks = window.stream.getTracks().map((track) => track.readyState);
    return { pieces: window.pieces, tracks };
}"""
PLAY = """async () => {
    const { Player } = await import("/player.js");
    const context = new AudioContext();
    const tap = context.createGain();
    tap.connect(context.destination);
    const silence = new ConstantSourceNode(context, { offset: 0 });
    silence.connect(tap); // without any input the node does not run
    silence.start();
    Object.defineProperty(context, "destination", { value: tap });
    await context.audioWorklet.addModule("/pcm-worklet.js");
    const listener = new AudioWorkletNode(context, "pcm-slices", {
        numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
        processorOptions: { sliceSamples: 480 },
    });
    window.heard = [];
    window.peak = 0;
    listener.port.onmessage = ({ data }) => {
        window.heard.push(...data.samples);
        window.peak = Math.max(...data.samples);
    };
    tap.connect(listener);
    window.context = context;
    window.failures = [];
    window.reports = [];
    window.player = new Player(() => context);
    window.player.addEventListener("failure", ({ detail }) => failures.push(detail.responseId));
    window.player.onPlayback = (playback) => window.reports.push(playback);
}"""


def length_ms(pcm: bytes) -> float:
    """Return the duration of PCM at the rate of the sweep."""
    return len(pcm) / BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished recording: the pieces of each container, and the state of the tracks."""

    containers: Sequence[Sequence[bytes]]
    tracks: Sequence[str]

    @property
    def pieces(self) -> list[bytes]:
        """The pieces of all containers."""
        return [piece for container in self.containers for piece in container]


async def pieces_are(page: Page, count: int) -> None:
    """Wait until the microphone has delivered this many pieces."""
    await page.wait_for_function("count => window.pieces.length >= count", arg=count)


async def stop(page: Page) -> Recorded:
    """End the recording and return it."""
    ended: dict[str, Any] = await page.evaluate(STOP)
    containers: list[list[bytes]] = []
    for piece in ended["pieces"]:
        if piece["begins"]:
            containers.append([])
        containers[-1].append(base64.b64decode(piece["data"]))
    return Recorded(containers, ended["tracks"])


@pytest.mark.parametrize("encoding", ["opus", "pcm16"])
async def test_pieces_of_a_recording_are_one_recording(tmp_path: Path, encoding: str) -> None:
    async with opened(sweep(tmp_path / "sweep.wav")) as page:
        await page.evaluate(RECORD, {"encoding": encoding})
        await page.evaluate(START)
        await pieces_are(page, 25)
        recording = await stop(page)
    (pieces,) = recording.containers
    assert recording.tracks == ["ended"]
    assert all(piece[:4] != pieces[0][:4] for piece in pieces[1:])
    heard = decoded_live(pieces)
    assert length_ms(heard) > 2_000
    begin, end = heard[200 * BYTES_PER_MS : 300 * BYTES_PER_MS], heard[-100 * BYTES_PER_MS :]
    assert moment_ms(end) - moment_ms(begin) == pytest.approx(length_ms(heard) - 300, abs=60)


def gap_ms(before: bytes, after: bytes) -> float:
    """Return the length missing between two parts of the sweep, whose edges are blurred."""
    ends_ms = moment_ms(before[-200 * BYTES_PER_MS : -100 * BYTES_PER_MS]) + 150
    begins_ms = moment_ms(after[100 * BYTES_PER_MS : 200 * BYTES_PER_MS]) - 150
    return begins_ms - ends_ms


async def test_another_quality_starts_another_container_and_repeats_no_sound(
    tmp_path: Path,
) -> None:
    async with opened(sweep(tmp_path / "sweep.wav")) as page:
        await page.evaluate(RECORD, {})
        await page.evaluate(START)
        await pieces_are(page, 15)
        await page.evaluate("window.backlog = 1e6")
        await page.wait_for_function("() => window.microphone.quality === 'medium'")
        await page.evaluate("window.backlog = 0")
        await page.wait_for_function("() => window.pieces.filter(p => p.begins).length === 2")
        await pieces_are(page, 35)
        recording = await stop(page)
    first, second = (b"".join(container) for container in recording.containers)
    high, medium = decoded_whole(first), decoded_whole(second)
    assert -PITCH_ERROR_MS < gap_ms(high, medium) < FRAME_MS + PITCH_ERROR_MS
    assert len(second) / length_ms(medium) < 0.75 * len(first) / length_ms(high)
    live = decoded_live(recording.pieces)
    assert length_ms(live) == pytest.approx(length_ms(high + medium), abs=100)


async def test_the_type_of_connection_limits_the_quality_at_once(tmp_path: Path) -> None:
    async with opened(sweep(tmp_path / "sweep.wav")) as page:
        await page.evaluate("""() => {
            window.connection = Object.assign(new EventTarget(), { effectiveType: "3g" });
            Object.defineProperty(navigator, "connection", { value: window.connection });
        }""")
        await page.evaluate(RECORD, {})
        await page.evaluate(START)
        await pieces_are(page, 5)
        assert await page.evaluate("[microphone.quality, pieces.filter(p => p.begins).length]") == [
            "medium",
            1,
        ]
        await page.evaluate("""() => {
            connection.effectiveType = "2g";
            connection.dispatchEvent(new Event("change"));
        }""")
        assert await page.evaluate("microphone.quality") == "low"
        await pieces_are(page, 10)
        recording = await stop(page)
    assert len(recording.containers) == 2
    assert all(decoded_whole(b"".join(container)) for container in recording.containers)


async def test_a_restart_begins_a_container_with_a_header(tmp_path: Path) -> None:
    async with opened(sweep(tmp_path / "sweep.wav")) as page:
        await page.evaluate(RECORD, {})
        await page.evaluate(START)
        await pieces_are(page, 5)
        await page.evaluate("microphone.restart()")
        await pieces_are(page, 10)
        recording = await stop(page)
    _, again = recording.containers
    assert length_ms(decoded_whole(b"".join(again))) > 200


async def test_a_stop_during_the_permission_request_releases_the_microphone(tmp_path: Path) -> None:
    async with opened(sweep(tmp_path / "sweep.wav")) as page:
        await page.evaluate(RECORD, {})
        await page.evaluate(
            "async () => { const begun = microphone.start(); await microphone.stop(); await begun }"
        )
        is_on, tracks = await page.evaluate(
            "[microphone.isOn, stream.getTracks().map((track) => track.readyState)]"
        )
        assert (is_on, tracks) == (False, ["ended"])
        await page.evaluate("async () => { await microphone.requestPermission() }")
        await page.evaluate(START)
        await page.wait_for_function("() => microphone.level > 0.1")
        assert (await stop(page)).tracks == ["ended"]


async def test_speech_begins_once_and_ends_once(tmp_path: Path) -> None:
    spoken = tmp_path / "spoken.wav"
    write_microphone(spoken, speech_pcm("weather_in_london"))
    async with opened(spoken) as page:
        await page.evaluate(RECORD, {})
        await page.evaluate(START)
        await page.evaluate("""async () => {
            const { VoiceActivityDetector } = await import("/voice-activity.js");
            window.edges = [];
            window.detector = new VoiceActivityDetector(window.stream);
            detector.setSilenceTimeout(800);
            detector.startDetection(() => edges.push("start"), () => edges.push("end"));
        }""")
        await page.wait_for_function("() => edges.includes('end')")
        await pieces_are(page, 45)
        assert await page.evaluate("edges") == ["start", "end"]
        await page.evaluate("detector.stopDetection()")
        await stop(page)


def tone_chunks(count: int, chunk_ms: int = 600) -> list[str]:
    """Return a tone as the service sends it: a complete MP3 file for each phrase."""
    encoder = open_encoder(AudioFormat(Encoding.MP3), Framing.SELF_CONTAINED)
    samples = chunk_ms * RATE_HZ // 1000
    chunks = []
    for phrase in range(count):
        times = (at / RATE_HZ for at in range(phrase * samples, (phrase + 1) * samples))
        tone = array("h", (round(16_000 * sin(2 * pi * 440 * time)) for time in times))
        chunks += [*encoder.feed(Pcm(tone.tobytes(), RATE_HZ)), *encoder.end_phrase()]
    assert len(chunks) == count
    return [base64.b64encode(chunk.data).decode() for chunk in chunks]


@dataclass(frozen=True, slots=True)
class Heard:
    """Sound at the loudspeaker, from the first sample to the last."""

    sound_ms: float
    longest_gap_ms: float


async def heard(page: Page) -> Heard:
    """Return the sound at the loudspeaker so far."""
    samples, rate_hz = await page.evaluate("[window.heard, window.context.sampleRate]")
    loud = [at for at, sample in enumerate(samples) if abs(sample) > 1_600]
    longest = max(later - sooner for sooner, later in pairwise(loud))
    return Heard((loud[-1] - loud[0]) * 1000 / rate_hz, longest * 1000 / rate_hz)


async def is_silent(page: Page) -> None:
    """Wait until the loudspeaker has received another quarter of a second."""
    at = await page.evaluate("window.heard.length")
    await page.wait_for_function("at => window.heard.length > at + 12000", arg=at)


async def test_chunks_play_without_a_gap_and_broken_ones_are_left_out() -> None:
    chunks = tone_chunks(4)
    async with opened() as page:
        await page.evaluate(PLAY)
        await page.evaluate(
            "chunks => chunks.forEach(chunk => void player.play(1, chunk))",
            [*chunks[:2], base64.b64encode(b"no sound at all").decode(), *chunks[2:]],
        )
        await page.wait_for_function("() => reports.at(-1)?.isPlaying === false")
        await is_silent(page)
        whole = await heard(page)
        assert whole.longest_gap_ms < 30
        assert whole.sound_ms == pytest.approx(2_400, abs=60)
        assert await page.evaluate("failures") == [1]
        report = await page.evaluate("reports.at(-1)")
        assert report["playedMs"] == pytest.approx(2_400, abs=120)


async def test_a_flush_is_silent_at_once_and_returns_the_played_length() -> None:
    chunks = tone_chunks(4)
    async with opened() as page:
        await page.evaluate(PLAY)
        play = "([id, chunks]) => Promise.all(chunks.map(chunk => player.play(id, chunk)))"
        await page.evaluate(play, [1, chunks])
        await page.wait_for_function("() => player.playedMs(1) > 800")
        flushed = await page.evaluate("() => player.flush()")
        await page.evaluate(play, [1, chunks])
        await is_silent(page)
        cut = await heard(page)
        assert flushed["responseId"] == 1
        assert flushed["playedMs"] - 60 <= cut.sound_ms <= flushed["playedMs"] + 50
        assert await page.evaluate("[player.isPlaying, peak]") == [False, 0]
        await page.evaluate(play, [2, chunks[:1]])
        await page.wait_for_function("() => peak > 1600")


async def test_a_held_player_is_silent_and_resumes_without_loss() -> None:
    async with opened() as page:
        await page.evaluate(PLAY)
        play = "([id, chunks]) => Promise.all(chunks.map(chunk => player.play(id, chunk)))"
        first, second = tone_chunks(4)[:2], tone_chunks(4)[2:]
        await page.evaluate(play, [1, first])
        await page.wait_for_function("() => player.playedMs(1) > 300")
        await page.evaluate("player.hold(1)")
        await page.wait_for_function("() => context.state === 'suspended'")
        await page.evaluate("window.heldAt = context.currentTime")
        await page.evaluate(play, [1, second])  # arrives during the hold, and does not end it
        held_ms, reports = await page.evaluate("[player.playedMs(1), reports.length]")
        await page.evaluate("async () => new Promise(requestAnimationFrame)")
        assert await page.evaluate("[context.state, context.currentTime === heldAt]") == [
            "suspended",
            True,
        ]
        assert await page.evaluate("[player.playedMs(1), reports.length]") == [held_ms, reports]
        await page.evaluate("player.release()")
        await page.wait_for_function("() => reports.at(-1)?.isPlaying === false")
        await is_silent(page)
        whole = await heard(page)
        assert whole.longest_gap_ms < 30
        assert whole.sound_ms == pytest.approx(2_400, abs=60)
        played = [report["playedMs"] for report in await page.evaluate("reports")]
        assert played == sorted(played)
        assert 0 < played[0] < 600
        assert played[-1] == pytest.approx(2_400, abs=120)


async def test_a_response_silenced_during_a_hold_stays_silent() -> None:
    chunks = tone_chunks(2)
    async with opened() as page:
        await page.evaluate(PLAY)
        play = "([id, chunks]) => Promise.all(chunks.map(chunk => player.play(id, chunk)))"
        await page.evaluate(play, [1, chunks])
        await page.wait_for_function("() => player.playedMs(1) > 300")
        await page.evaluate("player.hold(1)")
        await page.wait_for_function("() => context.state === 'suspended'")
        cut = await page.evaluate(
            "() => { heard.length = 0; player.silence(1); return reports.at(-1); }"
        )
        await is_silent(page)
        assert cut["isPlaying"] is False
        assert await page.evaluate("Math.max(...heard.slice(2000))") == 0


async def test_the_latest_part_of_a_real_recording_is_decodable() -> None:
    blobs = recorded("webm").blobs
    assert len(blobs) > 20
    async with opened() as page:
        seconds, kept = await page.evaluate(
            """async (blobs) => {
                const { AudioStreamBuffer } = await import("/audio-stream-buffer.js");
                const { toBase64, toBytes } = await import("/base64.js");
                const buffer = new AudioStreamBuffer(10);
                for (const blob of blobs) await buffer.addChunk(new Blob([toBytes(blob)]));
                const kept = await buffer.getCombinedAudio().arrayBuffer();
                const combined = toBase64(new Uint8Array(kept));
                const context = new OfflineAudioContext(1, 1, 48000);
                return [(await context.decodeAudioData(kept)).duration, combined];
            }""",
            [base64.b64encode(blob).decode() for blob in blobs],
        )
    whole, latest = decoded_whole(recorded("webm").data), decoded_whole(base64.b64decode(kept))
    assert 900 < length_ms(latest) < 1_300 < length_ms(whole)
    assert seconds * 1000 > 900
    end = whole[-800 * BYTES_PER_MS :]
    assert loudness(latest[-800 * BYTES_PER_MS :]) == pytest.approx(loudness(end), rel=0.1)


def loudness(pcm: bytes) -> float:
    """Return the mean absolute value of the samples."""
    samples = array("h", pcm)
    return sum(map(abs, samples)) / len(samples)


async def test_a_blocked_player_plays_after_unlock() -> None:
    async with opened() as page:
        await page.evaluate(PLAY)
        await page.evaluate("""() => {
            context.resume = async () => {};
            return context.suspend();
        }""")
        await page.evaluate("chunks => chunks.forEach(c => void player.play(1, c))", tone_chunks(2))
        await page.wait_for_function("() => player.isBlocked && player.decodedSeconds > 1")
        assert await page.evaluate("player.playedMs(1)") == 0
        await page.evaluate("() => { delete context.resume; player.unlock(); }")
        await page.wait_for_function("() => reports.at(-1)?.isPlaying === false")
        await is_silent(page)
        assert (await heard(page)).sound_ms == pytest.approx(1_200, abs=60)
