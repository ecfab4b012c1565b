"""Brings a driven machine to the places where a conversation gets interesting."""

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session.answer_parts import SpokenChunk
from tests.support.machine_driver import MachineDriver

MP3 = AudioFormat(Encoding.MP3)


def transcribed(driver: MachineDriver, text: str = "hello there") -> int:
    """Bring the driver to the answer of its present turn; the number of the answer's work."""
    driver.let(on.FinalTranscribed(driver.transcribing, text))
    replies = driver.asked_for(do.StartReplying)
    return replies[-1].work_id if replies else 0


def thinking(driver: MachineDriver, text: str = "hello there") -> int:
    """Bring the driver to an answer of which nothing came yet; the answer's work."""
    driver.speak(600)
    driver.pause(600)
    return transcribed(driver, text)


def answering(driver: MachineDriver, *, speech_ms: int = 2_000) -> int:
    """Bring the driver to speaking "One two three four." for `speech_ms`; the answer's work."""
    work_id = thinking(driver)
    driver.let(*spoken(work_id, speech_ms))
    return work_id


def spoken(work_id: int, speech_ms: int = 2_000) -> list[on.Event]:
    """The reports of an answer that has begun to be heard."""
    chunk = SpokenChunk(b"mp3", 0, speech_ms, "One two three four.")
    return [
        on.ReplyWritten(work_id, "One two three four."),
        on.SynthesisStarted(work_id),
        on.SpeechSynthesized(work_id, (chunk,), MP3),
    ]
