"""The functions of libespeak-ng in use, for a process of its own: some texts crash the library."""

import ctypes
import os
from pathlib import Path
from typing import Any

import espeakng_loader

_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1
_RATE, _PITCH = 1, 3
_BUFFER_MS = 100
_FALLBACK_LANGUAGE = "en-us"


class _VoiceRecord(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_ReceiveSamples = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class EspeakLibrary:
    """eSpeak NG, loaded and ready: one per process, for one thread, since its state is global.

    Raises:
        OSError: the library does not find its data.
    """

    def __init__(self) -> None:
        data = Path(espeakng_loader.get_data_path())
        # The library refuses a path of more than 160 characters; a relative one is always short.
        os.chdir(data.parent)
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate_hz: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, _BUFFER_MS, b".", _DONT_EXIT
        )
        if self.rate_hz <= 0:
            raise OSError("eSpeak NG does not find its data")
        self._samples = bytearray()
        # The library keeps the pointer only: the attribute keeps the callback alive.
        self._callback = _ReceiveSamples(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)
        self._voices = self._voices_by_language()

    def speak(
        self, text: str, *, language: str, variant: str, words_per_minute: int, pitch: int
    ) -> bytes:
        """Speak plain text; return 16-bit mono samples at `rate_hz`.

        Args:
            text: the text to speak.
            language: BCP-47 tag; one without a voice is spoken by the American English voice.
            variant: timbre, such as "f2"; empty for the plain voice.
            words_per_minute: 80 to 450.
            pitch: 0 to 99, 50 being normal.
        """
        voice = self.voice_of(language) + (f"+{variant}" if variant else "")
        self._library.espeak_SetVoiceByName(voice.encode())
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._samples.clear()
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
        return bytes(self._samples)

    def voice_of(self, language: str) -> str:
        """Return the voice of a tag, or of its longest prefix with a voice, or American English."""
        subtags = language.lower().replace("_", "-").split("-")
        prefixes = ["-".join(subtags[:length]) for length in range(len(subtags), 0, -1)]
        return next(
            self._voices[tag] for tag in (*prefixes, _FALLBACK_LANGUAGE) if tag in self._voices
        )

    def _receive(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._samples += ctypes.string_at(samples, count * ctypes.sizeof(ctypes.c_short))
        return 0

    def _voices_by_language(self) -> dict[str, str]:
        # Of the voices that know a language, the one with the lowest priority number is its own.
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
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


def _languages_of(voice: _VoiceRecord) -> list[tuple[int, str]]:
    # A list of (priority byte, zero-terminated tag), ended by a zero byte.
    languages = []
    address = voice.languages
    while (priority := ctypes.string_at(address, 1)[0]) != 0:
        tag = ctypes.string_at(address + 1)
        languages.append((priority, tag.decode().lower()))
        address += 1 + len(tag) + 1
    return languages
