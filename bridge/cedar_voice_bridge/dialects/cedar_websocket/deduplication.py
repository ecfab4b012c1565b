"""The chat of clients that add a message for every final transcription and every answer."""

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.transcript_diff import REPLACED_ANSWER_REASONS, text_after


class MessageDeduplicator:
    """What such a client is told, so that no message is one too many.

    A user who goes on before the answer is heard makes a longer utterance of the one that was told,
    and the answer void. So the client is told the words that it has no message of, and the whole
    text of an answer not before its sound begins.
    """

    def __init__(self) -> None:
        self.adds_messages = True
        """Whether the client is of this kind; another one is told everything as it is said."""
        self._turn_id = 0
        self._utterance = ""
        self._void_id = 0
        self._sounding_id = 0
        self._sequence = 0
        self._written: pb.VoiceSessionResponse | None = None

    def told(self, response: pb.VoiceSessionResponse) -> list[pb.VoiceSessionResponse]:
        """What to tell the client of a response, in this order."""
        self._sequence = max(self._sequence, response.sequence)
        if not self.adds_messages:
            return [*self.release_withheld(), response]
        match response.WhichOneof("payload"):
            case "transcription":
                return [self._transcribed(response)]
            case "response" if response.response.HasField("completed"):
                return self._completed(response)
            case "audio":
                self._sounding_id = max(self._sounding_id, response.audio.response_id)
                return [*self.release_withheld(), response]
            case "interruption":
                self._interrupted(response.interruption)
            case _:
                pass
        return [response]

    def release_withheld(self) -> list[pb.VoiceSessionResponse]:
        """The text of an answer that the client is still to be told."""
        written, self._written = self._written, None
        if written is None:
            return []
        written.sequence = self._sequence  # clients pass over what is older than what they know
        return [written]

    def _transcribed(self, response: pb.VoiceSessionResponse) -> pb.VoiceSessionResponse:
        """The words that it has no message of; a final one without any is told as a partial."""
        if response.turn_id != self._turn_id:
            self._turn_id, self._utterance = response.turn_id, ""
        rest = pb.VoiceSessionResponse()
        rest.CopyFrom(response)
        said = rest.transcription
        whole = said.text
        said.text = text_after(whole, self._utterance)
        said.stable_text = said.stable_text[len(whole) - len(said.text) :]
        if said.is_final:
            self._utterance = whole
            said.is_final = bool(said.text)
        return rest

    def _completed(self, response: pb.VoiceSessionResponse) -> list[pb.VoiceSessionResponse]:
        response_id = response.response.response_id
        if response_id == self._void_id:
            return []
        if response_id <= self._sounding_id:
            return [response]
        self._written = pb.VoiceSessionResponse()
        self._written.CopyFrom(response)
        return []

    def _interrupted(self, interruption: pb.Interruption) -> None:
        if interruption.reason in REPLACED_ANSWER_REASONS:
            self._void_id = interruption.response_id
            self._written = None
