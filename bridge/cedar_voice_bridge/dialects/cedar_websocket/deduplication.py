"""Deduplication for clients that add a message for every final transcription and every answer."""

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.transcript_diff import REPLACED_ANSWER_REASONS, text_after


class MessageDeduplicator:
    """A filter of responses, so that the client's chat shows no message twice.

    A user who resumes speaking before the answer is audible extends the utterance that the client
    has received, and the answer becomes void. So the client receives only the words that its chat
    lacks, and the whole text of an answer not before the audio of the answer begins.
    """

    def __init__(self) -> None:
        self.adds_messages = True
        """Whether the client is of this kind; another one receives every response unchanged."""
        self._turn_id = 0
        self._utterance = ""
        self._void_id = 0
        self._audible_id = 0
        self._sequence = 0
        self._completed: pb.VoiceSessionResponse | None = None

    def filter(self, response: pb.VoiceSessionResponse) -> list[pb.VoiceSessionResponse]:
        """Return the responses to send in place of this one, in this order."""
        self._sequence = max(self._sequence, response.sequence)
        if not self.adds_messages:
            return [*self.flush(), response]
        match response.WhichOneof("payload"):
            case "transcription":
                return [self._shortened(response)]
            case "response" if response.response.HasField("completed"):
                return self._withhold(response)
            case "audio":
                self._audible_id = max(self._audible_id, response.audio.response_id)
                return [*self.flush(), response]
            case "interruption":
                self._discard(response.interruption)
            case _:
                pass
        return [response]

    def flush(self) -> list[pb.VoiceSessionResponse]:
        """Return the text of an answer that has been withheld; empty without one."""
        completed, self._completed = self._completed, None
        if completed is None:
            return []
        completed.sequence = self._sequence  # clients ignore a number below one they have received
        return [completed]

    def _shortened(self, response: pb.VoiceSessionResponse) -> pb.VoiceSessionResponse:
        """Return the words that the chat lacks; a final transcription without any as a partial."""
        if response.turn_id != self._turn_id:
            self._turn_id, self._utterance = response.turn_id, ""
        shortened = pb.VoiceSessionResponse()
        shortened.CopyFrom(response)
        transcription = shortened.transcription
        whole = transcription.text
        transcription.text = text_after(whole, self._utterance)
        cut_chars = len(whole) - len(transcription.text)
        transcription.stable_text = transcription.stable_text[cut_chars:]
        if transcription.is_final:
            self._utterance = whole
            transcription.is_final = bool(transcription.text)
        return shortened

    def _withhold(self, response: pb.VoiceSessionResponse) -> list[pb.VoiceSessionResponse]:
        """Withhold the text of an answer until it is audible; drop it if the answer is void."""
        response_id = response.response.response_id
        if response_id == self._void_id:
            return []
        if response_id <= self._audible_id:
            return [response]
        self._completed = pb.VoiceSessionResponse()
        self._completed.CopyFrom(response)
        return []

    def _discard(self, interruption: pb.Interruption) -> None:
        if interruption.reason in REPLACED_ANSWER_REASONS:
            self._void_id = interruption.response_id
            self._completed = None
