"""Recognizes one utterance after the other with PocketSphinx; blocking, for a process of its own.

The decoder normalizes the spectrum by a mean that must fit the microphone and the room, and starts
from one that fits neither. So the mean is measured on the first speech, and the decoder starts
again with it, a few times while the utterance is short. At the end the utterance is decoded once
more as a whole, unless that would last too long.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pocketsphinx import Decoder

from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES
from cedar_voice_service.providers.pocketsphinx.speech_span import Loudness, SpeechSpan

_MEASURE_AT_MS = (600, 1_200, 1_800, 2_700)
_SETTLED_SHARE = 0.65
_LOUDER_DB = 15.0
_PAUSE_MS = 300
_SECOND_BYTES = LISTENING_RATE_HZ * SAMPLE_BYTES
_LONGEST_CLOSING_BYTES = 12 * _SECOND_BYTES
_LONGEST_AHEAD_BYTES = 6 * _SECOND_BYTES
_CHEAP_CLOSING_BYTES = 2 * _SECOND_BYTES
_CLOSING_GROWTH = 1.5
_PRONUNCIATION = re.compile(r"\(\d+\)$")
_FILLER_STARTS = ("<", "[", "+")


@dataclass(frozen=True, slots=True)
class DecodedSpeech:
    """The words of an utterance; `confidence` is their mean probability, None without words."""

    text: str = ""
    confidence: float | None = None


class Recognizer:
    """A decoder that serves many utterances, each an object of `DecodedUtterance`."""

    def __init__(self) -> None:
        # Of many settings tried on recorded speech these halve the time at the end of an utterance
        # and cost no accuracy.
        self._decoder = Decoder(lw=5, fwdflat=False, maxhmmpf=5000, loglevel="FATAL")
        self._is_decoding = False
        with tempfile.TemporaryDirectory() as folder:
            words = Path(folder) / "words.dict"
            words.write_text("yes Y EH S\n")
            # As small as a decoder gets: it only computes features.
            self._meter = Decoder(lm=None, dict=str(words), keyphrase="yes", loglevel="FATAL")

    def measure(self, audio: bytes) -> str:
        """Return the cepstral mean of `audio`, in the form that the decoder accepts."""
        self._meter.reinit_feat()
        self._meter.start_utt()
        self._meter.process_raw(audio, no_search=True, full_utt=True)
        mean: str = self._meter.get_cmn(False)
        self._meter.end_utt()
        return mean

    def start(self, mean: str) -> None:
        """Begin to decode with a cepstral mean to normalize by; earlier results are discarded."""
        self.stop()
        self._decoder.reinit_feat()
        self._decoder.set_cmn(mean)
        self._decoder.start_utt()
        self._is_decoding = True

    def decode(self, audio: bytes) -> str:
        """Decode more audio and return the words so far."""
        self._decoder.process_raw(audio)
        return self._text()

    def decode_whole(self, audio: bytes) -> DecodedSpeech:
        """Decode a complete utterance."""
        self.stop()
        # Without this the decoder continues to normalize as for audio that still arrives.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(audio, full_utt=True)
        self._is_decoding = True
        return self.stop()

    def stop(self) -> DecodedSpeech:
        """End the decoding that is under way, if any, and return its words."""
        if not self._is_decoding:
            return DecodedSpeech()
        self._decoder.end_utt()
        self._is_decoding = False
        text = self._text()
        probabilities = [
            segment.prob
            for segment in self._decoder.seg() or ()
            if not segment.word.startswith(_FILLER_STARTS)
        ]
        if not text or not probabilities:
            return DecodedSpeech(text)
        return DecodedSpeech(text, min(1.0, sum(probabilities) / len(probabilities)))

    def _text(self) -> str:
        hypothesis = self._decoder.hyp()
        words = hypothesis.hypstr.split() if hypothesis else ()
        spoken = (word for word in words if not word.startswith(_FILLER_STARTS))
        return " ".join(_PRONUNCIATION.sub("", word) for word in spoken)


class DecodedUtterance:
    """One utterance: `add` its audio piece by piece, then `finish`."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._audio = bytearray()
        self._loudness = Loudness()
        self._text = ""
        self._measured: SpeechSpan | None = None
        self._closing: DecodedSpeech | None = None
        self._closed_ms = 0

    def add(self, audio: bytes) -> str:
        """Receive more audio (16 kHz mono) and return the words so far."""
        self._audio += audio
        self._loudness.feed(audio)
        span = self._loudness.span()
        if span is None:
            return self._text
        if self._closing is not None:
            self._resume(span)
        elif self._is_measure_due(span):
            self._start_again(span)
        elif self._measured is not None:
            self._text = self._recognizer.decode(audio)
            self._prepare_closing(span)
        return self._text

    def finish(self) -> DecodedSpeech:
        """End the utterance and return its words; empty for silence."""
        span = self._loudness.span()
        if self._closing is None and span is not None:
            can_stop = self._measured is not None and self._is_good_enough(span, self._measured)
            self._closing = self._recognizer.stop() if can_stop else self._decode_whole(span)
        return self._closing or DecodedSpeech()

    def _is_measure_due(self, span: SpeechSpan) -> bool:
        measured = self._measured
        if measured is None:
            return span.voiced_ms >= _MEASURE_AT_MS[0]
        if span.loudness_db > measured.loudness_db + _LOUDER_DB:
            # The speech measured so far was noise before the actual speech.
            return span.voiced_ms >= _MEASURE_AT_MS[0]
        return any(measured.voiced_ms < at_ms <= span.voiced_ms for at_ms in _MEASURE_AT_MS)

    def _start_again(self, span: SpeechSpan) -> None:
        self._measured = span
        mean = self._recognizer.measure(self._cut(span))
        self._recognizer.start(mean)
        self._text = self._recognizer.decode(bytes(self._audio[span.start_byte :]))

    def _prepare_closing(self, span: SpeechSpan) -> None:
        # In a pause that may be the end, the last pass is made ahead; each must be well longer than
        # the one before, so that all of them together stay within a few times the utterance.
        is_longer = span.voiced_ms >= self._closed_ms * _CLOSING_GROWTH
        if span.quiet_ms >= _PAUSE_MS and is_longer and span.length_bytes <= _LONGEST_AHEAD_BYTES:
            self._closed_ms = span.voiced_ms
            self._closing = self._decode_whole(span)
            self._text = self._closing.text

    def _resume(self, span: SpeechSpan) -> None:
        if span.voiced_ms > self._closed_ms:
            self._closing = None
            self._start_again(span)

    def _is_good_enough(self, span: SpeechSpan, measured: SpeechSpan) -> bool:
        # Whether the words decoded so far may stand: the last pass is a little more accurate, and
        # lasts an eighth of the utterance.
        if span.length_bytes > _LONGEST_CLOSING_BYTES:
            return True
        is_settled = measured.voiced_ms >= _SETTLED_SHARE * span.voiced_ms
        return is_settled and span.length_bytes > _CHEAP_CLOSING_BYTES

    def _decode_whole(self, span: SpeechSpan) -> DecodedSpeech:
        return self._recognizer.decode_whole(self._cut(span))

    def _cut(self, span: SpeechSpan) -> bytes:
        return bytes(self._audio[span.start_byte : span.end_byte])
