"""The child process of the espeak engine: eSpeak NG by ctypes, one phrase a request.

A request is JSON, a reply the sample rate (four bytes, big endian) and signed 16-bit mono samples.
"""

import ctypes
import json
import struct
import tempfile
from pathlib import Path
from typing import Any

import espeakng_loader

from cedar_voice_service.providers import frames

WORDS_PER_MINUTE = 175
PITCH = 50

# Names that clients of OpenAI's voices use, as timbres that can be told apart.
TIMBRES = {
    "alloy": "",
    "echo": "+m3",
    "fable": "+m7",
    "onyx": "+m1",
    "nova": "+f2",
    "shimmer": "+f4",
}

_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1
_RATE, _PITCH = 1, 3
_MAX_DATA_PATH_CHARS = 130

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class Espeak:
    """The library, loaded once: it keeps voice and parameters in globals."""

    def __init__(self) -> None:
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self._short_path = tempfile.TemporaryDirectory(prefix="espeak")
        self.rate_hz = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, self._data_path().encode(), _DONT_EXIT
        )
        if self.rate_hz <= 0:
            raise RuntimeError("eSpeak NG does not find its data")
        self._samples = bytearray()
        self._callback = _Callback(self._keep)  # the library holds no reference of its own
        self._library.espeak_SetSynthCallback(self._callback)
        self._voices = self._voices_by_language()

    def speak(self, request: dict[str, Any]) -> bytes:
        """The samples of one phrase."""
        voice = self.voice_of(request["language"]) + TIMBRES.get(request["voice"], "")
        self._library.espeak_SetVoiceByName(voice.encode())
        self._library.espeak_SetParameter(_RATE, round(WORDS_PER_MINUTE * request["rate"]), 0)
        self._library.espeak_SetParameter(_PITCH, min(99, round(PITCH * request["pitch"])), 0)
        self._samples.clear()
        text = request["text"].encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _UTF8, None, None)
        return bytes(self._samples)

    def voice_of(self, language: str) -> str:
        """The best voice of a language tag, else of its primary language, else American English."""
        tag = language.lower().replace("_", "-")
        for wanted in (tag, tag.split("-")[0], "en-us"):
            if wanted in self._voices:
                return self._voices[wanted]
        return "en-us"

    def _keep(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count:
            self._samples += ctypes.string_at(samples, count * 2)
        return 0

    def _data_path(self) -> str:
        # The library refuses a long path.
        path = espeakng_loader.get_data_path()
        if len(path) <= _MAX_DATA_PATH_CHARS:
            return str(path)
        link = Path(self._short_path.name) / "espeak-ng-data"
        link.symlink_to(path)
        return str(link)

    def _voices_by_language(self) -> dict[str, str]:
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        listed = self._library.espeak_ListVoices(None)
        best: dict[str, tuple[int, str]] = {}
        index = 0
        while listed[index]:
            voice = listed[index].contents
            for priority, language in _languages_of(voice):
                candidate = (priority, voice.identifier.decode())
                best[language] = min(best.get(language, candidate), candidate)
            index += 1
        return {language: identifier for language, (_, identifier) in best.items()}


def _languages_of(voice: _Voice) -> list[tuple[int, str]]:
    """Pairs of a priority byte and a zero-terminated tag, ended by a zero byte."""
    languages, at = [], 0
    while (priority := ord(voice.languages[at])) != 0:
        end = at + 1
        while voice.languages[end] != b"\0":
            end += 1
        tag = b"".join(voice.languages[i] for i in range(at + 1, end))
        languages.append((priority, tag.decode().lower()))
        at = end + 1
    return languages


def main() -> None:
    """Serve until the input ends."""
    espeak = Espeak()

    def answer(_kind: bytes, body: bytes) -> bytes:
        return struct.pack("!I", espeak.rate_hz) + espeak.speak(json.loads(body))

    frames.serve(answer)


if __name__ == "__main__":
    main()
