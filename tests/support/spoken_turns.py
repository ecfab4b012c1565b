"""Brings a driven machine to given states of an answer."""

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session.answer_parts import SpokenChunk
from tests.support.machine_driver import MachineDriver

MP3 = AudioFormat(Encoding.MP3)


def transcribed(driver: MachineDriver, text: str = "hello there") -> int:
    """Drive the current turn to its answer, and return the number of the answer's work."""
    driver.let(on.FinalTranscribed(driver.transcribing, text))
    replies = driver.asked_for(do.StartReplying)
    return replies[-1].work_id if replies else 0


def thinking(driver: MachineDriver, text: str = "hello there") -> int:
    """Drive to an answer without output yet, and return the number of its work."""
    driver.speak(600)
    driver.pause(600)
    return transcribed(driver, text)


def answering(driver: MachineDriver, *, speech_ms: int = 2_000) -> int:
    """Drive to `speech_ms` of the answer "One two three four."; return the number of its work."""
    work_id = thinking(driver)
    driver.let(*spoken(work_id, speech_ms))
    return work_id


def spoken(work_id: int, speech_ms: int = 2_000) -> list[on.Event]:
    """Return the reports of an answer that has begun to sound."""
    chunk = SpokenChunk(b"mp3", 0, speech_ms, "One two three four.")
    return [
        on.ReplyWritten(work_id, "One two three four."),
        on.SynthesisStarted(work_id),
        on.SpeechSynthesized(work_id, (chunk,), MP3),
    ]
